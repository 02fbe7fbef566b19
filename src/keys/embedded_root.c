// SPDX-License-Identifier: Apache-2.0
/* Where the root key comes from, kind by kind. */
#include "keys/embedded_internal.h"

#include <argon2.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "keys/share.h"

/* RFC 9106, the recommendation for little memory. */
#define ARGON_MEMORY_KIB (64U << 10)
#define ARGON_PASSES 3
#define ARGON_LANES 1
#define PASSPHRASE_MIN 12
#define FILE_PATH_MAX 4096
#define SHARES_TEXT_MAX 8192

static fallible derive(const struct secret *file, struct secret **out)
{
    return hkdf_sha256(file, SPAN("warder-seal-file-v1"), AEAD_KEY_SIZE, out);
}

/* The first one's name is as it ever was; a later one never overwrites another. */
static fallible file_path(const struct embedded *e, uint64_t generation, struct buf *out)
{
    buf_add_str(out, e->master_key_file);
    if (generation > 1)
        buf_addf(out, ".%llu", (unsigned long long)generation);
    return buf_check(out);
}

static fallible load_file(const char *path, struct secret **out)
{
    struct secret *bytes owned(secret_free) = NULL;

    TRY(secret_load(path, &bytes));
    if (secret_len(bytes) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "the master key file must hold 32 bytes");
    *out = TAKE(bytes);
    return OK;
}

static fallible get_file(const struct embedded *e, struct secret **out)
{
    struct buf path owned(buf_done) = buf_of(FILE_PATH_MAX);
    struct secret *bytes owned(secret_free) = NULL;

    TRY(file_path(e, e->record.generation, &path));
    TRY(load_file(buf_str(&path), &bytes));
    return derive(bytes, out);
}

static fallible make_file(const struct embedded *e, const struct seal_record *r,
                          struct secret **out)
{
    struct buf path owned(buf_done) = buf_of(FILE_PATH_MAX);
    struct secret *bytes owned(secret_free) = NULL;

    TRY(file_path(e, r->generation, &path));
    TRY(random_secret(AEAD_KEY_SIZE, &bytes));
    (void)unlink(buf_str(&path)); /* of a change that never came to be */
    TRY(secret_save(buf_str(&path), bytes));
    return derive(bytes, out);
}

void root_forget(const struct embedded *e, const struct seal_record *r)
{
    struct buf path owned(buf_done) = buf_of(FILE_PATH_MAX);

    if (r->kind == SEAL_FILE && !failed(file_path(e, r->generation, &path)))
        (void)unlink(buf_str(&path));
}

bool root_is_old_file(const struct embedded *e)
{
    return file_exists(e->master_key_file);
}

fallible root_adopt(const struct embedded *e, struct secret **master, struct secret **root)
{
    struct secret *bytes owned(secret_free) = NULL;

    TRY(load_file(e->master_key_file, &bytes));
    TRY(derive(bytes, root));
    *master = TAKE(bytes);
    return OK;
}

static fallible stretch(const struct seal_record *r, struct span passphrase, struct secret **out)
{
    struct secret *root owned(secret_free) = secret_new(AEAD_KEY_SIZE);

    if (!root)
        return FAIL(SYSTEM, "secure memory exhausted");
    int rc = argon2id_hash_raw(r->passes, r->memory_kib, ARGON_LANES, passphrase.at, passphrase.len,
                               r->salt, sizeof r->salt, secret_fill(root), secret_len(root));
    if (rc != ARGON2_OK)
        return FAIL(SYSTEM, "no memory to derive a key from the passphrase");
    *out = TAKE(root);
    return OK;
}

static fallible make_passphrase(const struct seal_question *q, struct seal_record *r,
                                struct secret **out)
{
    if (q->fresh.len < PASSPHRASE_MIN || q->fresh.len > SEAL_TEXT_MAX)
        return FAIL(INPUT, "a passphrase has at least 12 bytes");
    r->memory_kib = ARGON_MEMORY_KIB;
    r->passes = ARGON_PASSES;
    TRY(random_fill(r->salt, sizeof r->salt));
    return stretch(r, q->fresh, out);
}

