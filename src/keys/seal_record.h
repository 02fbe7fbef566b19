// SPDX-License-Identifier: Apache-2.0
/*
 * What of a seal is in the store: its kind, what the kind needs to get the root key again, and the
 * master keys under the root key. None of it opens anything.
 */
#ifndef KEYS_SEAL_RECORD_H
#define KEYS_SEAL_RECORD_H

#include "base/bounds.h"
#include "crypto/digest.h"
#include "keys/seal.h"
#include "store/store.h"

#define SEAL_ID_SIZE 16
#define SEAL_SALT_SIZE 16
#define SEAL_WRAPPED_MAX 2048
#define MASTERS_MAX 2 /* the new one, and the one whose keys are being sealed anew */

struct seal_record {
    enum seal_kind kind;
    uint64_t generation;      /* of the root key */
    uint8_t id[SEAL_ID_SIZE]; /* of the store */
    unsigned shares, threshold;
    uint8_t check_key[SHA256_SIZE], checks[SHARES_MAX][SHA256_SIZE];
    uint8_t salt[SEAL_SALT_SIZE];
    unsigned memory_kib, passes;
    uint8_t wrapped[SEAL_WRAPPED_MAX]; /* by the HSM */
    size_t wrapped_len;
};

struct master {
    uint64_t version;
    struct secret *key;
};
struct keyring {
    struct secret *root;
    struct master masters[MASTERS_MAX]; /* the newest last */
    size_t count;
};
void keyring_done(struct keyring *r);
static inline void keyring_donep(struct keyring *r)
{
    keyring_done(r);
}

/* Callers hold the store's lock, and for writing a transaction. FAIL_ABSENT: the store was never
 * initialized. */
fallible seal_record_read(struct store *s, struct seal_record *out);
/* The record, and all masters of the ring under its root key. */
fallible seal_record_write(struct store *s, const struct seal_record *r,
                           const struct keyring *ring);
/* Takes the root key into the ring, or frees it. FAIL_DENIED: it is not this store's. */
fallible seal_masters_open(struct store *s, const struct seal_record *r, struct secret *root,
                           struct keyring *out);

/* The text of a share: version, store, generation, threshold, place, value, a checksum against
 * mistyping. */
fallible share_text_write(const struct seal_record *r, uint8_t place, const struct secret *value,
                          struct buf *out);
/* FAIL_INPUT with what is wrong. The value is right only if its check is. */
fallible share_text_read(const struct seal_record *r, struct span text, uint8_t *place,
                         struct secret **value);
/* The MAC by which a share is known: says nothing of it. */
fallible share_check(const struct seal_record *r, uint8_t place, const struct secret *value,
                     uint8_t out[SHA256_SIZE]);

#endif
