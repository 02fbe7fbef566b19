// SPDX-License-Identifier: Apache-2.0
/* What the two halves of the ring share: clients (keyring_use.c) and the fetching thread
 * (keyring.c). */
#ifndef SKC_AGENT_KEYRING_INTERNAL_H
#define SKC_AGENT_KEYRING_INTERNAL_H

#include <pthread.h>

#include "client/session.h"
#include "crypto/random.h"
#include "keyring.h"

#define SECOND 1000000LL
#define RENEW_AGAIN_SECONDS 30

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
    int64_t renew_at; /* fetch it anew; 0: never */
    int64_t asks_at;  /* ask about its lease; 0: never */
    int64_t lease_ends;            /* 0: never */
    struct session *session;       /* that the lease is for; NULL without a lease */
    char audit_id[UUID_TEXT_SIZE]; /* of the release: the lease's name */
};

struct keyring {
    struct fetcher *fetcher;
    struct keyring_config config;
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
    int64_t complained_at;    /* of a use that failed: not more often than every second */
};

struct keyring_client {
    struct keyring *ring;
    struct keyring_client *next, **link;
    struct secret *pin; /* NULL: not logged in */
    struct key_use *use;
};

/* Wipes what is held of the key. */
void entry_give_up(struct keyring *k, struct entry *e, const char *why);
/* When to ask about a lease of this many minutes that began at `from`. */
int64_t lease_asks_at(const struct keyring *k, int64_t from, uint64_t minutes);
/* Asks about the leases of all keys that this one's session got, and does what the KBS says.
 * Without locks: in the ring's thread. */
void keyring_renew(struct keyring *k, struct entry *due);

/* What is behind a handle; borrowed, under the lock. */
struct place {
    struct entry *entry;
    struct held_key *key;
    const struct object *object;
};
enum agent_status keyring_locate(struct keyring_client *c, uint64_t handle, struct place *out);
/* A key that was lost, as after a restart, is asked for, but nobody waits for it here. */
enum agent_status keyring_why_absent(struct keyring *k);
/* The thread shall fetch it, unless it was refused just now. Under the mutex. */
void entry_want_again(struct entry *e, int64_t now);

/* Whether this entry could show an object like the one wanted; decided without having the key. */
bool entry_may_match(const struct entry *e, const struct keyring_client *c,
                     const struct agent_attribute *wanted, size_t count);

#endif
