// SPDX-License-Identifier: Apache-2.0
#include "signed_tpm.h"

#include "base/reader.h"
#include "base/writer.h"
#include "signed_view.h"

#define MAGIC SPAN("WTPM\x01")
#define PARTS 10
#define BANKS_MAX 16
#define REGISTERS 24
#define NO_ACTION 3
#define HCL_HEAD 32
#define HCL_AREA 1184
#define TD_REPORT_DATA 128
#define SHA1 4

enum part { QUOTE = 1, SIGNATURE, KEY, VALUES, KEY_CERTIFICATE, EVENTS, IMA, HCL, HARDWARE };

struct bank {
    uint16_t alg, size;
    uint32_t mask;
};

static bool parts_take(struct span evidence, struct span parts[PARTS])
{
    struct reader r = reader_of(evidence);

    if (!span_equal(reader_take(&r, MAGIC.len), MAGIC))
        return false;
    while (r.rest.len) {
        uint8_t tag = reader_u8(&r);
        reader_require(&r, tag < PARTS);
        struct span part = reader_take(&r, reader_u32be(&r));
        if (!r.failed)
            parts[tag] = part;
    }
    return !r.failed;
}

/* TPML_PCR_SELECTION of a TPMS_ATTEST. */
static size_t banks_take(struct span quote, struct bank banks[BANKS_MAX])
{
    struct reader r = reader_of(quote);
    size_t count = 0;

    reader_take(&r, 6);
    reader_take(&r, reader_u16be(&r));
    reader_take(&r, reader_u16be(&r));
    reader_take(&r, 8 + 4 + 4 + 1 + 8);
    uint32_t all = reader_u32be(&r);
    while (count < all && count < BANKS_MAX && !r.failed) {
        struct bank b = { .alg = reader_u16be(&r) };
        uint8_t size = reader_u8(&r);
        for (unsigned i = 0; i < size && !r.failed; i++)
            b.mask |= (uint32_t)reader_u8(&r) << (8 * i % 32);
        banks[count++] = b;
    }
    return r.failed ? 0 : count;
}

struct log {
    struct reader r;
    bool agile;
    struct bank sizes[BANKS_MAX];
    size_t count;
};

struct record {
    uint32_t index, type;
    struct span digests[BANKS_MAX];
    uint16_t algs[BANKS_MAX];
    size_t count;
    struct span data;
};

static bool record_next(struct log *l, struct record *out)
{
    struct reader *r = &l->r;
    struct record e = { .index = reader_u32le(r) };

    e.type = reader_u32le(r);
    e.count = l->agile ? reader_u32le(r) : 1;
    e.algs[0] = SHA1;
    for (size_t i = 0; i < e.count && i < BANKS_MAX && !r->failed; i++) {
        uint16_t size = l->agile ? 0 : 20;
        if (l->agile)
            e.algs[i] = reader_u16le(r);
        for (size_t k = 0; k < l->count; k++)
            if (l->sizes[k].alg == e.algs[i])
                size = l->sizes[k].size;
        e.digests[i] = reader_take(r, size);
    }
    e.data = reader_take(r, reader_u32le(r));
    *out = e;
    return !r->failed && e.count <= BANKS_MAX;
}

static struct log log_open(struct span bytes)
{
    struct log l = { .r = reader_of(bytes) }, plain = l;
    struct record first;

    if (!record_next(&l, &first) || first.type != NO_ACTION ||
        !span_starts(first.data, SPAN("Spec ID Event03\0")))
        return plain;
    l.agile = true;
    struct reader head = reader_of(span_tail(first.data, 24));
    l.count = reader_u32le(&head);
    for (size_t i = 0; i < l.count && i < BANKS_MAX; i++) {
        l.sizes[i].alg = reader_u16le(&head);
        l.sizes[i].size = reader_u16le(&head);
    }
    return l;
}

/* What one register was extended with in one bank, and where it started. */
static void register_view(struct log l, uint16_t alg, uint32_t index, struct buf *out)
{
    struct record e;

    while (record_next(&l, &e)) {
        if (e.index != index)
            continue;
        if (e.type == NO_ACTION && !index && span_starts(e.data, SPAN("StartupLocality\0")))
            write_part(out, e.data);
        for (size_t i = 0; i < e.count && e.type != NO_ACTION; i++)
            if (e.algs[i] == alg)
                write_part(out, e.digests[i]);
    }
}

