// SPDX-License-Identifier: Apache-2.0
/* Keys that are being rotated: one at a time each, for the number of the next version is the key's,
 * and not every key manager keeps two from taking it at once. */
#ifndef BROKER_BUSY_KEYS_H
#define BROKER_BUSY_KEYS_H

#include <pthread.h>

#include "crypto/random.h"

#define BUSY_KEYS_MAX 64

struct busy_keys { /* all zero: none */
    pthread_mutex_t lock;
    size_t count;
    char ids[BUSY_KEYS_MAX][UUID_TEXT_SIZE];
};

/* FAIL_CONFLICT: it is busy already; FAIL_LIMIT: too many are. Else busy_keys_end() follows. */
fallible busy_keys_begin(struct busy_keys *b, const char *id);
void busy_keys_end(struct busy_keys *b, const char *id);

#endif
