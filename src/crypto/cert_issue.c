// SPDX-License-Identifier: Apache-2.0
/* Issuing certificates (RFC 5280 section 4). */
#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "crypto/key_internal.h"
#include "crypto/random.h"
#include "crypto/x509.h"
#include "crypto/x509_issue_internal.h"

#define SERIAL_SIZE 16

static bool add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *ext owned(X509_EXTENSION_free) = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    return ext && X509_add_ext(x, ext, -1);
}

static bool add_extra(X509 *x, const struct cert_extra *extra)
{
    for (; extra && extra->oid; extra++) {
        ASN1_OBJECT *oid owned(ASN1_OBJECT_free) = OBJ_txt2obj(extra->oid, 1);
        ASN1_OCTET_STRING *value owned(ASN1_OCTET_STRING_free) = ASN1_OCTET_STRING_new();
        if (!oid || !value || !ASN1_OCTET_STRING_set(value, extra->value.at, (int)extra->value.len))
            return false;
        X509_EXTENSION *ext owned(X509_EXTENSION_free) = X509_EXTENSION_create_by_OBJ(NULL, oid, extra->critical, value);
        if (!ext || !X509_add_ext(x, ext, -1))
            return false;
    }
    return true;
}

bool name_is_address(const char *name)
{
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
    ASN1_OCTET_STRING_free(ip);
    return ip != NULL;
}

GENERAL_NAMES *names_of(const char *const *san)
{
    GENERAL_NAMES *names owned(GENERAL_NAMES_free) = sk_GENERAL_NAME_new_null();
    for (; names && san && *san; san++) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        if (!name || !sk_GENERAL_NAME_push(names, name))
            return GENERAL_NAME_free(name), NULL;
        if (name_is_address(*san)) {
            GENERAL_NAME_set0_value(name, GEN_IPADD, a2i_IPADDRESS(*san));
            continue;
        }
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();
        if (!text || !ASN1_STRING_set(text, *san, -1))
            return ASN1_IA5STRING_free(text), NULL;
        GENERAL_NAME_set0_value(name, GEN_DNS, text);
    }
    return TAKE(names);
}

static bool add_names(X509 *x, const char *const *san)
{
    if (!san || !*san)
        return true;
    GENERAL_NAMES *names owned(GENERAL_NAMES_free) = names_of(san);
    return names && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
}

static bool add_usage(X509 *x, X509V3_CTX *ctx, const struct cert_request *req)
{
    char basic[48];

    if (req->ca) {
        snprintf(basic, sizeof(basic), req->path_len < 0 ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:%d", req->path_len);
        return add_extension(x, ctx, NID_basic_constraints, basic) &&
               add_extension(x, ctx, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    const char *extended = req->server_auth ? req->client_auth ? "serverAuth,clientAuth" : "serverAuth"
                                            : req->client_auth ? "clientAuth" : NULL;
    return add_extension(x, ctx, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, ctx, NID_key_usage,
                         extended && key_kind_of(req->key) == KEY_RSA ? "critical,digitalSignature,keyEncipherment"
                                                                      : "critical,digitalSignature") &&
           (!extended || add_extension(x, ctx, NID_ext_key_usage, extended));
}

static bool set_serial(X509 *x)
{
    uint8_t bytes[SERIAL_SIZE];
    if (failed(random_fill(bytes, sizeof(bytes))))
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of full length */
    BIGNUM *n owned(BN_clear_free) = BN_bin2bn(bytes, sizeof(bytes), NULL);
    return n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
}

static bool fill(X509 *x, const struct cert_request *req, X509 *issuer)
{
    X509_NAME *subject = X509_get_subject_name(x);
    X509V3_CTX ctx;

    if (!X509_set_version(x, X509_VERSION_3) || !set_serial(x) ||
        !ASN1_TIME_set(X509_getm_notBefore(x), req->not_before) || !ASN1_TIME_set(X509_getm_notAfter(x), req->not_after) ||
        !X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const uint8_t *)req->common_name, -1, -1, 0) ||
        !X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : subject) || !X509_set_pubkey(x, key_pkey(req->key)))
        return false;
    X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
    return add_usage(x, &ctx, req) && add_names(x, req->san) && add_extension(x, &ctx, NID_subject_key_identifier, "hash") &&
           add_extension(x, &ctx, NID_authority_key_identifier, "keyid:always") && add_extra(x, req->extra);
}

const EVP_MD *signing_digest(const struct key *k)
{
    return key_kind_of(k) == KEY_P384 ? EVP_sha384() : EVP_sha256();
}

fallible x509_of(const struct cert *c, X509 **out)
{
    struct span der = cert_der(c);
    const uint8_t *at = der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);

    if (!x)
        return FAIL(INPUT, "not a certificate");
    *out = x;
    return OK;
}

fallible cert_issue(const struct cert_request *req, const struct cert *issuer, const struct key *issuer_key, struct cert **out)
{
    X509 *x owned(X509_free) = X509_new(), *parent owned(X509_free) = NULL;

    if (issuer)
        TRY(x509_of(issuer, &parent));
    if (!x || !fill(x, req, parent) || X509_sign(x, key_pkey(issuer_key), signing_digest(issuer_key)) <= 0)
        return FAIL(INPUT, "a certificate could not be made of this request");
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    if (len <= 0)
        return FAIL(SYSTEM, "out of memory for a certificate");
    struct err e = cert_from_der(span_from(der, (size_t)len), out);
    OPENSSL_free(der);
    return e;
}
