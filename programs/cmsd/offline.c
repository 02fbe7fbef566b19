// SPDX-License-Identifier: Apache-2.0
/* cmsd --init, --issue, --tls-cert-sha384: what an operator runs before any service does. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "cmsd/cms.h"
#include "crypto/digest.h"

#define CHAIN_BYTES_MAX (128U << 10)

static int fail(struct err e, const char *what)
{
    fprintf(stderr, "cmsd: %s: %s\n", what, e.what);
    return EXIT_FAILURE;
}

int cms_init(const struct cms_settings *s)
{
    struct cms c owned(cms_close) = { 0 };

    struct err e = authority_create(s->folder, s->common_name, clock_now(), (unsigned)s->years);
    if (failed(e))
        return fail(e, s->folder);
    e = cms_open(s, false, &c);
    if (!failed(e) && s->ca_file)
        e = file_write(s->ca_file, buf_span(&c.ca_pem), 0644);
    if (failed(e))
        return fail(e, s->ca_file ? s->ca_file : s->folder);
    printf("CA certificate: %s%s\n", s->ca_file ? s->ca_file : s->folder,
           s->ca_file ? "" : "/" AUTHORITY_CERT_FILE);
    return EXIT_SUCCESS;
}

/* Whoever may read the CA's key decides alone: the grant is the request itself. */
static fallible issue(struct cms *c, const struct cms_command *command, struct span pem,
                      struct buf *chain)
{
    struct csr csr owned(csr_done) = { 0 };

    TRY(csr_parse(pem, &csr));
    enum csr_verdict v = csr_check(&csr);
    if (v != CSR_GOOD) {
        fprintf(stderr, "cmsd: %s\n", csr_verdict_text(v));
        return FAIL(DENIED, "the signing request is refused");
    }
    const struct authority_order order = {
        .tenant = "default",
        .requester = "local",
        .csr = &csr,
        .type = command->client ? CERT_TLS_CLIENT : CERT_TLS,
        .now = clock_now(),
        .days = c->days,
    };
    return authority_issue(c->authority, &order, chain);
}

int cms_issue_offline(const struct cms_settings *s, const struct cms_command *command)
{
    struct cms c owned(cms_close) = { 0 };
    struct buf pem owned(buf_done) = buf_of(CSR_PEM_MAX);
    struct buf chain owned(buf_done) = buf_of(CHAIN_BYTES_MAX);

    struct err e = file_read(command->csr, &pem);
    if (failed(e))
        return fail(e, command->csr);
    e = cms_open(s, false, &c);
    if (failed(e))
        return fail(e, s->folder);
    e = issue(&c, command, buf_span(&pem), &chain);
    if (failed(e))
        return fail(e, command->csr);
    e = file_write(command->out, buf_span(&chain), 0644);
    return failed(e) ? fail(e, command->out) : EXIT_SUCCESS;
}

int cms_print_tls_digest(const struct cms_settings *s)
{
    struct buf pem owned(buf_done) = buf_of(CHAIN_BYTES_MAX);
    struct chain chain owned(chain_done) = { 0 };
    uint8_t digest[SHA384_SIZE];
    char text[2 * SHA384_SIZE + 1];

    struct err e = file_read(s->certificate, &pem);
    if (!failed(e))
        e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e))
        e = digest_of(DIGEST_SHA384, cert_der(chain.certs[0]), digest);
    if (failed(e))
        return fail(e, s->certificate);
    puts(hex_str(SPAN_OF(digest), text));
    return EXIT_SUCCESS;
}
