// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_trust.h"

#include "base/hex.h"
#include "base/json.h"
#include "evidence/der.h"

#define FORMAT_VERSION 1
#define NAME_MIN 34 /* SHA-256 */

static const uint8_t purpose_ek[] = { 0x67, 0x81, 0x05, 0x08, 0x01 };
static const uint8_t purpose_ak[] = { 0x67, 0x81, 0x05, 0x08, 0x03 };
static const uint8_t oid_extended_key_usage[] = { 0x55, 0x1d, 0x25 };
const struct span tpm_purpose_ek = { purpose_ek, sizeof(purpose_ek) };
const struct span tpm_purpose_ak = { purpose_ak, sizeof(purpose_ak) };

static fallible root_add(struct tpm_trust *t, struct cert *c)
{
    if (t->root_count == TPM_ROOTS_MAX)
        return FAIL(LIMIT, "more than 32 roots of trust for TPMs");
    if (!cert_is_ca(c) || !cert_may_sign_certs(c))
        return FAIL(INPUT, "a root of trust for TPMs is not a CA certificate");
    t->roots[t->root_count++] = cert_ref(c);
    return OK;
}

static fallible roots_parse(struct tpm_trust *t, struct span text)
{
    struct chain chain owned(chain_done) = { 0 };
    struct reader r = reader_of(text);

    if (reader_u8(&r) == 0x30) {
        struct cert *c owned(cert_free) = NULL;
        TRY(cert_from_der(text, &c));
        return root_add(t, c);
    }
    TRY(chain_from_pem(text, &chain));
    for (size_t i = 0; i < chain.count; i++)
        TRY(root_add(t, chain.certs[i]));
    return OK;
}

static fallible label_take(const json_t *row, struct tpm_key *k)
{
    struct span label = { 0 };

    TRY(json_opt_str(row, "label", "enrolled key: label", &label));
    if (label.len > TPM_LABEL_MAX)
        return FAIL(INPUT, "an enrolled key's label is longer than 64 bytes");
    memcpy(k->label, label.at ? (const char *)label.at : "", label.len);
    return OK;
}

static fallible key_parse(const json_t *row, struct tpm_key *out)
{
    static const char *const members[] = { "name",           "label",       "by",
                                           "ek_certificate", "enrolled_at", NULL };
    struct span name, by;
    struct tpm_key k = { .name_len = 0 };

    TRY(json_only(row, members));
    TRY(json_get_str(row, "name", "enrolled key: name", &name));
    TRY(json_get_str(row, "by", "enrolled key: by", &by));
    k.name_len = name.len / 2;
    if (k.name_len < NAME_MIN || k.name_len > TPM_NAME_MAX)
        return FAIL(INPUT, "an enrolled key's name has not the length of a TPM name");
    TRY(hex_parse_exact(name, k.name, k.name_len));
    k.by_ek_certificate = span_equal_str(by, "ek_certificate");
    if (!k.by_ek_certificate && !span_equal_str(by, "operator"))
        return FAIL(INPUT, "an enrolled key is by neither operator nor ek_certificate");
    TRY(label_take(row, &k));
    *out = k;
    return OK;
}

static int key_compare(const void *a, const void *b)
{
    const struct tpm_key *x = a, *y = b;

    if (x->name_len != y->name_len)
        return x->name_len < y->name_len ? -1 : 1;
    return memcmp(x->name, y->name, x->name_len);
}

static fallible keys_parse(struct span text, struct tpm_trust *t)
{
    static const char *const members[] = { "version", "keys", NULL };
    json_t *root owned(json_free) = NULL;
    const json_t *rows;
    uint64_t version;

    TRY(json_parse_object(text, &root));
    TRY(json_only(root, members));
    TRY(json_get_u64(root, "version", FORMAT_VERSION, "enrolled keys: version", &version));
    TRY(json_get_array(root, "keys", "enrolled keys: keys", &rows));
    if (version != FORMAT_VERSION)
        return FAIL(INPUT, "enrolled keys are of another version");
    if (json_array_size(rows) > TPM_KEYS_MAX)
        return FAIL(LIMIT, "more than 4096 enrolled keys");
    t->keys = calloc(json_array_size(rows) + 1, sizeof(*t->keys));
    if (!t->keys)
        return FAIL(SYSTEM, "out of memory");
    for (; t->key_count < json_array_size(rows); t->key_count++)
        TRY(key_parse(json_array_get(rows, t->key_count), &t->keys[t->key_count]));
    qsort(t->keys, t->key_count, sizeof(*t->keys), key_compare);
    for (size_t i = 1; i < t->key_count; i++)
        if (key_compare(&t->keys[i - 1], &t->keys[i]) == 0)
            return FAIL(INPUT, "a key is enrolled twice");
    return OK;
}

