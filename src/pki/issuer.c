// SPDX-License-Identifier: Apache-2.0
#include "pki/issuer.h"

#include "base/file.h"

#define PATH_MAX_BYTES 4096
#define CERT_FILE_MAX (64U << 10)
#define YEAR (365 * 24 * 60 * 60)
#define BACKDATE (5 * 60) /* clocks that differ */

void issuer_done(struct issuer *i)
{
    key_free(i->key);
    chain_done(&i->chain);
    *i = (struct issuer){ 0 };
}

const struct cert *issuer_cert(const struct issuer *i)
{
    return i->chain.certs[0];
}

const struct cert *issuer_root(const struct issuer *i)
{
    return i->chain.certs[i->chain.count - 1];
}

static fallible check_one(const struct cert *c, size_t below, int64_t now)
{
    const struct key *k = cert_key(c);

    if (!cert_is_ca(c))
        return FAIL(INPUT, "a certificate of the chain is not a CA's (basic constraints)");
    if (!cert_may_sign_certs(c))
        return FAIL(INPUT, "a certificate of the chain may not sign certificates (key usage)");
    if (cert_path_len(c) >= 0 && (size_t)cert_path_len(c) < below)
        return FAIL(INPUT, "a certificate of the chain allows fewer CAs below it (path length)");
    if (cert_has_unknown_critical(c))
        return FAIL(INPUT, "a certificate of the chain has a critical extension that is not known");
    if (cert_not_before(c) > now)
        return FAIL(INPUT, "a certificate of the chain is not valid yet");
    if (cert_not_after(c) <= now)
        return FAIL(INPUT, "a certificate of the chain has expired");
    if (key_kind_of(k) == KEY_RSA && key_bits(k) < RSA_BITS_MIN)
        return FAIL(INPUT, "a key of the chain is weak");
    return OK;
}

/* `c` by `issuer`. */
static fallible check_link(const struct cert *c, const struct cert *issuer)
{
    bool good = false;

    if (!span_equal(cert_issuer(c), cert_subject(issuer)))
        return FAIL(INPUT, "the chain does not lead up to a root: the issuing CA first, then the "
                           "one above it");
    TRY(cert_signed_by(c, cert_key(issuer), &good));
    return good ? OK : FAIL(INPUT, "a certificate of the chain is not signed by the one above it");
}

fallible issuer_check(const struct chain *chain, const struct key *key, int64_t now)
{
    if (!chain->count || chain->count > ISSUER_CHAIN_MAX)
        return FAIL(INPUT, "a CA's chain is one to three certificates, the root included");
    for (size_t i = 0; i < chain->count; i++) {
        bool last = i + 1 == chain->count;
        TRY(check_one(chain->certs[i], i, now));
        TRY(check_link(chain->certs[i], chain->certs[last ? i : i + 1]));
    }
    if (!cert_may_sign_crls(chain->certs[0]))
        return FAIL(INPUT, "the issuing certificate may not sign revocation lists (key usage)");
    if (!cert_subject_key_id(chain->certs[0]).len)
        return FAIL(INPUT, "the issuing certificate has no subject key identifier");
    if (!key_same_public(cert_key(chain->certs[0]), key))
        return FAIL(INPUT, "the issuing certificate and the key do not belong together");
    return OK;
}

static fallible path_in(const char *folder, const char *file, struct buf *out)
{
    buf_addf(out, "%s/%s", folder, file);
    return buf_check(out);
}

static fallible is_free(const char *folder)
{
    struct buf key_path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf cert_path owned(buf_done) = buf_of(PATH_MAX_BYTES);

    TRY(path_in(folder, ISSUER_KEY_FILE, &key_path));
    TRY(path_in(folder, ISSUER_CHAIN_FILE, &cert_path));
    if (file_exists(buf_str(&key_path)) || file_exists(buf_str(&cert_path)))
        return FAIL(CONFLICT, "there is an authority already");
    return file_make_dir(folder, 0700);
}

/* The key first: a chain without its key is no authority, and the other way round neither. */
static fallible save(const char *folder, const struct key *key, bool token,
                     const struct chain *chain)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf pem owned(buf_done) = buf_of(CERT_FILE_MAX);

    for (size_t i = 0; i < chain->count; i++)
        TRY(cert_to_pem(chain->certs[i], &pem));
    if (!token) {
        TRY(path_in(folder, ISSUER_KEY_FILE, &path));
        TRY(key_save(buf_str(&path), key));
    }
    buf_clear(&path);
    TRY(path_in(folder, ISSUER_CHAIN_FILE, &path));
    return file_create(buf_str(&path), buf_span(&pem), 0644);
}

