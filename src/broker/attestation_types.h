// SPDX-License-Identifier: Apache-2.0
/*
 * Kinds of TEE that this broker asks evidence of, for all keys alike: what a challenge offers is
 * what both its settings and the key's policy name.
 */
#ifndef BROKER_ATTESTATION_TYPES_H
#define BROKER_ATTESTATION_TYPES_H

#include "broker/broker.h"

/* A new list: of the policy's those that the broker takes. */
json_t *attestation_types_offered(const struct broker *b, const json_t *policy);
/* `claims`: of an attestation token; its claim `tee` says. */
bool attestation_type_taken(const struct broker *b, const json_t *claims);

#endif
