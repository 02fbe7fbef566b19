// SPDX-License-Identifier: Apache-2.0
/* Inside the KMIP key manager: connections and calls (kmip_link.c), meaning (kmip.c). */
#ifndef KEYS_KMIP_INTERNAL_H
#define KEYS_KMIP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/tls_stream.h"
#include "keys/keystore.h"
#include "keys/kmip_message.h"

#define KMIP_IDLE_MAX 8

struct kmip {
    struct keystore face; /* first: a keystore pointer is one to this */
    char *host, *port, *ca, *certificate, *key, *prefix;
    struct tls_stream_config tls; /* borrows these */
    atomic_uint version;          /* 0: not known yet */
    _Atomic int64_t gave_up_at;   /* monotonic microseconds */
    pthread_mutex_t lock;
    struct tls_stream *idle[KMIP_IDLE_MAX];
    size_t idle_count;
    unsigned edition; /* of the revocation lists that their servers passed */
};

/* One operation of the keystore: its calls share the time. */
struct kmip_call {
    struct kmip *k;
    int64_t until; /* clock_monotonic_us() */
    bool impatient;
    uint32_t reason; /* the server's, of the last call; 0: none */
};

#define KMIP_CALL_US 8000000
#define KMIP_MAKE_US 45000000 /* an RSA-4096 key may take a server seconds */
struct kmip_call kmip_call_of(struct kmip *k, int64_t us);

/* An answer, whole, and in it the payload. */
struct kmip_reply {
    struct secret *message;
    struct span payload;
};
static inline void kmip_reply_donep(struct kmip_reply *r)
{
    secret_free(r->message);
}

/* What reads or ends in the same state is asked again when the connection breaks; Create,
 * CreateKeyPair and Register are not once they were sent. */
fallible kmip_ask(struct kmip_call *c, const struct kmip_request *q, struct kmip_reply *reply);
void kmip_drop_idle(struct kmip *k);

#endif
