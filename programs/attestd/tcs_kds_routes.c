// SPDX-License-Identifier: Apache-2.0
/* AMD's key distribution service: VCEKs, chains and CRLs at its paths. VLEKs themselves are given
 * to cloud providers alone; their chain and CRL are here. */
#include "attestd/tcs_answer.h"

#define CERTIFICATE_TYPE "application/pkix-cert"
#define PEM_TYPE "application/x-pem-file"

static void not_there(struct http_exchange *x)
{
    http_answer_problem(x, 404, "not_found", "no such product or chip");
}

static void serve(struct http_exchange *x, struct tcs_service *s, struct tcs_id id,
                  const char *type)
{
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    if (tcs_find(x, s, &id, &item))
        http_answer(x, 200, type, buf_span(&item.body));
}

static void serve_product(struct http_exchange *x, void *context, enum tcs_kind kind, bool vlek,
                          const char *type)
{
    struct tcs_id id = { .kind = kind, .vlek = vlek };
    if (amd_product_parse(http_param(x, "product"), &id.product))
        serve(x, context, id, type);
    else
        not_there(x);
}

void kds_vcek_chain(struct http_exchange *x, void *context)
{
    serve_product(x, context, TCS_AMD_CHAIN, false, PEM_TYPE);
}

void kds_vlek_chain(struct http_exchange *x, void *context)
{
    serve_product(x, context, TCS_AMD_CHAIN, true, PEM_TYPE);
}

void kds_vcek_crl(struct http_exchange *x, void *context)
{
    serve_product(x, context, TCS_AMD_CRL, false, DER_TYPE);
}

void kds_vlek_crl(struct http_exchange *x, void *context)
{
    serve_product(x, context, TCS_AMD_CRL, true, DER_TYPE);
}

/* Decimal, leading zeros allowed; absent is zero, as with AMD's service. */
static bool read_level(const struct http_exchange *x, const char *name, uint8_t *out)
{
    struct span text = http_query(x, name);
    unsigned n = 0;
    if (text.len > 3 || (http_has_query(x, name) && !text.len))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = n * 10 + (unsigned)(text.at[i] - '0');
    }
    *out = (uint8_t)n;
    return n <= UINT8_MAX;
}

void kds_vcek(struct http_exchange *x, void *context)
{
    struct tcs_id id = { .kind = TCS_VCEK };
    struct vcek_id *v = &id.vcek;
    if (!amd_product_parse(http_param(x, "product"), &id.product) ||
        !amd_chip_parse(id.product, http_param(x, "chip"), v->chip)) {
        not_there(x);
        return;
    }
    bool good = read_level(x, "blSPL", &v->boot_loader) && read_level(x, "teeSPL", &v->tee) &&
                read_level(x, "snpSPL", &v->snp) && read_level(x, "ucodeSPL", &v->microcode) &&
                read_level(x, "fmcSPL", &v->fmc) && (id.product == AMD_TURIN || !v->fmc);
    if (good)
        serve(x, context, id, CERTIFICATE_TYPE);
    else
        http_answer_problem(x, 400, "malformed_request",
                            "security patch levels are numbers from 0 to 255");
}
