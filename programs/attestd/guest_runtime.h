// SPDX-License-Identifier: Apache-2.0
/*
 * Runtime data of guests of Confidential Containers (docs/protocol.md, "Report data"): what each
 * version of their protocol has the hardware sign, and the init-data that was fixed at launch.
 */
#ifndef ATTESTD_GUEST_RUNTIME_H
#define ATTESTD_GUEST_RUNTIME_H

#include "attestd/runtime_data.h"

fallible guest_runtime_parse(const json_t *j, struct span tenant, struct runtime_data *out);

#define GUEST_INIT_DATA_CLAUSE "docs/confidential-containers.md, init-data"
/* Init-data against the claim in which the TEE holds its digest: what is wrong in *wrong, else a
 * match becomes the claim "init_data_digest". */
fallible guest_init_data_check(const struct runtime_data *d, json_t *claims, const char **wrong);

#endif
