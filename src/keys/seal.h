// SPDX-License-Identifier: Apache-2.0
/*
 * How a key manager's master key is kept, and what an operator asks of it. The master key is sealed
 * under a root key, and the root key is in a file, or derived from a passphrase (Argon2id), or
 * shared among several holders (Shamir), or wrapped by an HSM. Nothing opens a key while the
 * manager is sealed.
 */
#ifndef KEYS_SEAL_H
#define KEYS_SEAL_H

#include "base/buf.h"
#include "base/json.h"
#include "crypto/secret.h"

enum seal_kind { SEAL_FILE, SEAL_PASSPHRASE, SEAL_SHAMIR, SEAL_HSM };
#define SEAL_KINDS 4

const char *seal_kind_name(enum seal_kind kind); /* "file" "passphrase" "shamir" "pkcs11" */
fallible seal_kind_parse(struct span name, enum seal_kind *out);

enum seal_act {
    SEAL_STATUS,
    SEAL_INIT,   /* makes root and master key, once */
    SEAL_UNSEAL, /* `given`: passphrase or one share; nothing for file and HSM */
    SEAL_CLOSE,  /* forgets the keys until somebody unseals */
    SEAL_REKEY,  /* a new root key of the configured kind, proved by what the old one is kept by */
    SEAL_ROTATE, /* a new master key, under which all keys are sealed anew */
    SEAL_FORGET, /* the shares given so far */
};
#define SEAL_ACTS 7

struct seal_question {
    enum seal_act act;
    struct span given;          /* what the root key is kept by: a share, the passphrase */
    struct span fresh;          /* the passphrase of a new root key */
    unsigned shares, threshold; /* of a new root key that is shared; 0: 5 and 3 */
};

struct seal_answer {
    json_t *status;        /* nothing secret */
    struct secret *shares; /* of a new root key, once: a line each; NULL: none */
};
static inline void seal_answer_done(struct seal_answer *a)
{
    json_free(a->status);
    secret_free(a->shares);
    *a = (struct seal_answer){ 0 };
}
static inline void seal_answer_donep(struct seal_answer *a)
{
    seal_answer_done(a);
}

#define SEAL_SHARES 5
#define SEAL_THRESHOLD 3
#define SEAL_TEXT_MAX 1024 /* a share or a passphrase */

/* An HSM that wraps the root key. FAIL_UPSTREAM: it is away. */
struct seal_hsm {
    struct err (*wrap)(struct seal_hsm *self, const struct secret *root, struct buf *wrapped);
    struct err (*unwrap)(struct seal_hsm *self, struct span wrapped, struct secret **root);
};

#endif
