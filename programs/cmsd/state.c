// SPDX-License-Identifier: Apache-2.0
#include "cmsd/cms.h"

#include "base/file.h"

#define PATH_BYTES_MAX 4096

static fallible open_store(const struct cms_settings *s, struct store **out)
{
    struct buf url owned(buf_done) = buf_of(PATH_BYTES_MAX);

    if (s->store_url)
        buf_add_str(&url, s->store_url);
    else
        buf_addf(&url, "sqlite:%s/cmsd.db", s->folder);
    TRY(buf_check(&url));
    return store_open(buf_str(&url), out);
}

#define DAY (24 * 60 * 60)
#define HOUR (60 * 60)

static fallible open_authority(const struct cms_settings *s, struct cms *c)
{
    if (token_key_wanted(&s->token))
        TRY(token_key_open(&s->token, &c->token));
    const struct authority_config config = { .folder = s->folder,
                                             .token = token_key_of(c->token),
                                             .crl_url = s->crl_url,
                                             .crl_seconds = (int64_t)s->crl_hours * HOUR };
    TRY(authority_open(&config, c->store, &c->authority));
    TRY(cert_to_pem(authority_cert(c->authority), &c->issuing_pem));
    return cert_to_pem(authority_root(c->authority), &c->root_pem);
}

fallible cms_open(const struct cms_settings *s, bool serving, struct cms *out)
{
    struct cms c owned(cms_close) = {
        .root_pem = buf_of(2 * CERT_DER_MAX),
        .issuing_pem = buf_of(2 * CERT_DER_MAX),
        .seconds_max = { [CERT_TLS] = (int64_t)s->days * DAY,
                         [CERT_TLS_SERVER] = (int64_t)s->days_server * DAY,
                         [CERT_TLS_CLIENT] = (int64_t)s->days_client * DAY },
    };

    if (!file_exists(s->folder))
        return FAIL(ABSENT, "there is no authority yet: make it with cmsd --init");
    TRY(open_store(s, &c.store));
    TRY(open_authority(s, &c));
    if (serving)
        TRY(pinned_keys_open(s->aas_jwks, &c.aas));
    *out = c;
    c = (struct cms){ 0 };
    return OK;
}

void cms_close(struct cms *c)
{
    pinned_keys_close(c->aas);
    authority_close(c->authority);
    token_key_close(c->token);
    store_close(c->store);
    buf_done(&c->root_pem);
    buf_done(&c->issuing_pem);
    *c = (struct cms){ 0 };
}