static fallible make_root(const struct issuer_order *o, const struct key *k, int path_len,
                          struct cert **out)
{
    const struct cert_request req = {
        .common_name = o->common_name,
        .key = k,
        .not_before = o->now - BACKDATE,
        .not_after = o->now + (int64_t)o->years * YEAR,
        .ca = true,
        .path_len = path_len,
    };
    return cert_issue(&req, NULL, k, out);
}

static fallible load_root(const struct issuer_order *o, const struct key *k, struct cert **out)
{
    struct buf pem owned(buf_done) = buf_of(CERT_FILE_MAX);
    struct chain root owned(chain_done) = { 0 };

    if (!o->root_certificate)
        return FAIL(INPUT, "the root's certificate is needed beside its key");
    TRY(file_read(o->root_certificate, &pem));
    TRY(chain_from_pem(buf_span(&pem), &root));
    if (root.count != 1)
        return FAIL(INPUT, "the root's certificate: one is expected");
    TRY(issuer_check(&root, k, o->now));
    if (cert_path_len(root.certs[0]) == 0)
        return FAIL(INPUT, "the root allows no CA below it (path length 0)");
    *out = cert_ref(root.certs[0]);
    return OK;
}

/* The root, new or from its files. */
static fallible root_of(const struct issuer_order *o, struct key **key, struct cert **out)
{
    if (file_exists(o->root_key)) {
        TRY(key_load(o->root_key, key));
        return load_root(o, *key, out);
    }
    TRY(key_make_ec(KEY_P384, key));
    TRY(make_root(o, *key, 1, out));
    return key_save(o->root_key, *key);
}

static fallible make_intermediate(const struct issuer_order *o, const struct key *k,
                                  struct chain *out)
{
    struct key *root_key owned(key_free) = NULL;
    struct cert *root owned(cert_free) = NULL;
    struct buf name owned(buf_done) = buf_of(PATH_MAX_BYTES);
    int64_t end = o->now + (int64_t)o->intermediate_years * YEAR;

    buf_addf(&name, "%.48s Issuing CA", o->common_name);
    TRY(buf_check(&name));
    TRY(root_of(o, &root_key, &root));
    const struct cert_request req = {
        .common_name = buf_str(&name),
        .key = k,
        .not_before = o->now - BACKDATE,
        .not_after = end < cert_not_after(root) ? end : cert_not_after(root),
        .ca = true,
        .path_len = 0,
    };
    TRY(cert_issue(&req, root, root_key, &out->certs[0]));
    out->certs[1] = TAKE(root);
    out->count = 2;
    return OK;
}

fallible issuer_create(const char *folder, const struct issuer_order *o)
{
    struct key *k owned(key_free) = o->token ? key_ref(o->token) : NULL;
    struct chain chain owned(chain_done) = { 0 };

    TRY(is_free(folder));
    if (!k)
        TRY(key_make_ec(KEY_P256, &k));
    if (o->root_key)
        TRY(make_intermediate(o, k, &chain));
    else
        TRY(make_root(o, k, 0, &chain.certs[0]));
    chain.count = o->root_key ? 2 : 1;
    TRY(issuer_check(&chain, k, o->now));
    return save(folder, k, o->token != NULL, &chain);
}

fallible issuer_import(const char *folder, struct span chain_pem, struct key *key, bool token,
                       int64_t now)
{
    struct chain chain owned(chain_done) = { 0 };

    TRY(chain_from_pem(chain_pem, &chain));
    TRY(issuer_check(&chain, key, now));
    TRY(is_free(folder));
    return save(folder, key, token, &chain);
}

fallible issuer_load(const char *folder, struct key *token, struct issuer *out)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_BYTES);
    struct buf pem owned(buf_done) = buf_of(CERT_FILE_MAX);
    struct issuer i owned(issuer_done) = { 0 };

    TRY(path_in(folder, ISSUER_KEY_FILE, &path));
    if (token)
        i.key = key_ref(token);
    else
        TRY(key_load(buf_str(&path), &i.key));
    buf_clear(&path);
    TRY(path_in(folder, ISSUER_CHAIN_FILE, &path));
    TRY(file_read(buf_str(&path), &pem));
    TRY(chain_from_pem(buf_span(&pem), &i.chain));
    /* Dates are the service's to watch: one that has expired says so, and serves its list. */
    int64_t then = 0;
    for (size_t at = 0; at < i.chain.count; at++)
        then =
            cert_not_before(i.chain.certs[at]) > then ? cert_not_before(i.chain.certs[at]) : then;
    TRY(issuer_check(&i.chain, i.key, then));
    *out = i;
    i = (struct issuer){ 0 };
    return OK;
}
