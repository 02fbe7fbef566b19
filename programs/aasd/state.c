// SPDX-License-Identifier: Apache-2.0
/* What outlives a restart: database, signing key, the public keys that others pin. */
#include "aasd/aas.h"

#include "base/file.h"
#include "base/log.h"

#define PATH_BYTES_MAX 4096
#define JWKS_BYTES_MAX (16U << 10)
#define PASSWORD_WAITING 8

static fallible open_store(const struct aas_settings *s, struct store **out)
{
    owned(store_close) struct store *store = NULL;
    struct buf url owned(buf_done) = buf_of(PATH_BYTES_MAX);

    if (s->store_url)
        buf_add_str(&url, s->store_url);
    else
        buf_addf(&url, "sqlite:%s/aasd.db", s->folder);
    TRY(buf_check(&url));
    TRY(store_open(buf_str(&url), &store));
    TRY(access_schema_apply(store));
    *out = TAKE(store);
    return OK;
}

static fallible open_key(const struct aas_settings *s, struct key **out)
{
    owned(key_free) struct key *k = NULL;
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);

    buf_addf(&path, "%s/signing.key", s->folder);
    TRY(buf_check(&path));
    if (!file_exists(buf_str(&path))) {
        TRY(key_make_ec(KEY_P256, &k));
        TRY(key_save(buf_str(&path), k));
        *out = TAKE(k);
        log_info("token signing key made");
        return OK;
    }
    return key_load(buf_str(&path), out);
}

/* Written only where it differs, so that a daemon whose pinned file was placed by an administrator
 * needs no right to write there. */
static fallible publish(const char *path, struct span text)
{
    struct buf there owned(buf_done) = buf_of(JWKS_BYTES_MAX);

    if (!path)
        return OK;
    if (!failed(file_read(path, &there)) && span_equal(buf_span(&there), text))
        return OK;
    return file_write(path, text, 0644);
}

static fallible open_keys(const struct aas_settings *s, struct aas *a)
{
    TRY(open_key(s, &a->key));
    const struct key *const keys[] = { a->key };
    TRY(jwks_text(keys, 1, &a->jwks_text));
    TRY(jwks_parse(buf_span(&a->jwks_text), &a->keys));
    return publish(s->jwks_file, buf_span(&a->jwks_text));
}

fallible aas_open(const struct aas_settings *s, struct aas *out)
{
    struct aas a owned(aas_close) = { .jwks_text = buf_of(JWKS_BYTES_MAX),
                                      .token_minutes = (unsigned)s->token_minutes };
    const struct login_config login = {
        .cost = { (uint32_t)s->memory_kib, (uint32_t)s->passes },
        .lockout = { (unsigned)s->attempts, (unsigned)s->window_seconds,
                     (unsigned)s->lockout_seconds },
        .hashing = (unsigned)s->hashing,
        .waiting = PASSWORD_WAITING,
    };

    TRY(file_make_dir(s->folder, 0700));
    TRY(open_store(s, &a.store));
    TRY(open_keys(s, &a));
    TRY(login_new(a.store, &login, &a.login));
    *out = a;
    a = (struct aas){ 0 };
    return OK;
}

void aas_close(struct aas *a)
{
    login_free(a->login);
    jwks_free(a->keys);
    key_free(a->key);
    buf_done(&a->jwks_text);
    store_close(a->store);
    *a = (struct aas){ 0 };
}
