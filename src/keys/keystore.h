// SPDX-License-Identifier: Apache-2.0
/*
 * Key managers: one struct of functions, shaped by the strongest of them, an HSM that wraps inside.
 * So nothing here hands out key bytes: a key leaves only by wrap_to(), sealed to a recipient. The
 * broker keeps metadata and policy, a key manager keeps the secret. All functions may be called by
 * several threads at once.
 *
 * Each version of a key is kept under a reference of its own. So rotating is create, import or a
 * new external reference under the next version, and the old version stays until it is destroyed.
 * Disabling is not the manager's: the broker's authenticated record says it, for all of them alike.
 *
 * FAIL_UPSTREAM: the manager is down or sealed, ask again later. FAIL_ABSENT: it does not hold this
 * key.
 */
#ifndef KEYS_KEYSTORE_H
#define KEYS_KEYSTORE_H

#include "keys/key_operation.h"

#define KEY_REFERENCE_MAX 512

/* The words of failures that only an operator ends; they pass from process to process. */
#define KEYSTORE_SEALED "the key manager is sealed: an operator unseals it (warder keyd unseal)"
#define KEYSTORE_VAULT_SEALED "Vault is sealed: unseal it"

static inline bool keystore_is_sealed(struct err e)
{
    return e.kind == FAIL_UPSTREAM && e.what &&
           (!strcmp(e.what, KEYSTORE_SEALED) || !strcmp(e.what, KEYSTORE_VAULT_SEALED));
}

struct key_ref {
    struct span tenant, id;
    uint64_t version;
    struct span
        external; /* the manager's own name of a key that existed before; empty for keys of ours */
    bool stays;   /* for use by handle alone: an HSM makes it so that it cannot leave */
};

struct seal_question;
struct seal_answer;

/* What a key manager does meanwhile, and what an operator should know of it. */
struct keystore_chore {
    unsigned again_ms;  /* when to call again */
    const char *notice; /* a literal for the log, said once; NULL: none */
};

struct keystore {
    const char *name; /* "embedded" */
    /* Makes a new key. FAIL_CONFLICT: this reference exists. */
    struct err (*create)(struct keystore *self, const struct key_ref *ref,
                         const struct key_spec *spec);
    /* Takes a key made elsewhere; `material` as key_material_parse gives it. */
    struct err (*import)(struct keystore *self, const struct key_ref *ref,
                         const struct key_spec *spec, const struct secret *material);
    /* What is there under this reference; reads the key itself, so that a wrong reference shows
     * now. */
    struct err (*describe)(struct keystore *self, const struct key_ref *ref, struct key_spec *spec);
    /* Appends a JWE to `recipient` whose protected header carries `header` besides the algorithms.
     * The key found must be what `spec` says. */
    struct err (*wrap_to)(struct keystore *self, const struct key_ref *ref,
                          const struct key_spec *spec, const struct key *recipient,
                          const json_t *header, struct buf *jwe);
    /* Ours only: a key with an external reference stays. Absent is fine. */
    struct err (*destroy)(struct keystore *self, const struct key_ref *ref);
    struct err (*health)(struct keystore *self);
    void (*close)(struct keystore *self);
    /* Called at times by a thread of its own; NULL: there is nothing to do. */
    struct err (*tend)(struct keystore *self, struct keystore_chore *chore);
    /* What an operator asks of its seal; NULL: it has none of ours. */
    struct err (*seal)(struct keystore *self, const struct seal_question *q, struct seal_answer *a);
    /* Uses a key that stays. Appends the bare signature, or the JWE of what came of it. The key
     * found must be what `spec` says. FAIL_INPUT: the input is of no use, or the manager has no
     * such mechanism. NULL: it uses no keys for others. */
    struct err (*use)(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec,
                      const struct key_use *use, struct buf *result);
    /* Appends the SPKI of its public half; goes with use(). */
    struct err (*public_half)(struct keystore *self, const struct key_ref *ref,
                              const struct key_spec *spec, struct buf *spki);
};

static inline void keystore_close(struct keystore *k)
{
    if (k)
        k->close(k);
}
OWNED_TYPE(struct keystore, keystore_close)

#endif
