// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions of guests of Confidential Containers: what an attested guest was given a token for. A
 * session is named by the digest of its challenge and begins in the transaction that spends that;
 * a token counts only while it is the one of such a session. Before a guest is attested nothing is
 * stored of it.
 */
#ifndef BROKER_GUEST_SESSION_H
#define BROKER_GUEST_SESSION_H

#include "broker/row.h"
#include "base/json.h"

struct guest_session {
    json_t *content;   /* owned */
    struct span token; /* borrows from content */
    int64_t expires_at;
};
void guest_session_done(struct guest_session *g);
static inline void guest_session_donep(struct guest_session *g)
{
    guest_session_done(g);
}

/* `challenge`: "sha256:...". FAIL_CONFLICT: there is one. */
fallible guest_session_begin(struct store *s, const struct secret *integrity, struct span tenant,
                             struct span challenge, struct span token, int64_t expires_at);
/* FAIL_ABSENT: there is none. */
fallible guest_session_read(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span challenge, struct guest_session *out);
fallible guest_session_sweep(struct store *s, int64_t now);

#endif
