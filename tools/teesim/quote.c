// SPDX-License-Identifier: Apache-2.0
#include "teesim/quote.h"

#include <assert.h>

#include "base/writer.h"
#include "crypto/signature.h"

#define TEE_SGX 0
#define TEE_TDX 0x81
#define SIGNATURE_SIZE 64
#define XY_SIZE 64

static const uint8_t intel_vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                          0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

static const struct {
    const char *name;
    uint16_t version;
    uint32_t tee_type;
    uint16_t body_type;
    size_t body_len;
} tees[] = {
    [FORGE_SGX3] = { "sgx3", 3, TEE_SGX, 0, FORGE_SGX_BODY_SIZE },
    [FORGE_TDX4] = { "tdx4", 4, TEE_TDX, 0, FORGE_TD10_BODY_SIZE },
    [FORGE_TDX5_TD10] = { "tdx5-td10", 5, TEE_TDX, 2, FORGE_TD10_BODY_SIZE },
    [FORGE_TDX5] = { "tdx5", 5, TEE_TDX, 3, FORGE_TD15_BODY_SIZE },
    [FORGE_TDX5_TD15EX] = { "tdx5-td15ex", 5, TEE_TDX, 4, FORGE_TD15EX_BODY_SIZE },
    [FORGE_SGX4] = { "sgx4", 4, TEE_SGX, 0, FORGE_SGX_BODY_SIZE },
    [FORGE_SGX5] = { "sgx5", 5, TEE_SGX, 1, FORGE_SGX_BODY_SIZE },
};

const char *forge_tee_name(enum forge_tee tee)
{
    return tees[tee].name;
}

fallible forge_tee_parse(struct span name, enum forge_tee *out)
{
    for (size_t i = 0; i < sizeof tees / sizeof tees[0]; i++)
        if (span_equal_str(name, tees[i].name)) {
            *out = (enum forge_tee)i;
            return OK;
        }
    return FAIL(INPUT, "unknown TEE: sgx3, tdx4, tdx5, tdx5-td10, tdx5-td15ex, sgx4 or sgx5");
}

bool forge_tee_is_tdx(enum forge_tee tee)
{
    return tees[tee].tee_type == TEE_TDX;
}

size_t forge_measurement_size(enum forge_tee tee)
{
    return forge_tee_is_tdx(tee) ? 48 : 32;
}

/* Recognizable at sight; nothing was measured. */
void forge_default_measurement(enum forge_tee tee, uint8_t *out)
{
    for (size_t i = 0; i < forge_measurement_size(tee); i++)
        out[i] = (uint8_t)(0x10 + i);
}

static void fill(uint8_t *to, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        to[i] = (uint8_t)(first + 7 * i);
}

static void sgx_body_default(uint8_t *body)
{
    static const uint8_t attributes[16] = { 0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7 };

    memset(body + AT_SGX_CPU_SVN, 4, 2);
    memcpy(body + AT_SGX_ATTRIBUTES, attributes, sizeof attributes);
    fill(body + AT_SGX_MRSIGNER, 32, 0x51);
    body[AT_SGX_ISV_PROD_ID] = 1;
    body[AT_SGX_ISV_SVN] = 1;
}

static void td_body_default(uint8_t *body, size_t len)
{
    static const uint8_t tcb_svn[3] = { 15, 1, 4 };
    static const uint8_t xfam[3] = { 0xe7, 0x02, 0x06 };

    memcpy(body + AT_TD_TEE_TCB_SVN, tcb_svn, sizeof tcb_svn);
    fill(body + AT_TD_MRSEAM, 48, 0x5e);
    body[AT_TD_ATTRIBUTES + 3] = 0x10; /* SEPT_VE_DISABLE */
    memcpy(body + AT_TD_XFAM, xfam, sizeof xfam);
    for (size_t i = 0; i < 3; i++)
        fill(body + AT_TD_RTMR0 + 48 * i, 48, (uint8_t)(0xa0 + i));
    if (len >= FORGE_TD15_BODY_SIZE)
        memcpy(body + AT_TD_TEE_TCB_SVN_2, tcb_svn, sizeof tcb_svn);
}

static void qe_report_default(bool tdx, uint8_t *report)
{
    static const uint8_t attributes[16] = { 0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7 };

    memset(report + AT_SGX_CPU_SVN, 4, 2);
    memcpy(report + AT_SGX_ATTRIBUTES, attributes, sizeof attributes);
    fill(report + AT_SGX_MRENCLAVE, 32, 0x9e);
    memset(report + AT_SGX_MRSIGNER, tdx ? 0xd0 : 0xe0, 32);
    report[AT_SGX_ISV_PROD_ID] = tdx ? 2 : 1;
    report[AT_SGX_ISV_SVN] = 8;
}

void forge_quote_default(enum forge_tee tee, struct forge_quote *q)
{
    bool tdx = forge_tee_is_tdx(tee);
    uint8_t measurement[48];

    *q = (struct forge_quote){ .version = tees[tee].version,
                               .key_type = 2,
                               .tee_type = tees[tee].tee_type,
                               .body_type = tees[tee].body_type,
                               .body_size = (uint32_t)tees[tee].body_len,
                               .body_len = tees[tee].body_len,
                               .qe_auth_len = 32,
                               .outer_type = 6,
                               .cert_type = 5 };
    if (q->version == 3) {
        q->qe_svn = 8;
        q->pce_svn = 11;
    }
    memcpy(q->vendor, intel_vendor, sizeof q->vendor);
    memcpy(q->user_data, "teesim platform", 16);
    if (tdx)
        td_body_default(q->body, q->body_len);
    else
        sgx_body_default(q->body);
    forge_default_measurement(tee, measurement);
    forge_quote_set_measurement(q, span_from(measurement, forge_measurement_size(tee)));
    qe_report_default(tdx, q->qe_report);
    for (size_t i = 0; i < q->qe_auth_len; i++)
        q->qe_auth[i] = (uint8_t)i;
}