static void events_view(struct span bytes, const struct bank *banks, size_t count, struct buf *out)
{
    struct log l = log_open(bytes);

    for (size_t i = 0; i < count; i++)
        for (uint32_t n = 0; n < REGISTERS; n++) {
            struct buf extended owned(buf_done) = buf_of(out->max);
            if (banks[i].mask & 1U << n)
                register_view(l, banks[i].alg, n, &extended);
            write_part(out, buf_span(&extended));
        }
}

/* Each line's template hash where it is of the quoted bank's size, else the fields, of which the
 * hash is made; whether it is a violation counts always. */
static void ima_view(struct span text, size_t bank_size, struct buf *out)
{
    while (text.len) {
        struct span line = span_head(text, span_find(text, SPAN("\n")));
        size_t hash_at = span_find(line, SPAN(" ")) + 1;
        struct span behind = span_tail(line, hash_at < line.len ? hash_at : line.len);
        struct span hash = span_head(behind, span_find(behind, SPAN(" ")));
        bool zero = true;
        for (size_t i = 0; i < hash.len; i++)
            zero = zero && hash.at[i] == '0';
        write_u8(out, zero);
        write_part(out, span_head(line, hash_at < line.len ? hash_at : line.len));
        if (hash.len == 2 * bank_size)
            write_part(out, hash);
        else if (!zero)
            write_part(out, span_tail(behind, hash.len));
        text = span_tail(text, line.len < text.len ? line.len + 1 : text.len);
    }
}

/* Where the report and the runtime data of an HCL report lie. */
struct hcl {
    uint32_t hardware; /* 2: SNP, 4: TDX */
    struct span report, types, runtime;
};

static bool hcl_map(struct span in, struct hcl *h)
{
    struct reader r = reader_of(in);

    reader_take(&r, HCL_HEAD);
    struct span area = reader_take(&r, HCL_AREA);
    reader_take(&r, 8);
    struct reader types = r;
    h->types = reader_take(&types, 12);
    h->hardware = reader_u32le(&r);
    reader_take(&r, 4);
    uint32_t size = reader_u32le(&r);
    h->runtime = reader_take(&r, size);
    /* A TD report proves nothing outside its machine: the TD quote has the same report data. */
    h->report = h->hardware == 2 ? area : span_head(span_tail(area, TD_REPORT_DATA), 64);
    return !r.failed;
}

static void hcl_view(struct span in, struct span hardware, struct buf *out)
{
    struct hcl h = { 0 };

    if (!hcl_map(in, &h))
        return;
    write_part(out, h.report);
    write_part(out, h.types);
    write_part(out, h.runtime);
    if (h.hardware != 2) /* the certificates beside an SNP report stand for themselves */
        signed_view("quote.bin", hardware, out);
}

void signed_tpm_view(struct span evidence, struct buf *out)
{
    struct span parts[PARTS] = { { 0 } };
    struct bank banks[BANKS_MAX] = { { 0 } };

    if (!parts_take(evidence, parts))
        return;
    size_t count = banks_take(parts[QUOTE], banks);
    for (size_t i = QUOTE; i <= VALUES; i++)
        write_part(out, parts[i]);
    for (size_t i = EVENTS; i < PARTS; i++)
        write_u8(out, parts[i].len != 0);
    if (parts[EVENTS].len)
        events_view(parts[EVENTS], banks, count, out);
    if (parts[IMA].len)
        ima_view(parts[IMA], count && banks[0].alg == SHA1 ? 20 : 32, out);
    if (parts[HCL].len)
        hcl_view(parts[HCL], parts[HARDWARE], out);
}

static bool within(struct span part, const uint8_t *p)
{
    return part.len && p >= part.at && p < part.at + part.len;
}

bool signed_tpm_free_byte(struct span evidence, size_t at, uint8_t now)
{
    struct span parts[PARTS] = { { 0 } };
    const uint8_t *p = evidence.at + at;
    struct hcl h = { 0 };

    if (!parts_take(evidence, parts))
        return false;
    if (within(parts[KEY_CERTIFICATE], p) || within(parts[EVENTS], p) || within(parts[IMA], p))
        return true; /* as far as the view lets it */
    if (!within(parts[HCL], p) && !within(parts[HARDWARE], p))
        return false;
    if (!hcl_map(parts[HCL], &h))
        return false;
    if (within(parts[HARDWARE], p))
        return h.hardware == 2 ||
               free_byte("quote.bin", parts[HARDWARE], (size_t)(p - parts[HARDWARE].at), now);
    return !within(h.report, p) && !within(h.types, p) && !within(h.runtime, p);
}
