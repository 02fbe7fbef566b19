// SPDX-License-Identifier: Apache-2.0
#include "teesim/pcs.h"

#include <stdatomic.h>
#include <time.h>

#include "base/hex.h"
#include "crypto/random.h"
#include "http/server.h"
#include "teesim/kds.h"

#define PEM_MAX (64U << 10)
#define ENCODED_MAX (3 * PEM_MAX)
#define BODY_MAX (1U << 20)

enum pcs_route {
    SGX_TCB,
    TDX_TCB,
    SGX_QE_IDENTITY,
    TDX_QE_IDENTITY,
    PCK_CRL,
    PCK_CERT,
    ROOT_CA_CRL,
    ROOT_CA_CRL_DER,
    VCEK_CHAIN,
    VCEK_CRL,
    VCEK,
    VLEK_CHAIN,
    VLEK_CRL,
    ROUTES
};

struct pcs {
    struct platform *platform;
    struct http_server *server;
    atomic_int status;
    atomic_uint delay_ms;
    atomic_uint counts[ROUTES];
};

/* Counts, waits, or answers instead: false when the exchange is done. */
static bool admit(struct http_exchange *x, struct pcs *s, enum pcs_route route)
{
    unsigned delay = atomic_load(&s->delay_ms);
    int status = atomic_load(&s->status);
    char id[UUID_TEXT_SIZE];

    atomic_fetch_add(&s->counts[route], 1);
    if (delay)
        nanosleep(&(struct timespec){ delay / 1000, (long)(delay % 1000) * 1000000 }, NULL);
    if (!failed(random_uuid(id)))
        http_answer_header(x, "Request-ID", id);
    if (!status)
        return true;
    http_answer_empty(x, status);
    return false;
}

static void add_chain_header(struct http_exchange *x, const char *name, struct span pem)
{
    struct buf text owned(buf_done) = buf_of(ENCODED_MAX);

    for (size_t i = 0; i < pem.len; i++) {
        uint8_t c = pem.at[i];
        bool plain =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
        buf_addf(&text, plain ? "%c" : "%%%02X", c);
    }
    http_answer_header(x, name, buf_str(&text));
}

static void answer(struct http_exchange *x, struct err e, const char *type, const struct buf *body)
{
    if (failed(e))
        http_answer_empty(x, e.kind == FAIL_ABSENT ? 404 : e.kind == FAIL_INPUT ? 400 : 500);
    else
        http_answer(x, 200, type, buf_span(body));
}

static void answer_signed(struct http_exchange *x, struct pcs *s, struct err e, const char *header,
                          const struct buf *body)
{
    struct buf chain owned(buf_done) = buf_of(PEM_MAX);

    if (!failed(e))
        e = platform_signing_chain(s->platform, &chain);
    if (!failed(e))
        add_chain_header(x, header, buf_span(&chain));
    answer(x, e, "application/json", body);
}

static void tcb(struct http_exchange *x, struct pcs *s, bool tdx)
{
    struct buf body owned(buf_done) = buf_of(BODY_MAX);
    uint8_t fmspc[6];

    struct err e = hex_parse_exact(http_query(x, "fmspc"), fmspc, sizeof fmspc);
    if (!failed(e))
        e = platform_tcb_info(s->platform, tdx, fmspc, &body);
    answer_signed(x, s, e, "TCB-Info-Issuer-Chain", &body);
}

static void sgx_tcb(struct http_exchange *x, void *context)
{
    if (admit(x, context, SGX_TCB))
        tcb(x, context, false);
}

static void tdx_tcb(struct http_exchange *x, void *context)
{
    if (admit(x, context, TDX_TCB))
        tcb(x, context, true);
}

static void identity(struct http_exchange *x, struct pcs *s, bool tdx)
{
    struct buf body owned(buf_done) = buf_of(BODY_MAX);
    struct err e = platform_identity(s->platform, tdx, &body);

    answer_signed(x, s, e, "SGX-Enclave-Identity-Issuer-Chain", &body);
}

static void sgx_qe_identity(struct http_exchange *x, void *context)
{
    if (admit(x, context, SGX_QE_IDENTITY))
        identity(x, context, false);
}

static void tdx_qe_identity(struct http_exchange *x, void *context)
{
    if (admit(x, context, TDX_QE_IDENTITY))
        identity(x, context, true);
}

static void add_pem_crl(struct buf *out, struct span der)
{
    struct buf certificate owned(buf_done) = buf_of(BODY_MAX);

    forge_certificate_pem(der, &certificate);
    while (!failed(forge_text_edit(&certificate, " CERTIFICATE-", " X509 CRL-")))
        continue;
    buf_add(out, buf_span(&certificate));
}

static void pck_crl(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    struct buf der owned(buf_done) = buf_of(BODY_MAX), pem owned(buf_done) = buf_of(BODY_MAX);
    struct buf chain owned(buf_done) = buf_of(PEM_MAX);
    struct span ca = http_query(x, "ca");
    bool platform = span_equal_str(ca, "platform");
    enum forge_ca kind = platform ? FORGE_CA_PLATFORM : FORGE_CA_PROCESSOR;

    if (!admit(x, s, PCK_CRL))
        return;
    struct err e = platform || span_equal_str(ca, "processor")
                       ? platform_pck_crl(s->platform, kind, &der)
                       : FAIL(INPUT, "ca is processor or platform");
    if (!failed(e))
        e = platform_crl_chain(s->platform, kind, &chain);
    if (!failed(e))
        add_chain_header(x, "SGX-PCK-CRL-Issuer-Chain", buf_span(&chain));
    if (span_equal_str(http_query(x, "encoding"), "der")) {
        answer(x, e, "application/pkix-crl", &der);
        return;
    }
    add_pem_crl(&pem, buf_span(&der));
    answer(x, e, "application/x-pem-file", &pem);
}