void forge_quote_set_report_data(struct forge_quote *q, const uint8_t data[FORGE_REPORT_DATA_SIZE])
{
    memcpy(q->body + (q->tee_type == TEE_TDX ? AT_TD_REPORT_DATA : AT_SGX_REPORT_DATA), data,
           FORGE_REPORT_DATA_SIZE);
}

void forge_quote_set_measurement(struct forge_quote *q, struct span m)
{
    assert(m.len <= 48);
    memcpy(q->body + (q->tee_type == TEE_TDX ? AT_TD_MRTD : AT_SGX_MRENCLAVE), m.at, m.len);
}

static fallible attestation_point(const struct forge_quote *q, uint8_t xy[XY_SIZE])
{
    struct buf point owned(buf_done) = buf_of(P256_POINT_SIZE);

    if (q->attestation_xy.len) {
        assert(q->attestation_xy.len == XY_SIZE);
        memcpy(xy, q->attestation_xy.at, XY_SIZE);
        return OK;
    }
    TRY(key_to_point(q->attestation, &point));
    memcpy(xy, point.at + 1, XY_SIZE);
    return OK;
}

static fallible add_signature(const struct key *k, struct span message, bool broken,
                              struct buf *out)
{
    size_t start = out->len;

    TRY(signature_make(k, SIGNATURE_ECDSA, DIGEST_SHA256, message, out));
    if (broken)
        out->at[start + SIGNATURE_SIZE - 1] ^= 1;
    return OK;
}

/* QE report, its signature by the PCK, QE auth data, certification data: what versions have in
 * common. */
static fallible add_certification(const struct forge_quote *q, struct buf *b)
{
    uint8_t report[FORGE_SGX_BODY_SIZE], bound[XY_SIZE + FORGE_QE_AUTH_MAX];

    memcpy(report, q->qe_report, sizeof report);
    if (!q->unbound_qe_report) {
        TRY(attestation_point(q, bound));
        memcpy(bound + XY_SIZE, q->qe_auth, q->qe_auth_len);
        memset(report + AT_SGX_REPORT_DATA, 0, FORGE_REPORT_DATA_SIZE);
        TRY(sha256(span_from(bound, XY_SIZE + q->qe_auth_len), report + AT_SGX_REPORT_DATA));
    }
    buf_add(b, SPAN_OF(report));
    TRY(add_signature(q->pck, SPAN_OF(report), q->broken_qe_signature, b));
    write_u16le(b, (uint16_t)((int64_t)q->qe_auth_len + q->qe_auth_size_lie));
    buf_add(b, span_from(q->qe_auth, q->qe_auth_len));
    write_u16le(b, q->cert_type);
    write_u32le(b, (uint32_t)((int64_t)q->cert_data.len + q->cert_size_lie));
    buf_add(b, q->cert_data);
    return buf_check(b);
}

fallible forge_quote_tail(const struct forge_quote *q, struct buf *tail)
{
    struct buf inner owned(buf_done) = buf_of(FORGE_QUOTE_MAX);

    TRY(add_certification(q, &inner));
    if (q->version >= 4) {
        buf_add(&inner, q->inside_outer);
        write_u16le(tail, q->outer_type);
        write_u32le(tail, (uint32_t)((int64_t)inner.len + q->outer_size_lie));
    }
    buf_add(tail, buf_span(&inner));
    buf_add(tail, q->inside_auth);
    TRY(buf_check(&inner));
    return buf_check(tail);
}

static void add_header(const struct forge_quote *q, struct buf *out)
{
    write_u16le(out, q->version);
    write_u16le(out, q->key_type);
    write_u32le(out, q->tee_type);
    write_u16le(out, q->qe_svn);
    write_u16le(out, q->pce_svn);
    buf_add(out, SPAN_OF(q->vendor));
    buf_add(out, SPAN_OF(q->user_data));
    if (q->version >= 5) {
        write_u16le(out, q->body_type);
        write_u32le(out, q->body_size);
    }
    buf_add(out, span_from(q->body, q->body_len));
}

fallible forge_quote_finish(const struct forge_quote *q, struct span tail, struct buf *out)
{
    struct buf sig owned(buf_done) = buf_of(SIGNATURE_MAX);
    uint8_t xy[XY_SIZE];

    buf_clear(out);
    add_header(q, out);
    TRY(buf_check(out));
    TRY(attestation_point(q, xy));
    TRY(add_signature(q->attestation, buf_span(out), q->broken_signature, &sig));
    write_u32le(out, (uint32_t)((int64_t)(SIGNATURE_SIZE + XY_SIZE + tail.len) + q->auth_size_lie));
    buf_add(out, buf_span(&sig));
    buf_add(out, SPAN_OF(xy));
    buf_add(out, tail);
    buf_add(out, q->after);
    return buf_check(out);
}

fallible forge_quote_write(const struct forge_quote *q, struct buf *out)
{
    struct buf tail owned(buf_done) = buf_of(FORGE_QUOTE_MAX);

    TRY(forge_quote_tail(q, &tail));
    return forge_quote_finish(q, buf_span(&tail), out);
}
