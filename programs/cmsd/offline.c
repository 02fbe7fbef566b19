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

static fallible write_root(const struct cms_settings *s)
{
    struct cms c owned(cms_close) = { 0 };

    TRY(cms_open(s, false, &c));
    return s->ca_file ? file_write(s->ca_file, buf_span(&c.root_pem), 0644) : OK;
}

/* What both ways to an authority end with: the root, for others to trust. */
static int finish(const struct cms_settings *s)
{
    struct err e = write_root(s);

    if (failed(e))
        return fail(e, s->ca_file ? s->ca_file : s->folder);
    printf("CA certificate: %s%s\n", s->ca_file ? s->ca_file : s->folder,
           s->ca_file ? "" : "/" ISSUER_CHAIN_FILE);
    return EXIT_SUCCESS;
}

int cms_init(const struct cms_settings *s, const struct cms_command *command)
{
    struct token_key *token owned(token_key_close) = NULL;
    struct err e = token_key_wanted(&s->token) ? token_key_open(&s->token, &token) : OK;
    const struct issuer_order order = {
        .common_name = s->common_name,
        .now = clock_now(),
        .years = (unsigned)s->years,
        .root_key = command->root_key,
        .root_certificate = s->ca_file,
        .intermediate_years = (unsigned)s->intermediate_years,
        .token = token_key_of(token),
    };

    if (failed(e))
        return fail(e, s->token.key);
    e = issuer_create(s->folder, &order);
    if (failed(e))
        return fail(e, s->folder);
    token_key_close(TAKE(token)); /* one login at a time */
    if (command->root_key)
        printf("root key: %s: keep it away from this machine\n", command->root_key);
    return finish(s);
}

static fallible import_with(const struct cms_settings *s, const struct cms_command *command,
                            struct span pem)
{
    struct token_key *token owned(token_key_close) = NULL;
    struct key *key owned(key_free) = NULL;

    if (token_key_wanted(&s->token)) {
        TRY(token_key_open(&s->token, &token));
        key = key_ref(token_key_of(token));
    } else {
        TRY(key_load(command->key, &key));
    }
    return issuer_import(s->folder, pem, key, token != NULL, clock_now());
}

int cms_import(const struct cms_settings *s, const struct cms_command *command)
{
    struct buf pem owned(buf_done) = buf_of(CHAIN_BYTES_MAX);

    if (!token_key_wanted(&s->token) == !command->key) {
        fprintf(stderr, "cmsd: --import needs --key FILE, or [pkcs11] in the configuration\n");
        return EXIT_FAILURE;
    }
    struct err e = file_read(command->import, &pem);
    if (!failed(e))
        e = import_with(s, command, buf_span(&pem));
    return failed(e) ? fail(e, command->import) : finish(s);
}

int cms_write_crl(const struct cms_settings *s, const struct cms_command *command)
{
    struct cms c owned(cms_close) = { 0 };
    struct buf der owned(buf_done) = buf_of(CRL_DER_MAX);

    struct err e = cms_open(s, false, &c);
    if (!failed(e))
        e = authority_crl(c.authority, clock_now(), &der);
    if (failed(e))
        return fail(e, s->folder);
    e = file_write(command->out, buf_span(&der), 0644);
    return failed(e) ? fail(e, command->out) : EXIT_SUCCESS;
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
    enum cert_type type = command->client ? CERT_TLS_CLIENT : CERT_TLS;
    int64_t seconds = (int64_t)command->seconds;
    if (command->seconds > (uint64_t)c->seconds_max[type])
        return FAIL(LIMIT, "a certificate of this type may not live so long ([ca] days)");
    const struct authority_order order = {
        .tenant = "default",
        .requester = "local",
        .csr = &csr,
        .type = type,
        .now = clock_now(),
        .seconds = seconds ? seconds : c->seconds_max[type],
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
