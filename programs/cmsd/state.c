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

fallible cms_open(const struct cms_settings *s, bool serving, struct cms *out)
{
    struct cms c owned(cms_close) = { .ca_pem = buf_of(2 * CERT_DER_MAX),
                                      .days = (unsigned)s->days };

    if (!file_exists(s->folder))
        return FAIL(ABSENT, "there is no authority yet: make it with cmsd --init");
    TRY(open_store(s, &c.store));
    TRY(authority_open(s->folder, c.store, &c.authority));
    TRY(cert_to_pem(authority_cert(c.authority), &c.ca_pem));
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
    store_close(c->store);
    buf_done(&c->ca_pem);
    *c = (struct cms){ 0 };
}
