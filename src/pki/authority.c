// SPDX-License-Identifier: Apache-2.0
#include "pki/authority.h"

#include "base/hex.h"
#include "crypto/crl.h"
#include "pki/register_internal.h"

#define BACKDATE (5 * 60) /* clocks that differ */
#define BACKDATE_SHARE 10 /* of a short life */
#define CRL_RENEW_SHARE 4
#define CRL_POINT_MAX 600

struct authority {
    struct store *store;
    struct issuer issuer;
    struct buf crl_point; /* the extension's content; empty: none */
    int64_t crl_seconds;
    struct crl *crl; /* in force; guarded by the store's lock */
    int64_t crl_made, crl_mark;
};

fallible authority_open(const struct authority_config *config, struct store *store,
                        struct authority **out)
{
    owned(authority_close) struct authority *a = calloc(1, sizeof(*a));

    if (!a)
        return FAIL(SYSTEM, "memory for the authority");
    a->store = store;
    a->crl_seconds = config->crl_seconds;
    a->crl_point = buf_of(CRL_POINT_MAX);
    TRY(issuer_load(config->folder, config->token, &a->issuer));
    if (config->crl_url)
        TRY(crl_point_write(config->crl_url, &a->crl_point));
    TRY(register_schema_apply(store));
    *out = TAKE(a);
    return OK;
}

void authority_close(struct authority *a)
{
    if (!a)
        return;
    issuer_done(&a->issuer);
    buf_done(&a->crl_point);
    crl_free(a->crl);
    free(a);
}

const struct cert *authority_cert(const struct authority *a)
{
    return issuer_cert(&a->issuer);
}

const struct cert *authority_root(const struct authority *a)
{
    return issuer_root(&a->issuer);
}

static fallible sign(struct authority *a, const struct authority_order *o, struct cert **out)
{
    int64_t end = o->now + o->seconds, share = o->seconds / BACKDATE_SHARE;
    const struct cert *issuer = authority_cert(a);
    const struct cert_extra extra[] = {
        { "2.5.29.31", buf_span(&a->crl_point), false }, /* CRL distribution points */
        { 0 },
    };
    const struct cert_request req = {
        .common_name = o->csr->common_name,
        .san = (const char *const *)o->csr->san,
        .key = o->csr->key,
        .not_before = o->now - (share < BACKDATE ? share : BACKDATE),
        .not_after = end < cert_not_after(issuer) ? end : cert_not_after(issuer),
        .path_len = -1,
        .server_auth = cert_type_serves(o->type),
        .client_auth = cert_type_asks(o->type),
        .extra = a->crl_point.len ? extra : NULL,
    };

    return cert_issue(&req, issuer, a->issuer.key, out);
}

fallible authority_issue(struct authority *a, const struct authority_order *order,
                         struct buf *chain)
{
    owned(cert_free) struct cert *c = NULL;

    if (csr_check(order->csr) != CSR_GOOD)
        return FAIL(DENIED, "signing request is not sound");
    if (order->now >= cert_not_after(authority_cert(a)))
        return FAIL(SYSTEM, "the authority's own certificate has expired");
    TRY(sign(a, order, &c));
    store_lock(a->store);
    struct err e = register_add(a->store, order, c);
    store_unlock(a->store);
    TRY(e);
    TRY(cert_to_pem(c, chain));
    for (size_t i = 0; i < a->issuer.chain.count; i++)
        TRY(cert_to_pem(a->issuer.chain.certs[i], chain));
    return OK;
}

/* The register's form of a serial number: lower case, without leading zero bytes. */
static fallible serial_text(struct span given, char out[AUTHORITY_SERIAL_TEXT_MAX])
{
    struct buf bytes owned(buf_done) = buf_of(AUTHORITY_SERIAL_TEXT_MAX / 2 - 1);

    if (failed(hex_parse(given, &bytes)) || failed(buf_check(&bytes)) || !bytes.len)
        return FAIL(ABSENT, "no such certificate");
    struct span s = buf_span(&bytes);
    while (s.len > 1 && !s.at[0])
        s = span_tail(s, 1);
    hex_str(s, out);
    return OK;
}

fallible authority_revoke(struct authority *a, const char *tenant, struct span serial,
                          enum revocation_reason reason, int64_t now)
{
    char text[AUTHORITY_SERIAL_TEXT_MAX];

    TRY(serial_text(serial, text));
    store_lock(a->store);
    struct err e = register_revoke(a->store, tenant, text, reason, now);
    store_unlock(a->store);
    return e;
}

fallible authority_list(struct authority *a, const char *tenant, json_t **out)
{
    store_lock(a->store);
    struct err e = register_list(a->store, tenant, out);
    store_unlock(a->store);
    return e;
}

fallible authority_show(struct authority *a, const char *tenant, struct span serial, json_t **out)
{
    char text[AUTHORITY_SERIAL_TEXT_MAX];

    TRY(serial_text(serial, text));
    store_lock(a->store);
    struct err e = register_show(a->store, tenant, text, out);
    store_unlock(a->store);
    return e;
}

void authority_holder_done(struct authority_holder *h)
{
    free(h->tenant);
    free(h->common_name);
    json_decref(h->sans);
    *h = (struct authority_holder){ 0 };
}

fallible authority_know(struct authority *a, const struct cert *c, int64_t now,
                        struct authority_holder *out)
{
    if (now < cert_not_before(c) || now >= cert_not_after(c))
        return FAIL(DENIED, "the certificate is not valid now");
    store_lock(a->store);
    struct err e = register_know(a->store, c, out);
    store_unlock(a->store);
    return e;
}

static fallible renew_crl(struct authority *a, int64_t now, int64_t mark)
{
    struct revoked_set revoked owned(revoked_set_done) = { 0 };
    struct crl *made = NULL;
    uint64_t number = 0;

    TRY(register_revoked(a->store, now, &revoked));
    TRY(register_next_crl_number(a->store, &number));
    TRY(crl_issue_entries(authority_cert(a), a->issuer.key, revoked.entries, revoked.count, now,
                          now + a->crl_seconds, number, &made));
    crl_free(a->crl);
    a->crl = made;
    a->crl_made = now;
    a->crl_mark = mark;
    return OK;
}

static fallible crl_in_force(struct authority *a, int64_t now, struct buf *out)
{
    int64_t mark = 0;

    TRY(register_revoked_mark(a->store, &mark));
    if (!a->crl || mark != a->crl_mark || now - a->crl_made >= a->crl_seconds / CRL_RENEW_SHARE ||
        now < a->crl_made)
        TRY(renew_crl(a, now, mark));
    buf_add(out, crl_der(a->crl));
    return buf_check(out);
}

fallible authority_crl(struct authority *a, int64_t now, struct buf *out)
{
    store_lock(a->store);
    struct err e = crl_in_force(a, now, out);
    store_unlock(a->store);
    return e;
}