static void root_ca_crl(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    struct buf der owned(buf_done) = buf_of(BODY_MAX), hex owned(buf_done) = buf_of(BODY_MAX);

    if (!admit(x, s, ROOT_CA_CRL))
        return;
    struct err e = platform_root_crl(s->platform, &der);
    hex_add(&hex, buf_span(&der));
    answer(x, e, "application/pkix-crl", &hex);
}

static void root_ca_crl_der(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    struct buf der owned(buf_done) = buf_of(BODY_MAX);

    if (admit(x, s, ROOT_CA_CRL_DER))
        answer(x, platform_root_crl(s->platform, &der), "application/pkix-crl", &der);
}

/* The platform's certificate for whatever raw TCB is asked: there is one platform. */
static void pck_cert(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    struct buf pem owned(buf_done) = buf_of(PEM_MAX);
    char tcbm[37], fmspc_hex[13];
    uint8_t fmspc[6];

    if (!admit(x, s, PCK_CERT))
        return;
    struct err e = platform_pck_chain(s->platform, &pem, tcbm);
    if (failed(e)) {
        answer(x, e, NULL, NULL);
        return;
    }
    struct span end = SPAN("-----END CERTIFICATE-----\n"), all = buf_span(&pem);
    size_t leaf = span_find(all, end) + end.len;
    platform_fmspc(s->platform, fmspc);
    add_chain_header(x, "SGX-PCK-Certificate-Issuer-Chain", span_tail(all, leaf));
    http_answer_header(x, "SGX-TCBm", tcbm);
    http_answer_header(x, "SGX-FMSPC", hex_str(SPAN_OF(fmspc), fmspc_hex));
    http_answer_header(x, "SGX-PCK-Certificate-CA-Type",
                       platform_ca(s->platform) == FORGE_CA_PLATFORM ? "platform" : "processor");
    http_answer(x, 200, "application/x-pem-file", span_head(all, leaf));
}

static void vcek_chain(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    if (admit(x, s, VCEK_CHAIN))
        kds_chain(x, s->platform, false);
}

static void vlek_chain(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    if (admit(x, s, VLEK_CHAIN))
        kds_chain(x, s->platform, true);
}

static void vcek_crl(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    if (admit(x, s, VCEK_CRL))
        kds_crl(x, s->platform);
}

static void vlek_crl(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    if (admit(x, s, VLEK_CRL))
        kds_crl(x, s->platform);
}

static void vcek(struct http_exchange *x, void *context)
{
    struct pcs *s = context;
    if (admit(x, s, VCEK))
        kds_send_vcek(x, s->platform);
}

static const struct http_route routes[ROUTES + 1] = {
    [SGX_TCB] = { "GET", "/sgx/certification/v4/tcb", ROUTE_OPEN, sgx_tcb },
    [TDX_TCB] = { "GET", "/tdx/certification/v4/tcb", ROUTE_OPEN, tdx_tcb },
    [SGX_QE_IDENTITY] = { "GET", "/sgx/certification/v4/qe/identity", ROUTE_OPEN, sgx_qe_identity },
    [TDX_QE_IDENTITY] = { "GET", "/tdx/certification/v4/qe/identity", ROUTE_OPEN, tdx_qe_identity },
    [PCK_CRL] = { "GET", "/sgx/certification/v4/pckcrl", ROUTE_OPEN, pck_crl },
    [PCK_CERT] = { "GET", "/sgx/certification/v4/pckcert", ROUTE_OPEN, pck_cert },
    [ROOT_CA_CRL] = { "GET", "/sgx/certification/v4/rootcacrl", ROUTE_OPEN, root_ca_crl },
    [ROOT_CA_CRL_DER] = { "GET", "/IntelSGXRootCA.der", ROUTE_OPEN, root_ca_crl_der },
    [VCEK_CHAIN] = { "GET", "/vcek/v1/{product}/cert_chain", ROUTE_OPEN, vcek_chain },
    [VCEK_CRL] = { "GET", "/vcek/v1/{product}/crl", ROUTE_OPEN, vcek_crl },
    [VCEK] = { "GET", "/vcek/v1/{product}/{chip}", ROUTE_OPEN, vcek },
    [VLEK_CHAIN] = { "GET", "/vlek/v1/{product}/cert_chain", ROUTE_OPEN, vlek_chain },
    [VLEK_CRL] = { "GET", "/vlek/v1/{product}/crl", ROUTE_OPEN, vlek_crl },
};

fallible pcs_start(struct platform *platform, uint16_t port, struct pcs **out)
{
    struct pcs *s owned(pcs_stop) = calloc(1, sizeof *s);

    if (!s)
        return FAIL(SYSTEM, "memory exhausted");
    s->platform = platform;
    struct http_server_config config = { .address = "127.0.0.1",
                                         .port = port,
                                         .plain = true,
                                         .workers = 4,
                                         .routes = routes,
                                         .context = s };
    TRY(http_server_start(&config, &s->server));
    *out = TAKE(s);
    return OK;
}

uint16_t pcs_port(const struct pcs *s)
{
    return http_server_port(s->server);
}

void pcs_stop(struct pcs *s)
{
    if (!s)
        return;
    if (s->server)
        http_server_stop(s->server);
    free(s);
}

void pcs_set_behaviour(struct pcs *s, int status, unsigned delay_ms)
{
    atomic_store(&s->status, status);
    atomic_store(&s->delay_ms, delay_ms);
}

json_t *pcs_counts(struct pcs *s)
{
    json_t *counts = json_object();

    for (size_t i = 0; i < ROUTES; i++)
        json_set_int(counts, routes[i].pattern, atomic_load(&s->counts[i]));
    return counts;
}