fallible tpm_trust_init(struct tpm_trust *t, const struct span *roots, size_t count,
                        struct span enrolled)
{
    struct tpm_trust made = { .root_count = 0 };
    struct err e = OK;

    for (size_t i = 0; i < count && !failed(e); i++)
        e = roots_parse(&made, roots[i]);
    if (!failed(e) && enrolled.len)
        e = keys_parse(enrolled, &made);
    if (failed(e)) {
        tpm_trust_done(&made);
        return e;
    }
    *t = made;
    return OK;
}

void tpm_trust_done(struct tpm_trust *t)
{
    for (size_t i = 0; i < t->root_count; i++)
        cert_free(t->roots[i]);
    for (size_t i = 0; i < t->list_count; i++)
        crl_free(t->lists[i]);
    free(t->keys);
    *t = (struct tpm_trust){ .root_count = 0 };
}

const struct tpm_key *tpm_trust_key(const struct tpm_trust *t, struct span name)
{
    struct tpm_key wanted = { .name_len = name.len };

    if (!t->key_count || name.len > TPM_NAME_MAX)
        return NULL;
    memcpy(wanted.name, name.at, name.len);
    return bsearch(&wanted, t->keys, t->key_count, sizeof(*t->keys), key_compare);
}

static bool has_purpose(const struct cert *c, struct span purpose)
{
    struct reader r = reader_of(cert_extension(c, SPAN_OF(oid_extended_key_usage)));
    struct reader list = reader_of(der_expect(&r, DER_SEQUENCE));
    bool found = false;

    while (list.rest.len)
        found |= span_equal(der_expect(&list, DER_OID), purpose);
    return !r.failed && !r.rest.len && !list.failed && found;
}

static fallible issued_by(const struct cert *subject, const struct cert *issuer, bool *good)
{
    *good = false;
    if (!span_equal(cert_issuer(subject), cert_subject(issuer)) || !cert_is_ca(issuer) ||
        !cert_may_sign_certs(issuer))
        return OK;
    return cert_signed_by(subject, cert_key(issuer), good);
}

static bool in_window(const struct cert *c, int64_t at)
{
    return cert_not_before(c) <= at && at <= cert_not_after(c);
}

/* Above a chain of `count` certificates, of which the first is no CA. */
static bool high_enough(const struct cert *root, size_t count)
{
    return cert_path_len(root) < 0 || (size_t)cert_path_len(root) + 1 >= count;
}

fallible tpm_root_find(const struct tpm_trust *t, const struct chain *c, int64_t at,
                       const struct cert **out)
{
    const struct cert *last = c->certs[c->count - 1];

    *out = NULL;
    for (size_t i = 0; i < t->root_count && !*out; i++) {
        bool good = cert_equal(t->roots[i], last);
        if (!good && high_enough(t->roots[i], c->count))
            TRY(issued_by(last, t->roots[i], &good));
        if (good && in_window(t->roots[i], at))
            *out = t->roots[i];
    }
    return OK;
}

/* What concerns each certificate by itself. CAs below which too many others stand are refused. */
static const char *places_check(const struct chain *c, struct span purpose, int64_t at)
{
    for (size_t i = 0; i < c->count; i++) {
        if (cert_has_unknown_critical(c->certs[i]))
            return "a certificate of the TPM's chain has an unknown critical extension";
        if (!in_window(c->certs[i], at))
            return "a certificate of the TPM's chain is not valid at this time";
        if (i && cert_path_len(c->certs[i]) >= 0 && (size_t)cert_path_len(c->certs[i]) < i - 1)
            return "a CA of the TPM's chain may not stand so high in it";
    }
    if (cert_is_ca(c->certs[0]))
        return "the TPM's certificate is that of a CA";
    return has_purpose(c->certs[0], purpose) ? NULL
                                             : "the TPM's certificate is for another purpose";
}

fallible tpm_chain_check(const struct tpm_trust *t, const struct chain *c, struct span purpose,
                         int64_t at, const char **wrong)
{
    const struct cert *root;

    *wrong = c->count ? places_check(c, purpose, at) : "the TPM's certificate chain is empty";
    for (size_t i = 0; i + 1 < c->count && !*wrong; i++) {
        bool good;
        TRY(issued_by(c->certs[i], c->certs[i + 1], &good));
        *wrong = good ? NULL : "the certificates of the TPM's chain do not follow one another";
    }
    if (*wrong)
        return OK;
    TRY(tpm_root_find(t, c, at, &root));
    if (!root)
        *wrong = "the TPM's certificate chain does not end at a configured root";
    return OK;
}
