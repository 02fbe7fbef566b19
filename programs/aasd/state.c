// SPDX-License-Identifier: Apache-2.0
/* What outlives a restart: database, signing keys, the public keys that others pin. */
#include "aasd/aas.h"

#include "base/file.h"
#include "base/log.h"

#define PATH_BYTES_MAX 4096
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

static fallible open_keys(const struct aas_settings *s, struct aas *a)
{
    const struct token_keys_config c = { .folder = s->folder,
                                         .jwks_file = s->jwks_file,
                                         .algorithm = s->algorithm,
                                         .lifetime = (int64_t)s->token_minutes * 60,
                                         .rotate = (int64_t)s->rotate_days * 86400,
                                         .announce = (int64_t)s->announce_minutes * 60 };

    return token_keys_open(&c, a->store, &a->keys);
}

static fallible open_login(const struct aas_settings *s, struct aas *a)
{
    struct buf key owned(buf_done) = buf_of(PATH_BYTES_MAX);

    buf_addf(&key, "%s/lockout.key", s->folder);
    TRY(buf_check(&key));
    const struct login_config login = {
        .cost = { (uint32_t)s->memory_kib, (uint32_t)s->passes },
        .lockout = { (unsigned)s->attempts, (unsigned)s->window_seconds,
                     (unsigned)s->lockout_seconds, (unsigned)s->longest_seconds },
        .lockout_key = buf_str(&key),
        .hashing = (unsigned)s->hashing,
        .waiting = PASSWORD_WAITING,
    };
    return login_new(a->store, &login, &a->login);
}

static fallible open_issuers(const struct aas_settings *s, struct aas *a)
{
    char *message owned(free) = NULL;

    if (!s->issuers_file || !*s->issuers_file)
        return OK;
    struct err e = issuers_load(s->issuers_file, &a->issuers, &message);
    if (failed(e))
        log_err(e, "read the file of issuers", "file", s->issuers_file, "errors",
                message ? message : "");
    return e;
}

fallible aas_open(const struct aas_settings *s, struct aas *out)
{
    struct aas a owned(aas_close) = { .token_minutes = (unsigned)s->token_minutes,
                                      .certificate_roles = s->certificate_roles };

    TRY(file_make_dir(s->folder, 0700));
    TRY(open_store(s, &a.store));
    TRY(open_keys(s, &a));
    TRY(open_login(s, &a));
    TRY(open_issuers(s, &a));
    *out = a;
    a = (struct aas){ 0 };
    return OK;
}

void aas_close(struct aas *a)
{
    issuer_keys_close(a->issuer_keys);
    issuers_done(&a->issuers);
    login_free(a->login);
    token_keys_close(a->keys);
    store_close(a->store);
    *a = (struct aas){ 0 };
}