struct split {
    struct secret *shares[SHARES_MAX];
};
static void split_donep(struct split *s)
{
    for (size_t i = 0; i < SHARES_MAX; i++)
        secret_free(s->shares[i]);
}

static fallible write_shares(struct seal_record *r, const struct split *s, struct secret **out)
{
    struct buf text owned(buf_done) = buf_of(SHARES_TEXT_MAX);
    struct err e = OK;

    if (!buf_extend(&text, SHARES_TEXT_MAX)) /* so that nothing is left behind by growing */
        return FAIL(SYSTEM, "out of memory");
    buf_clear(&text);
    for (unsigned i = 0; i < r->shares && !failed(e); i++) {
        e = share_check(r, (uint8_t)(i + 1), s->shares[i], r->checks[i]);
        if (!failed(e))
            e = share_text_write(r, (uint8_t)(i + 1), s->shares[i], &text);
        buf_add_u8(&text, '\n');
    }
    struct secret *lines = failed(e) ? NULL : secret_copy(buf_span(&text));
    wipe(text.at, text.len);
    TRY(e);
    *out = lines;
    return lines ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static fallible make_shared(const struct seal_question *q, struct seal_record *r,
                            struct secret **out, struct secret **shares)
{
    struct split s owned(split_done) = { 0 };
    struct secret *root owned(secret_free) = NULL;

    r->shares = q->shares ? q->shares : SEAL_SHARES;
    r->threshold = q->threshold ? q->threshold : SEAL_THRESHOLD;
    TRY(random_secret(AEAD_KEY_SIZE, &root));
    TRY(random_fill(r->check_key, sizeof r->check_key));
    TRY(share_split(root, r->threshold, r->shares, s.shares));
    TRY(write_shares(r, &s, shares));
    *out = TAKE(root);
    return OK;
}

static fallible make_wrapped(const struct embedded *e, struct seal_record *r, struct secret **out)
{
    struct buf wrapped owned(buf_done) = buf_of(SEAL_WRAPPED_MAX);
    struct secret *root owned(secret_free) = NULL, *back owned(secret_free) = NULL;

    if (!e->hsm)
        return FAIL(INPUT, "no HSM is configured: [pkcs11]");
    TRY(random_secret(AEAD_KEY_SIZE, &root));
    TRY(e->hsm->wrap(e->hsm, root, &wrapped));
    TRY(buf_check(&wrapped));
    TRY(e->hsm->unwrap(e->hsm, buf_span(&wrapped), &back)); /* before anything rests on it */
    if (!secret_equal(root, back))
        return FAIL(SYSTEM, "the HSM does not unwrap what it has wrapped");
    memcpy(r->wrapped, wrapped.at, wrapped.len);
    r->wrapped_len = wrapped.len;
    *out = TAKE(root);
    return OK;
}

fallible root_make(const struct embedded *e, const struct seal_question *q, struct seal_record *r,
                   struct secret **out, struct secret **shares)
{
    switch (r->kind) {
    case SEAL_FILE:
        return make_file(e, r, out);
    case SEAL_PASSPHRASE:
        return make_passphrase(q, r, out);
    case SEAL_SHAMIR:
        return make_shared(q, r, out, shares);
    case SEAL_HSM:
        return make_wrapped(e, r, out);
    }
    return FAIL(SYSTEM, "unknown seal");
}

fallible root_get(const struct embedded *e, struct span passphrase, struct secret **out)
{
    switch (e->record.kind) {
    case SEAL_FILE:
        return get_file(e, out);
    case SEAL_PASSPHRASE:
        if (!passphrase.len || passphrase.len > SEAL_TEXT_MAX)
            return FAIL(INPUT, "the passphrase is needed");
        return stretch(&e->record, passphrase, out);
    case SEAL_HSM:
        if (!e->hsm)
            return FAIL(INPUT, "the store is sealed by an HSM, and none is configured: [pkcs11]");
        return e->hsm->unwrap(e->hsm, span_from(e->record.wrapped, e->record.wrapped_len), out);
    case SEAL_SHAMIR:
        break;
    }
    return FAIL(INPUT, "shares are needed");
}
