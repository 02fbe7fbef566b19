// SPDX-License-Identifier: Apache-2.0
/* What an operator asks of the seal, and opening it where nobody is needed. */
#include "crypto/aead.h"
#include "crypto/random.h"
#include "keys/embedded_internal.h"

#define AGAIN_MS 1000

static bool opens_itself(const struct embedded *e)
{
    return e->record.kind == SEAL_FILE || e->record.kind == SEAL_HSM;
}

/* Takes the root key, the right one or not. */
static fallible open_ring(struct embedded *e, struct secret *root)
{
    struct keyring ring = { 0 };
    struct err err;

    {
        struct store *guard owned(store_guard) = store_guarded(e->store);
        err = seal_masters_open(guard, &e->record, root, &ring);
    }
    if (err.kind == FAIL_DENIED)
        return FAIL(DENIED, "this does not open the master key");
    TRY(err);
    pthread_rwlock_wrlock(&e->use);
    keyring_done(&e->ring);
    e->ring = ring;
    pthread_rwlock_unlock(&e->use);
    e->closed = false;
    e->trouble = NULL;
    return OK;
}

static fallible open_by_itself(struct embedded *e)
{
    struct secret *root = NULL;
    struct err err = root_get(e, SPAN(""), &root);

    if (!failed(err))
        err = open_ring(e, root);
    if (failed(err))
        e->trouble = err.what;
    return err;
}

/* Takes all of the ring where it succeeds; before, the store holds what it held. */
static fallible write_seal(struct embedded *e, const struct seal_record *record,
                           const struct keyring *ring)
{
    struct store *guard owned(store_guard) = store_guarded(e->store);

    TRY(store_begin(guard));
    TRY(seal_record_write(guard, record, ring));
    return store_commit(guard);
}

static fallible take_first(struct embedded *e, const struct seal_record *record,
                           struct keyring *ring)
{
    TRY(write_seal(e, record, ring));
    pthread_rwlock_wrlock(&e->use);
    e->ring = *ring;
    *ring = (struct keyring){ 0 };
    pthread_rwlock_unlock(&e->use);
    e->record = *record;
    e->initialized = true;
    return OK;
}

static fallible first_record(enum seal_kind kind, struct seal_record *out)
{
    *out = (struct seal_record){ .kind = kind, .generation = 1 };
    return random_fill(out->id, sizeof out->id);
}

static fallible initialize(struct embedded *e, const struct seal_question *q, enum seal_kind kind,
                           struct secret **shares)
{
    struct keyring ring owned(keyring_done) = { 0 };
    struct seal_record record;

    TRY(first_record(kind, &record));
    TRY(root_make(e, q, &record, &ring.root, shares));
    TRY(random_secret(AEAD_KEY_SIZE, &ring.masters[0].key));
    ring.masters[0].version = 1;
    ring.count = 1;
    return take_first(e, &record, &ring);
}

/* A store from before there were seals: the file's key is the master key. */
static fallible adopt(struct embedded *e)
{
    struct keyring ring owned(keyring_done) = { .masters = { { .version = 1 } } };
    struct seal_record record;

    TRY(first_record(SEAL_FILE, &record));
    TRY(root_adopt(e, &ring.masters[0].key, &ring.root));
    ring.count = 1;
    return take_first(e, &record, &ring);
}

static fallible begin_new(struct embedded *e)
{
    const struct seal_question q = { .act = SEAL_INIT };
    struct secret *none = NULL;
    int64_t keys = 0, left;

    if (root_is_old_file(e))
        return adopt(e);
    TRY(embedded_left(e, &keys, &left));
    if (keys)
        return FAIL(ABSENT, "the file with the master key of these keys is gone");
    return e->wanted == SEAL_FILE ? initialize(e, &q, SEAL_FILE, &none) : OK;
}

fallible embedded_begin(struct embedded *e)
{
    struct err err = OK;

    {
        struct store *guard owned(store_guard) = store_guarded(e->store);
        err = seal_record_read(guard, &e->record);
    }
    if (err.kind == FAIL_ABSENT)
        return begin_new(e);
    TRY(err);
    e->initialized = true;
    if (!opens_itself(e))
        return OK;
    err = open_by_itself(e);
    return e->record.kind == SEAL_FILE ? err : OK; /* an HSM may come back */
}

static fallible act_init(struct embedded *e, const struct seal_question *q, struct secret **shares)
{
    if (e->initialized)
        return FAIL(CONFLICT, "the key manager is initialized already");
    return initialize(e, q, e->wanted, shares);
}

/* *root NULL: more shares are needed. */
static fallible root_of(struct embedded *e, const struct seal_question *q, struct secret **root)
{
    if (e->record.kind != SEAL_SHAMIR)
        return root_get(e, q->given, root);
    if (!q->given.len)
        return FAIL(INPUT, "a share is needed");
    return given_add(e, q->act, q->given, root);
}

static fallible act_unseal(struct embedded *e, const struct seal_question *q)
{
    struct secret *root = NULL;

    if (!e->initialized)
        return FAIL(INPUT, "the key manager is not initialized: warder keyd init");
    if (e->ring.count)
        return OK;
    TRY(root_of(e, q, &root));
    if (!root)
        return OK;
    struct err err = open_ring(e, root);
    if (err.kind == FAIL_DENIED && e->record.kind == SEAL_PASSPHRASE)
        return FAIL(DENIED, "wrong passphrase");
    if (err.kind == FAIL_DENIED && e->record.kind == SEAL_SHAMIR)
        return FAIL(DENIED, "these shares together do not open the master key: begin again");
    return err;
}

