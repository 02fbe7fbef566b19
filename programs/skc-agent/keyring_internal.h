// SPDX-License-Identifier: Apache-2.0
/* What the two halves of the ring share: clients (keyring_use.c) and the fetching thread
 * (keyring.c). */
#ifndef SKC_AGENT_KEYRING_INTERNAL_H
#define SKC_AGENT_KEYRING_INTERNAL_H

#include <pthread.h>

#include "keyring.h"

enum entry_state {
    ENTRY_IDLE,
    ENTRY_WANTED, /* the thread shall fetch it */
    ENTRY_FETCHING
};

struct entry {
    struct key_line line;
    struct held_key *current;
    struct held_key
        *previous; /* the version before: old workers sign with it until they have gone */
    enum entry_state state;
    int64_t retry_at; /* after a refusal: not before; monotonic microseconds like the others; 0: at
                         once */
    int64_t renew_at; /* 0: never */
    int64_t lease_ends; /* 0: never */
};

struct keyring {
    struct fetcher *fetcher;
    pthread_t thread;

    /* `lock` guards keys: current, previous, line and the array itself, and the list of clients.
     * `mutex` guards the rest of the entries and the orders below. Only the thread changes the
     * array; it takes both, mutex first. */
    pthread_rwlock_t lock;
    pthread_mutex_t mutex;
    pthread_cond_t changed;

    struct entry *entries;
    size_t count;
    struct keyring_client *clients;
    struct keys_file *reload; /* order: take this over; owned */
    bool stop;                /* order */
};

struct keyring_client {
    struct keyring *ring;
    struct keyring_client *next, **link;
    struct secret *pin; /* NULL: not logged in */
    struct key_use *use;
};

/* Whether this entry could show an object like the one wanted; decided without having the key. */
bool entry_may_match(const struct entry *e, const struct keyring_client *c,
                     const struct agent_attribute *wanted, size_t count);

#endif
