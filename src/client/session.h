// SPDX-License-Identifier: Apache-2.0
/*
 * One attestation's keys: S signs the proofs, E receives keys (both P-256, made here, never
 * stored), and the attestation token that evidence bound to them has earned. A token is of use only
 * together with S.
 *
 * The keys may be used, and references freed, in any thread; the rest belongs to one.
 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

#include "base/json.h"
#include "client/attester/attester.h"
#include "crypto/key.h"

struct session;

fallible session_new(struct session **out);
void session_free(struct session *s);
struct session *session_ref(struct session *s); /* free each */
OWNED_TYPE(struct session, session_free)

const struct key *session_encryption_key(const struct session *s); /* E, private */
/* New references. */
fallible session_jwks(const struct session *s, json_t **signing, json_t **encryption);

/* RFC 7638 thumbprint of S. */
fallible session_thumbprint(const struct session *s, char out[THUMBPRINT_TEXT_SIZE]);

/* SHA-512 over the parts "warder-kbs-v1", challenge, tenant, S, E (docs/protocol.md). */
fallible session_report_data(const struct session *s, struct span challenge, struct span tenant,
                             uint8_t out[REPORT_DATA_SIZE]);
/* Warder-Proof: S signs "warder-proof-v1", method, path, challenge, hash of the body. Appends
 * b64url text. */
fallible session_proof(const struct session *s, struct span path, struct span challenge,
                       struct span body, struct buf *out);

/* Once for each challenge that these keys answer. FAIL_DENIED: they have answered it before, so
 * that what follows could be an old answer told again, to prolong a lease or to bring an older
 * version back. FAIL_LIMIT: too many. */
fallible session_take_challenge(struct session *s, struct span challenge);

/* The token is the KBS's to judge; we only keep it until it expires. */
void session_keep_token(struct session *s, struct span token, int64_t expires_at);
void session_drop_token(struct session *s);
/* The token for uses in other threads, as text to be freed, NULL where there is none; and when it
 * ends. */
fallible session_token_copy(const struct session *s, char **token, int64_t *ends);
/* NULL when there is none that is good for another half a minute, or these keys have answered
 * enough. */
const char *session_token(const struct session *s, int64_t now);

#endif
