// SPDX-License-Identifier: Apache-2.0
/*
 * One client of bench/release: a key release as the agent does it, everything fresh – keys S and E,
 * challenge, quote, proof –, and beside it two requests of the same sizes to the TLS echo.
 */
#ifndef BENCH_RELEASE_CLIENT_H
#define BENCH_RELEASE_CLIENT_H

#include "crypto/jose.h"
#include "tls_client.h"

struct release_config { /* borrowed */
    const struct tls_place *broker, *echo;
    const char *key_id, *evidence_socket;
    const struct jwks *release_keys;
    bool fresh; /* a new connection for each release, which is two requests */
};

struct release_client;
fallible release_client_new(const struct release_config *config, struct release_client **out);
void release_client_free(struct release_client *c);
OWNED_TYPE(struct release_client, release_client_free)

/* `open`: the answer is verified and opened, as the agent does; else it must be a 200 with a JWS.
 */
fallible release_once(struct release_client *c, bool open);
/* After a release, whose sizes it takes. */
fallible echo_once(struct release_client *c);

#endif
