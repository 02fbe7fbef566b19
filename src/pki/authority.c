// SPDX-License-Identifier: Apache-2.0
#include "pki/authority.h"

#include "base/file.h"
#include "base/hex.h"
#include "crypto/crl.h"
#include "pki/register_internal.h"

#define PATH_MAX_BYTES 4096
#define CERT_FILE_MAX (64U << 10)
#define DAY (24 * 60 * 60)
#define BACKDATE (5 * 60) /* clocks that differ */
#define CRL_LIFE (7 * DAY)
#define CRL_RENEW (CRL_LIFE / 4)

struct authority {
    struct store *store;
    struct key *key;
    struct cert *cert;
    struct crl *crl; /* in force; guarded by the store's lock */
    int64_t crl_made, crl_mark;
};

static fallible path_in(const char *folder, const char *file, struct buf *out)
{
    buf_addf(out, "%s/%s", folder, file);
    return buf_check(out);
}

static fallible make_root(const struct key *k, const char *common_name, int64_t now, unsigned years,
                          struct buf *pem)
{
    owned(cert_free) struct cert *c = NULL;
    const struct cert_request req = {
        .common_name = common_name,
        .key = k,
        .not_before = now - BACKDATE,
        .not_after = now + (int64_t)years * 365 * DAY,
        .ca = true,
        .path_len = 0,
    };

    TRY(cert_issue(&req, NULL, k, &c));
    return cert_to_pem(c, pem);
}

fallible authority_create(const char *folder, const char *common_name, int64_t now, unsigned years)
{
    owned(key_free) struct key *k = NULL;
    struct buf key_path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf cert_path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf pem owned(buf_done) = buf_of(CERT_FILE_MAX);

    TRY(path_in(folder, AUTHORITY_KEY_FILE, &key_path));
    TRY(path_in(folder, AUTHORITY_CERT_FILE, &cert_path));
    if (file_exists(buf_str(&key_path)) || file_exists(buf_str(&cert_path)))
        return FAIL(CONFLICT, "there is an authority already");
    TRY(file_make_dir(folder, 0700));
    TRY(key_make_ec(KEY_P256, &k));
    TRY(make_root(k, common_name, now, years, &pem));
    TRY(key_save(buf_str(&key_path), k));
    return file_create(buf_str(&cert_path), buf_span(&pem), 0644);
}

static fallible load(const char *folder, struct authority *a)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf pem owned(buf_done) = buf_of(CERT_FILE_MAX);
    struct chain chain owned(chain_done) = { 0 };

    TRY(path_in(folder, AUTHORITY_KEY_FILE, &path));
    TRY(key_load(buf_str(&path), &a->key));
    buf_clear(&path);
    TRY(path_in(folder, AUTHORITY_CERT_FILE, &path));
    TRY(file_read(buf_str(&path), &pem));
    TRY(chain_from_pem(buf_span(&pem), &chain));
    if (chain.count != 1 || !cert_is_ca(chain.certs[0]) ||
        !key_same_public(cert_key(chain.certs[0]), a->key))
        return FAIL(INPUT, "authority: certificate and key do not belong together");
    a->cert = cert_ref(chain.certs[0]);
    return OK;
}

fallible authority_open(const char *folder, struct store *store, struct authority **out)
{
    owned(authority_close) struct authority *a = calloc(1, sizeof(*a));

    if (!a)
        return FAIL(SYSTEM, "memory for the authority");
    a->store = store;
    TRY(load(folder, a));
    TRY(register_schema_apply(store));
    *out = TAKE(a);
    return OK;
}

void authority_close(struct authority *a)
{
    if (!a)
        return;
    key_free(a->key);
    cert_free(a->cert);
    crl_free(a->crl);
    free(a);
}

const struct cert *authority_cert(const struct authority *a)
{
    return a->cert;
}

static fallible sign(struct authority *a, const struct authority_order *o, struct cert **out)
{
    int64_t end = o->now + (int64_t)o->days * DAY;
    const struct cert_request req = {
        .common_name = o->csr->common_name,
        .san = (const char *const *)o->csr->san,
        .key = o->csr->key,
        .not_before = o->now - BACKDATE,
        .not_after = end < cert_not_after(a->cert) ? end : cert_not_after(a->cert),
        .path_len = -1,
        .server_auth = o->type == CERT_TLS,
        .client_auth = true, /* services authenticate to each other with their one certificate */
    };

    return cert_issue(&req, a->cert, a->key, out);
}

fallible authority_issue(struct authority *a, const struct authority_order *order,
                         struct buf *chain)
{
    owned(cert_free) struct cert *c = NULL;

    if (csr_check(order->csr) != CSR_GOOD)
        return FAIL(DENIED, "signing request is not sound");
    if (order->now >= cert_not_after(a->cert))
        return FAIL(SYSTEM, "the authority's own certificate has expired");
    TRY(sign(a, order, &c));
    store_lock(a->store);
    struct err e = register_add(a->store, order, c);
    store_unlock(a->store);
    TRY(e);
    TRY(cert_to_pem(c, chain));
    return cert_to_pem(a->cert, chain);
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

fallible authority_revoke(struct authority *a, const char *tenant, struct span serial, int64_t now)
{
    char text[AUTHORITY_SERIAL_TEXT_MAX];

    TRY(serial_text(serial, text));
    store_lock(a->store);
    struct err e = register_revoke(a->store, tenant, text, now);
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

static fallible renew_crl(struct authority *a, int64_t now, int64_t mark)
{
    struct revoked_set revoked owned(revoked_set_done) = { .bytes = buf_of(0) };
    struct crl *made = NULL;
    uint64_t number = 0;

    TRY(register_revoked(a->store, now, &revoked));
    TRY(register_next_crl_number(a->store, &number));
    TRY(crl_issue(a->cert, a->key, revoked.spans, revoked.count, now, now + CRL_LIFE, number,
                  &made));
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
    if (!a->crl || mark != a->crl_mark || now - a->crl_made >= CRL_RENEW || now < a->crl_made)
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
