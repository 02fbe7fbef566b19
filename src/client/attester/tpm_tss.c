// SPDX-License-Identifier: Apache-2.0
/*
 * A TPM 2.0 through tpm2-tss: a quote by the attestation key at its handle, over the SHA-256 bank,
 * with the SHA-256 of the report data as qualifying data; the values of the quoted PCRs and, where
 * they are named, the logs. The form is that of docs/protocol.md, "Evidence of a TPM".
 */
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "base/file.h"
#include "base/writer.h"
#include "client/attester/attester_internal.h"
#include "client/attester/tpm_place.h"
#include "crypto/digest.h"

#define QUOTE_TRIES 8
#define VALUE_SIZE 32
#define PART_MAX 4096
#define VERSION_1 "WTPM\x01"

enum part {
    PART_QUOTE = 1,
    PART_SIGNATURE = 2,
    PART_AK = 3,
    PART_PCRS = 4,
    PART_EVENT_LOG = 6,
    PART_IMA_LOG = 7
};

struct tpm {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR key;
};

static void tpm_closep(struct tpm *t)
{
    if (t->esys && t->key != ESYS_TR_NONE)
        Esys_TR_Close(t->esys, &t->key);
    Esys_Finalize(&t->esys);
    Tss2_TctiLdr_Finalize(&t->tcti);
}

static void esys_freep(void *p)
{
    Esys_Free(*(void **)p);
}

static fallible tpm_open(const struct tpm_place *at, struct tpm *t)
{
    char *tcti owned(free) = span_dup(at->tcti);

    if (!tcti)
        return FAIL(SYSTEM, "out of memory");
    if (Tss2_TctiLdr_Initialize(tcti, &t->tcti) || Esys_Initialize(&t->esys, t->tcti, NULL))
        return FAIL(UPSTREAM, "cannot reach the TPM");
    if (Esys_TR_FromTPMPublic(t->esys, at->handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              &t->key))
        return FAIL(UPSTREAM, "the TPM has no attestation key at the configured handle");
    return OK;
}

static TPML_PCR_SELECTION selection_of(uint32_t mask)
{
    TPML_PCR_SELECTION s = { .count = 1 };

    s.pcrSelections[0].hash = TPM2_ALG_SHA256;
    s.pcrSelections[0].sizeofSelect = 3;
    for (unsigned i = 0; i < 3; i++)
        s.pcrSelections[0].pcrSelect[i] = (BYTE)(mask >> (8 * i));
    return s;
}

/* A TPM gives at most eight values at a time. */
static fallible values_read(struct tpm *t, uint32_t mask, struct buf *out)
{
    for (unsigned n = 0; n < 24; n++) {
        TPML_DIGEST *values owned(esys_free) = NULL;
        TPML_PCR_SELECTION one = selection_of(1U << n);
        UINT32 counter;
        if (!(mask & 1U << n))
            continue;
        if (Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &one, &counter, NULL,
                          &values) ||
            values->count != 1 || values->digests[0].size != VALUE_SIZE)
            return FAIL(UPSTREAM, "the TPM gives no value of a PCR in its SHA-256 bank");
        buf_add(out, span_from(values->digests[0].buffer, VALUE_SIZE));
    }
    return buf_check(out);
}

static void part_add(struct buf *out, enum part tag, struct span bytes)
{
    write_u8(out, (uint8_t)tag);
    write_part(out, bytes);
}

struct quoted {
    TPM2B_ATTEST *attest;
    TPMT_SIGNATURE *signature;
};

static void quoted_donep(struct quoted *q)
{
    Esys_Free(q->attest);
    Esys_Free(q->signature);
}

static fallible quote_make(struct tpm *t, uint32_t mask, struct span report_data,
                           struct quoted *out)
{
    TPML_PCR_SELECTION selection = selection_of(mask);
    const TPMT_SIG_SCHEME scheme = { .scheme = TPM2_ALG_NULL };
    TPM2B_DATA qualifying = { .size = SHA256_SIZE };

