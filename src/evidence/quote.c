// SPDX-License-Identifier: Apache-2.0
#include "evidence/quote.h"

#define HEADER_SIZE 48
#define KEY_TYPE_P256 2
#define KEY_TYPE_P384 3
#define TEE_TYPE_SGX 0x00U
#define TEE_TYPE_TDX 0x81U

struct quote_layout {
    uint16_t version;
    uint32_t tee_type;
    uint16_t type_on_wire; /* version 5 only */
    enum quote_body_type body_type;
    uint32_t body_size;
    enum quote_tee tee;
};

static const struct quote_layout layouts[] = {
    { 3, TEE_TYPE_SGX, 0, QUOTE_BODY_SGX, SGX_REPORT_SIZE, QUOTE_SGX },
    { 4, TEE_TYPE_SGX, 0, QUOTE_BODY_SGX, SGX_REPORT_SIZE, QUOTE_SGX },
    { 4, TEE_TYPE_TDX, 0, QUOTE_BODY_TD_10, TD_REPORT_10_SIZE, QUOTE_TDX },
    { 5, TEE_TYPE_SGX, 1, QUOTE_BODY_SGX, SGX_REPORT_SIZE, QUOTE_SGX },
    { 5, TEE_TYPE_TDX, 2, QUOTE_BODY_TD_10, TD_REPORT_10_SIZE, QUOTE_TDX },
    { 5, TEE_TYPE_TDX, 3, QUOTE_BODY_TD_15, TD_REPORT_15_SIZE, QUOTE_TDX },
    { 5, TEE_TYPE_TDX, 4, QUOTE_BODY_TD_15EX, TD_REPORT_15EX_SIZE, QUOTE_TDX },
};

struct quote_header {
    uint16_t version, key_type;
    uint32_t tee_type;
    struct span vendor_id;
};

static fallible header_parse(struct reader *r, struct quote_header *out)
{
    struct quote_header h = { 0 };

    h.version = reader_u16le(r);
    h.key_type = reader_u16le(r);
    h.tee_type = reader_u32le(r);
    reader_take(r, 4); /* QE and PCE SVN of version 3: informational, not for TCB */
    h.vendor_id = reader_take(r, 16);
    reader_take(r, 20); /* user data */
    TRY(reader_good(r, "quote is shorter than its header"));
    if (h.version < 3 || h.version > 5)
        return FAIL(INPUT, "quote version is none of 3, 4 and 5");
    if (h.key_type == KEY_TYPE_P384)
        return FAIL(INPUT, "attestation key type 3 (ECDSA P-384) is not supported");
    if (h.key_type != KEY_TYPE_P256)
        return FAIL(INPUT, "attestation key type is not 2 (ECDSA P-256)");
    if (h.tee_type != TEE_TYPE_SGX && h.tee_type != TEE_TYPE_TDX)
        return FAIL(INPUT, "TEE type is neither SGX nor TDX");
    *out = h;
    return OK;
}

static fallible layout_choose(struct reader *r, const struct quote_header *h,
                              const struct quote_layout **out)
{
    uint16_t type = 0;
    uint32_t size = 0;

    if (h->version == 5) {
        type = reader_u16le(r);
        size = reader_u32le(r);
        TRY(reader_good(r, "quote ends before its body"));
    }
    for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++) {
        const struct quote_layout *row = &layouts[i];
        if (row->version != h->version || row->tee_type != h->tee_type || row->type_on_wire != type)
            continue;
        if (h->version == 5 && size != row->body_size)
            return FAIL(INPUT, "body size is not that of the body type");
        *out = row;
        return OK;
    }
    return FAIL(INPUT, "quote version, TEE type and body type do not go together");
}

/* Quoting enclave's report and what certifies it: the tail of both layouts of the signature area.
 */
static void certification_take(struct reader *r, struct quote *q)
{
    q->qe_report = reader_take(r, SGX_REPORT_SIZE);
    q->qe_report_signature = reader_take(r, QUOTE_SIGNATURE_SIZE);
    q->qe_auth_data = reader_take(r, reader_u16le(r));
    q->certification_type = reader_u16le(r);
    q->certification_data = reader_take(r, reader_u32le(r));
}

static fallible auth_parse(struct reader *r, struct quote *q)
{
    q->signature = reader_take(r, QUOTE_SIGNATURE_SIZE);
    q->attestation_key = reader_take(r, QUOTE_KEY_SIZE);
    if (q->version == 3) {
        certification_take(r, q);
    } else {
        uint16_t outer = reader_u16le(r);
        struct reader inner = reader_sub(r, reader_u32le(r));
        TRY(reader_good(r, "quote's signature area is truncated"));
        if (outer != QUOTE_CERT_QE_REPORT)
            return FAIL(INPUT, "outer certification data type is not 6");
        certification_take(&inner, q);
        TRY(reader_end(&inner, "QE report certification data has not the length that it states"));
    }
    TRY(reader_end(r, "quote's signature area has not the length that it states"));
    if (q->certification_type == QUOTE_CERT_QE_REPORT)
        return FAIL(INPUT, "certification data type 6 is nested");
    if (q->certification_type < QUOTE_CERT_PPID_PLAIN ||
        q->certification_type > QUOTE_CERT_PLATFORM_MANIFEST)
        return FAIL(INPUT, "certification data type is unknown");
    return OK;
}

fallible quote_parse(struct span in, struct quote *out)
{
    struct quote q = { 0 };
    struct quote_header h;
    const struct quote_layout *layout;
    struct reader r = reader_of(in);

    if (in.len > QUOTE_MAX)
        return FAIL(INPUT, "quote is larger than 64 KiB");
    TRY(header_parse(&r, &h));
    TRY(layout_choose(&r, &h, &layout));
    q.version = h.version;
    q.tee = layout->tee;
    q.body_type = layout->body_type;
    q.vendor_id = h.vendor_id;
    q.body = reader_take(&r, layout->body_size);
    q.signed_bytes = span_head(in, HEADER_SIZE + (h.version == 5 ? 6U : 0U) + layout->body_size);

    struct reader auth = reader_sub(&r, reader_u32le(&r));
    TRY(reader_good(&r, "quote is truncated"));
    TRY(auth_parse(&auth, &q));
    q.trailing = r.rest.len;
    *out = q;
    return OK;
}

const char *quote_tee_name(enum quote_tee tee)
{
    return tee == QUOTE_SGX ? "sgx" : "tdx";
}

bool quote_looks_like(struct span in)
{
    struct reader r = reader_of(in);
    uint16_t version = reader_u16le(&r);
    uint16_t key_type = reader_u16le(&r);
    if (version >= 3 && version <= 5)
        return true;
    return !r.failed && version > 0 && version < 16 && key_type >= 2 && key_type <= 3;
}
