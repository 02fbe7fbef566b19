// SPDX-License-Identifier: Apache-2.0
/* Certificate signing requests (PKCS#10, RFC 2986). */
#include <arpa/inet.h>
#include <openssl/pem.h>

#include "crypto/key_internal.h"
#include "crypto/x509_issue_internal.h"

#define CSR_MAX (32U << 10)
#define NAMES_MAX 64

static fallible read_request(struct span in, X509_REQ **out)
{
    X509_REQ *r owned(X509_REQ_free) = NULL;

    if (in.len == 0 || in.len > CSR_MAX)
        return FAIL(LIMIT, "a certificate request is empty or too long");
    if (in.at[0] == 0x30) {
        const uint8_t *at = in.at;
        r = d2i_X509_REQ(NULL, &at, (long)in.len);
        if (r && at != in.at + in.len)
            return FAIL(INPUT, "bytes follow the certificate request");
    } else {
        BIO *bio owned(BIO_free_all) = BIO_new_mem_buf(in.at, (int)in.len);
        r = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    }
    if (!r)
        return FAIL(INPUT, "not a certificate request (PKCS#10, PEM or DER)");
    *out = TAKE(r);
    return OK;
}

static fallible take_key(X509_REQ *r, struct csr *out)
{
    EVP_PKEY *pkey = X509_REQ_get0_pubkey(r);
    uint8_t *der = NULL;

    if (!pkey || X509_REQ_verify(r, pkey) != 1)
        return FAIL(DENIED, "the request is not signed by its own key (RFC 2986 section 4.2)");
    int len = i2d_PUBKEY(pkey, &der);
    if (len <= 0)
        return FAIL(SYSTEM, "out of memory for a key");
    struct err e = key_from_spki(span_from(der, (size_t)len), &out->key);
    OPENSSL_free(der);
    return e;
}

static fallible text_of(const ASN1_STRING *s, char **out)
{
    uint8_t *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, s);

    if (len < 0)
        return FAIL(INPUT, "a name in the request is not text");
    struct span text = span_from(utf8, (size_t)len);
    char *copy = memchr(utf8, 0, (size_t)len) ? NULL : span_dup(text);
    OPENSSL_free(utf8);
    if (!copy)
        return FAIL(INPUT, "a name in the request holds a NUL");
    *out = copy;
    return OK;
}

static fallible take_subject(X509_REQ *r, struct csr *out)
{
    X509_NAME *subject = X509_REQ_get_subject_name(r);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return FAIL(INPUT, "the request's subject must have exactly one common name");
    return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), &out->common_name);
}

static fallible take_address(const ASN1_OCTET_STRING *ip, char **out)
{
    char text[INET6_ADDRSTRLEN];
    int family = ASN1_STRING_length(ip) == 4 ? AF_INET : ASN1_STRING_length(ip) == 16 ? AF_INET6 : 0;

    if (!family || !inet_ntop(family, ASN1_STRING_get0_data(ip), text, sizeof(text)))
        return FAIL(INPUT, "an address in the request has a wrong length");
    *out = strdup(text);
    return *out ? OK : FAIL(SYSTEM, "out of memory for a name");
}

static fallible take_name(const GENERAL_NAME *name, struct csr *out, size_t *count)
{
    if (name->type == GEN_DNS)
        TRY(text_of(name->d.dNSName, &out->san[*count]));
    else if (name->type == GEN_IPADD)
        TRY(take_address(name->d.iPAddress, &out->san[*count]));
    else
        out->has_other_names = true;
    *count += out->san[*count] != NULL;
    return OK;
}

static fallible take_names(X509_REQ *r, struct csr *out)
{
    STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(r);
    GENERAL_NAMES *names owned(GENERAL_NAMES_free) = X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);
    int have = names ? sk_GENERAL_NAME_num(names) : 0;

    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    if (have > NAMES_MAX)
        return FAIL(LIMIT, "too many names in the request");
    out->san = calloc((size_t)have + 1, sizeof(char *));
    if (!out->san)
        return FAIL(SYSTEM, "out of memory for names");
    size_t count = 0;
    for (int i = 0; i < have; i++)
        TRY(take_name(sk_GENERAL_NAME_value(names, i), out, &count));
    return OK;
}

fallible csr_parse(struct span pem_or_der, struct csr *out)
{
    X509_REQ *r owned(X509_REQ_free) = NULL;
    struct csr made owned(csr_done) = { 0 };

    TRY(read_request(pem_or_der, &r));
    TRY(take_key(r, &made));
    TRY(take_subject(r, &made));
    TRY(take_names(r, &made));
    *out = made;
    made = (struct csr){ 0 };
    return OK;
}

void csr_done(struct csr *r)
{
    key_free(r->key);
    free(r->common_name);
    for (char **name = r->san; name && *name; name++)
        free(*name);
    free(r->san);
    *r = (struct csr){ 0 };
}

static bool add_request_names(X509_REQ *r, const char *const *san)
{
    if (!san || !*san)
        return true;
    GENERAL_NAMES *names owned(GENERAL_NAMES_free) = names_of(san);
    STACK_OF(X509_EXTENSION) *exts = NULL;
    bool good = names && X509V3_add1_i2d(&exts, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
                X509_REQ_add_extensions(r, exts) == 1;
    sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
    return good;
}

fallible csr_make(const struct key *k, const char *common_name, const char *const *san, struct buf *pem)
{
    X509_REQ *r owned(X509_REQ_free) = X509_REQ_new();
    BIO *bio owned(BIO_free_all) = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (!r || !bio ||
        !X509_NAME_add_entry_by_NID(X509_REQ_get_subject_name(r), NID_commonName, MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1, 0) ||
        !X509_REQ_set_pubkey(r, key_pkey(k)) || !add_request_names(r, san) ||
        X509_REQ_sign(r, key_pkey(k), signing_digest(k)) <= 0 || !PEM_write_bio_X509_REQ(bio, r))
        return FAIL(INPUT, "a certificate request could not be made of these names");
    long len = BIO_get_mem_data(bio, &text);
    buf_add(pem, span_from(text, (size_t)len));
    return buf_check(pem);
}