static fallible act_close(struct embedded *e)
{
    if (!e->initialized)
        return FAIL(INPUT, "the key manager is not initialized: warder keyd init");
    given_forget(&e->given);
    pthread_rwlock_wrlock(&e->use); /* waits for what is being opened now */
    keyring_done(&e->ring);
    pthread_rwlock_unlock(&e->use);
    e->closed = true;
    return OK;
}

/* The holders of the old root key agree; an HSM or a file has no holders. */
static fallible prove(struct embedded *e, const struct seal_question *q, bool *proved)
{
    struct secret *root owned(secret_free) = NULL;

    if (opens_itself(e)) {
        *proved = true;
        return OK;
    }
    TRY(root_of(e, q, &root));
    *proved = root != NULL;
    return !root || secret_equal(root, e->ring.root)
               ? OK
               : FAIL(DENIED, "this does not open the master key");
}

static fallible act_rekey(struct embedded *e, const struct seal_question *q, struct secret **shares)
{
    struct seal_record record = { .kind = e->wanted, .generation = e->record.generation + 1 };
    struct keyring ring = e->ring;
    struct secret *root owned(secret_free) = NULL, *text owned(secret_free) = NULL;
    bool proved = false;

    if (!e->ring.count)
        return FAIL(UPSTREAM, KEYSTORE_SEALED);
    TRY(prove(e, q, &proved));
    if (!proved)
        return OK;
    memcpy(record.id, e->record.id, sizeof record.id);
    TRY(root_make(e, q, &record, &root, &text));
    ring.root = root;
    TRY(write_seal(e, &record, &ring));
    pthread_rwlock_wrlock(&e->use);
    secret_free(e->ring.root);
    e->ring.root = TAKE(root);
    pthread_rwlock_unlock(&e->use);
    root_forget(e, &e->record);
    e->record = record;
    *shares = TAKE(text);
    return OK;
}

static fallible carry_out(struct embedded *e, const struct seal_question *q, struct secret **shares)
{
    switch (q->act) {
    case SEAL_STATUS:
        return OK;
    case SEAL_INIT:
        return act_init(e, q, shares);
    case SEAL_UNSEAL:
        return act_unseal(e, q);
    case SEAL_CLOSE:
        return act_close(e);
    case SEAL_REKEY:
        return act_rekey(e, q, shares);
    case SEAL_ROTATE:
        return e->ring.count ? embedded_rotate(e) : FAIL(UPSTREAM, KEYSTORE_SEALED);
    case SEAL_FORGET:
        given_forget(&e->given);
        return OK;
    }
    return FAIL(INPUT, "unknown question");
}

static fallible status_of(struct embedded *e, json_t **out)
{
    json_t *j = json_object();
    int64_t keys = 0, left = 0;
    struct err err = embedded_left(e, &keys, &left);

    given_expire(&e->given);
    json_set_str(j, "manager", e->face.name);
    json_set_str(j, "state",
                 !e->initialized ? "uninitialized"
                 : e->ring.count ? "unsealed"
                                 : "sealed");
    json_set_str(j, "seal", seal_kind_name(e->initialized ? e->record.kind : e->wanted));
    json_set_str(j, "configured_seal", seal_kind_name(e->wanted));
    if (e->initialized) {
        json_set_int(j, "generation", (int64_t)e->record.generation);
        json_set_int(j, "keys", keys);
        json_set_int(j, "keys_to_rewrap", left);
        json_set_int(j, "keys_unreadable", e->unreadable);
    }
    if (e->initialized && e->record.kind == SEAL_SHAMIR) {
        json_set_int(j, "shares", e->record.shares);
        json_set_int(j, "threshold", e->record.threshold);
        json_set_int(j, "shares_given", (int64_t)e->given.count);
    }
    if (e->ring.count)
        json_set_int(j, "master_key_version", (int64_t)e->ring.masters[e->ring.count - 1].version);
    json_set_str(j, "trouble", e->ring.count ? NULL : e->trouble);
    *out = j;
    return failed(err) || !j ? FAIL(SYSTEM, "the seal's state cannot be told") : OK;
}

struct err embedded_act(struct keystore *self, const struct seal_question *q, struct seal_answer *a)
{
    struct embedded *e = embedded_of(self);
    struct seal_answer answer owned(seal_answer_done) = { 0 };

    pthread_mutex_lock(&e->acts);
    struct err err = carry_out(e, q, &answer.shares);
    struct err told = status_of(e, &answer.status);
    pthread_mutex_unlock(&e->acts);
    TRY(err);
    TRY(told);
    *a = answer;
    answer = (struct seal_answer){ 0 };
    return OK;
}

static const char *notice_of(const struct embedded *e)
{
    if (!e->initialized)
        return "the key manager is not initialized: warder keyd init";
    if (e->closed)
        return "the key manager was sealed by an operator";
    if (!e->ring.count)
        return e->trouble ? e->trouble : KEYSTORE_SEALED;
    if (e->unreadable)
        return "keys that cannot be read stay under the old master key";
    return e->record.kind == e->wanted
               ? NULL
               : "the seal is not the configured one: warder keyd rekey changes it";
}

struct err embedded_tend(struct keystore *self, struct keystore_chore *chore)
{
    struct embedded *e = embedded_of(self);
    struct err err = OK;
    bool more = false;

    pthread_mutex_lock(&e->acts);
    given_expire(&e->given);
    if (e->initialized && !e->ring.count && !e->closed && opens_itself(e))
        err = open_by_itself(e);
    if (e->ring.count > 1)
        err = embedded_rewrap(e, &more);
    chore->notice = notice_of(e);
    pthread_mutex_unlock(&e->acts);
    chore->again_ms = more ? 0 : AGAIN_MS;
    return err;
}
