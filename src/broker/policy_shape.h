// SPDX-License-Identifier: Apache-2.0
/* What a transfer policy's document looks like, in each of its forms: for naming the members that
 * are wrong. transfer_policy.c and seed_policy.c decide. */
#ifndef BROKER_POLICY_SHAPE_H
#define BROKER_POLICY_SHAPE_H

#include "base/json_shape.h"

/* Of the form that the document has. */
const struct json_shape *policy_shape_of(const json_t *document);

#endif
