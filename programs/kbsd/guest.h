// SPDX-License-Identifier: Apache-2.0
/*
 * The front end for guests of Confidential Containers (docs/confidential-containers.md): their
 * requests as questions to keyd and the attestation service, and the answers in their form. Of
 * evidence it reads which member it is, and nothing in it.
 */
#ifndef KBSD_GUEST_H
#define KBSD_GUEST_H

#include "kbsd/kbs.h"

#define GUEST_COOKIE "kbs-session-id"

/* {"type", "detail"} of that protocol: `name` is the last part of the type. */
void guest_answer_error(struct http_exchange *x, int status, const char *name, const char *detail);
/* keyd's refusal as that protocol has it; `handshake`: of an attestation, not of a resource. */
void guest_refuse(struct http_exchange *x, const struct operation_answer *a, bool handshake);
/* Of http_server_config: what no route takes under that protocol's paths. */
bool guest_foreign_error(struct http_exchange *x, int status);

/* What a guest sends to be attested, as each version has it. Borrows from `body`. */
struct guest_attestation {
    const json_t *tee_pubkey, *evidence;
    struct span nonce, additional, init_data; /* empty: not there */
};
/* FAIL_INPUT. The evidence is read by guest_attestation_evidence, once the version is known. */
fallible guest_attestation_read(const json_t *body, struct guest_attestation *out);
fallible guest_attestation_evidence(const json_t *body, struct span protocol,
                                    struct guest_attestation *a);
/* The question to the attestation service. New reference; NULL: memory is short. */
json_t *guest_attestation_question(const struct guest_attestation *a, const json_t *plan);

http_handler guest_auth, guest_attest, guest_resource;

#endif
