// SPDX-License-Identifier: Apache-2.0
#include "teesim/kds.h"

#define BODY_MAX (1U << 20)
#define SPL_DIGITS_MAX 3

static void answer(struct http_exchange *x, struct err e, const char *type, const struct buf *body)
{
    if (failed(e))
        http_answer_empty(x, e.kind == FAIL_ABSENT ? 404 : e.kind == FAIL_INPUT ? 400 : 500);
    else
        http_answer(x, 200, type, buf_span(body));
}

static struct span product_of(struct http_exchange *x)
{
    return http_param(x, "product");
}

void kds_chain(struct http_exchange *x, struct platform *platform, bool vlek)
{
    struct buf pem owned(buf_done) = buf_of(BODY_MAX);
    struct snp_platform *snp = platform_snp(platform);
    struct err e =
        snp ? snp_platform_chain(snp, product_of(x), vlek, &pem) : FAIL(ABSENT, "no such product");

    answer(x, e, "application/x-pem-file", &pem);
}

void kds_crl(struct http_exchange *x, struct platform *platform)
{
    struct buf der owned(buf_done) = buf_of(BODY_MAX);

    answer(x, platform_snp_crl(platform, product_of(x), &der), "application/pkix-crl", &der);
}

/* A patch level of the query, in decimal. */
static fallible read_spl(struct http_exchange *x, const char *name, bool needed, uint8_t *out)
{
    struct span text = http_query(x, name);
    struct reader r = reader_of(text);
    unsigned value = 0;

    if (!text.len || text.len > SPL_DIGITS_MAX)
        return text.len || needed ? FAIL(INPUT, "a patch level is missing or too long") : OK;
    while (r.rest.len) {
        uint8_t c = reader_u8(&r);
        if (c < '0' || c > '9')
            return FAIL(INPUT, "a patch level is not a number");
        value = 10 * value + c - '0';
    }
    *out = (uint8_t)value;
    return value <= UINT8_MAX ? OK : FAIL(INPUT, "a patch level is too large");
}

static fallible read_levels(struct http_exchange *x, uint8_t spl[FORGE_SPL_COUNT])
{
    TRY(read_spl(x, "blSPL", true, &spl[1]));
    TRY(read_spl(x, "teeSPL", true, &spl[2]));
    TRY(read_spl(x, "snpSPL", true, &spl[3]));
    TRY(read_spl(x, "ucodeSPL", true, &spl[8]));
    return read_spl(x, "fmcSPL", span_equal_str(product_of(x), "Turin"), &spl[9]);
}

void kds_send_vcek(struct http_exchange *x, struct platform *platform)
{
    struct buf der owned(buf_done) = buf_of(BODY_MAX);
    struct snp_platform *snp = platform_snp(platform);
    uint8_t spl[FORGE_SPL_COUNT] = { 0 };

    struct err e = read_levels(x, spl);
    if (!failed(e))
        e = snp ? snp_platform_vcek(snp, product_of(x), http_param(x, "chip"), spl, &der)
                : FAIL(ABSENT, "no such product");
    answer(x, e, "application/pkix-cert", &der);
}
