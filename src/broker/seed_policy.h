// SPDX-License-Identifier: Apache-2.0
/*
 * Transfer policies in the forms of the Intel Security Libraries' key broker: the flat one with
 * sgx_enclave_issuer_anyof, and the later one with sgx.attributes and tdx.attributes. Both are read
 * and translated to the native form; what they leave open is decided the strict way: SVNs are
 * minima, a debug enclave is refused, an empty list is an error.
 */
#ifndef BROKER_SEED_POLICY_H
#define BROKER_SEED_POLICY_H

#include "base/json.h"

bool seed_policy_is(const json_t *document);
/* FAIL_INPUT: `*message` (malloc'ed) says which member. */
fallible seed_policy_translate(const json_t *document, json_t **native, char **message);

#endif
