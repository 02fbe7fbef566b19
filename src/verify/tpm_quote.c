// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_quote.h"

#include "crypto/signature.h"

#define EC_COORDINATE_MAX 66

const char *tpm_trusted_by_name(enum tpm_trusted_by by)
{
    switch (by) {
    case TPM_BY_NOBODY:
        return "nobody";
    case TPM_BY_ENROLMENT:
        return "enrolled";
    case TPM_BY_EK_CERTIFICATE:
        return "ek_certificate";
    case TPM_BY_AK_CERTIFICATE:
        return "ak_certificate";
    case TPM_BY_HARDWARE_REPORT:
        return "hardware_report";
    }
    return "nobody";
}

void tpm_state_free(void *state)
{
    struct tpm_state *s = state;

    if (!s)
        return;
    key_free(s->key);
    buf_done(&s->bytes);
    free(s);
}
OWNED_TYPE(struct tpm_state, tpm_state_free)

fallible tpm_state_new(struct span bytes, struct tpm_state **out, const char **wrong)
{
    struct tpm_state *s owned(tpm_state_free) = calloc(1, sizeof(*s));

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    s->bytes = buf_of(EVIDENCE_MAX);
    buf_add(&s->bytes, bytes);
    TRY(buf_check(&s->bytes));
    struct err e = tpm_evidence_parse(buf_span(&s->bytes), &s->evidence);
    if (!failed(e))
        e = tpm_quote_parse(s->evidence.parts[TPM_PART_QUOTE], &s->quote);
    if (!failed(e))
        e = tpm_signature_parse(s->evidence.parts[TPM_PART_SIGNATURE], &s->signature);
    *wrong = failed(e) ? e.what : NULL;
    *out = TAKE(s);
    return OK;
}

/* SHA-1 would let a prepared structure stand for another. */
static const char *scheme_check(const struct tpm_state *s)
{
    if (s->signature.hash == TPM_ALG_SHA1)
        return "the TPM's quote is signed with SHA-1";
    if (!tpm_hash_size(s->signature.hash))
        return "the TPM's quote is signed with a hash that is not known here";
    if ((s->signature.scheme == TPM_ALG_ECDSA) == (key_kind_of(s->key) == KEY_RSA))
        return "the TPM's signature is of another kind than its key";
    return NULL;
}

static void padded_add(struct span part, size_t size, struct buf *out)
{
    if (part.len <= size)
        buf_extend(out, size - part.len);
    buf_add(out, part);
}

static fallible signature_check(const struct tpm_state *s, bool *good)
{
    struct buf raw owned(buf_done) = buf_of(2 * EC_COORDINATE_MAX);
    struct span signature = s->signature.rsa;
    enum signature_scheme scheme = SIGNATURE_ECDSA;
    bool known;
    enum digest_kind hash = digest_of_tpm(s->signature.hash, &known);

    if (s->signature.scheme == TPM_ALG_ECDSA) {
        size_t size = (key_bits(s->key) + 7) / 8;
        padded_add(s->signature.r, size, &raw);
        padded_add(s->signature.s, size, &raw);
        TRY(buf_check(&raw));
        signature = buf_span(&raw);
    } else {
        scheme = s->signature.scheme == TPM_ALG_RSAPSS ? SIGNATURE_RSA_PSS_ANY_SALT
                                                       : SIGNATURE_RSA_PKCS1;
    }
    return signature_verify(s->key, scheme, hash, s->evidence.parts[TPM_PART_QUOTE], signature,
                            good);
}

/* The size of all values that the selection names; 0: a bank is of a hash that is not known here.
 */
static size_t values_size(const struct tpm_selection *sel)
{
    size_t size = 0;

    for (size_t i = 0; i < sel->count; i++) {
        size_t each = tpm_hash_size(sel->banks[i].alg);
        if (!each && sel->banks[i].mask)
            return 0;
        size += each * (size_t)__builtin_popcount(sel->banks[i].mask);
    }
    return size;
}

struct span tpm_pcr_value(const struct tpm_state *s, uint16_t alg, unsigned index)
{
    struct reader r = reader_of(s->evidence.parts[TPM_PART_PCRS]);
    const struct tpm_selection *sel = &s->quote.selection;

    for (size_t i = 0; i < sel->count; i++) {
        for (unsigned n = 0; n < TPM_PCRS; n++) {
            if (!(sel->banks[i].mask & 1U << n))
                continue;
            struct span value = reader_take(&r, tpm_hash_size(sel->banks[i].alg));
            if (sel->banks[i].alg == alg && n == index)
                return value;
        }
    }
    return (struct span){ 0 };
}

static fallible values_check(const struct tpm_state *s, const char **wrong)
{
    struct span values = s->evidence.parts[TPM_PART_PCRS];
    uint8_t hash[DIGEST_MAX];
    bool known;
    enum digest_kind kind = digest_of_tpm(s->signature.hash, &known);

    *wrong = NULL;
    if (!known || !values_size(&s->quote.selection))
        *wrong = "the quote selects no PCR, or a bank of a hash that is not known here";
    else if (values_size(&s->quote.selection) != values.len)
        *wrong = "the PCR values are not exactly those that the quote selects";
    if (*wrong)
        return OK;
    TRY(digest_of(kind, values, hash));
    if (!span_equal(s->quote.pcr_digest, span_from(hash, digest_size(kind))))
        *wrong = "the PCR values are not those that were quoted";
    return OK;
}

static fallible report_data_check(const struct tpm_state *s, struct span expected,
                                  struct check_list *l)
{
    uint8_t hash[SHA256_SIZE];

    check_make_optional(l, TPM_CHECK_REPORT_DATA);
    if (!expected.len)
        return OK;
    TRY(sha256(expected, hash));
    check_record(l, TPM_CHECK_REPORT_DATA,
                 span_equal(s->quote.extra, SPAN_OF(hash))
                     ? NULL
                     : "the qualifying data is not the hash of the report data");
    return OK;
}

fallible tpm_quote_judge(struct tpm_state *s, const struct verify_input *in, struct check_list *l)
{
    const char *wrong = scheme_check(s);
    bool good = false;

    check_record(l, TPM_CHECK_SCHEME, wrong);
    if (tpm_hash_size(s->signature.hash))
        TRY(signature_check(s, &good));
    check_record(l, TPM_CHECK_SIGNATURE, good ? NULL : "the TPM's quote has a wrong signature");
    TRY(values_check(s, &wrong));
    check_record(l, TPM_CHECK_PCRS, wrong);
    if (!wrong) {
        TRY(tpm_event_log_judge(s, l));
        TRY(tpm_ima_log_judge(s, l));
    }
    TRY(report_data_check(s, in->report_data, l));
    s->genuine = check_all_passed(l, TPM_CHECK_PCRS);
    return OK;
}