    TRY(sha256(report_data, qualifying.buffer));
    if (Esys_Quote(t->esys, t->key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &qualifying,
                   &scheme, &selection, &out->attest, &out->signature))
        return FAIL(UPSTREAM, "the TPM gives no quote");
    return OK;
}

/* Whether the values are those that were quoted: a PCR may be extended between the two calls. */
static bool values_quoted(const struct quoted *q, struct span values)
{
    TPMS_ATTEST attest;
    uint8_t hash[DIGEST_MAX];
    size_t at = 0;

    if (Tss2_MU_TPMS_ATTEST_Unmarshal(q->attest->attestationData, q->attest->size, &at, &attest))
        return false;
    struct span digest =
        span_from(attest.attested.quote.pcrDigest.buffer, attest.attested.quote.pcrDigest.size);
    enum digest_kind kind = digest.len == SHA384_SIZE   ? DIGEST_SHA384
                            : digest.len == SHA512_SIZE ? DIGEST_SHA512
                                                        : DIGEST_SHA256;
    return !failed(digest_of(kind, values, hash)) &&
           span_equal(digest, span_from(hash, digest_size(kind)));
}

static fallible key_add(struct tpm *t, struct buf *out)
{
    TPM2B_PUBLIC *public owned(esys_free) = NULL;
    TPM2B_NAME *name owned(esys_free) = NULL, *qualified owned(esys_free) = NULL;
    uint8_t bytes[PART_MAX];
    size_t len = 0;

    if (Esys_ReadPublic(t->esys, t->key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, &name,
                        &qualified) ||
        Tss2_MU_TPMT_PUBLIC_Marshal(&public->publicArea, bytes, sizeof(bytes), &len))
        return FAIL(UPSTREAM, "the TPM does not show its attestation key");
    part_add(out, PART_AK, span_from(bytes, len));
    return OK;
}

static fallible log_add(struct span path, enum part tag, struct buf *out)
{
    struct buf log owned(buf_done) = buf_of(ATTESTER_EVIDENCE_MAX);
    char *name owned(free) = span_dup(path);

    if (!path.len)
        return OK;
    if (!name)
        return FAIL(SYSTEM, "out of memory");
    TRY(file_read(name, &log));
    part_add(out, tag, buf_span(&log));
    return OK;
}

static fallible evidence_write(struct tpm *t, const struct tpm_place *at, const struct quoted *q,
                               struct span values, struct buf *out)
{
    uint8_t signature[PART_MAX];
    size_t len = 0;

    if (Tss2_MU_TPMT_SIGNATURE_Marshal(q->signature, signature, sizeof(signature), &len))
        return FAIL(UPSTREAM, "the TPM's signature is of an unknown kind");
    buf_add_str(out, VERSION_1);
    part_add(out, PART_QUOTE, span_from(q->attest->attestationData, q->attest->size));
    part_add(out, PART_SIGNATURE, span_from(signature, len));
    TRY(key_add(t, out));
    part_add(out, PART_PCRS, values);
    TRY(log_add(at->event_log, PART_EVENT_LOG, out));
    TRY(log_add(at->ima_log, PART_IMA_LOG,
                out)); /* after the quote: it may have grown, and not be short */
    return buf_check(out);
}

fallible tpm_quote(const char *place, struct span report_data, enum evidence_type *type,
                   struct buf *evidence)
{
    struct tpm t owned(tpm_close) = { .key = ESYS_TR_NONE };
    struct tpm_place at;

    TRY(tpm_place_parse(span_str(place), &at));
    TRY(tpm_open(&at, &t));
    for (unsigned i = 0; i < QUOTE_TRIES; i++) {
        struct quoted q owned(quoted_done) = { 0 };
        struct buf values owned(buf_done) = buf_of(PART_MAX);
        TRY(quote_make(&t, at.pcrs, report_data, &q));
        TRY(values_read(&t, at.pcrs, &values));
        if (!values_quoted(&q, buf_span(&values)))
            continue;
        *type = EVIDENCE_TPM;
        return evidence_write(&t, &at, &q, buf_span(&values), evidence);
    }
    return FAIL(UPSTREAM, "the TPM's registers change faster than they can be read");
}
