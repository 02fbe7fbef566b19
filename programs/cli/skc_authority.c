// SPDX-License-Identifier: Apache-2.0
#include "cli/skc.h"

#include "base/file.h"
#include "base/hex.h"
#include "cli/service_tls.h"
#include "crypto/digest.h"
#include "crypto/jose.h"
#include "crypto/x509.h"

#define URL_MAX 1024
#define PEM_MAX (256U << 10)
#define KBS_PORT 9443
#define SCS_PORT 9000

/* IPv6 addresses stand in brackets. */
static void add_place(struct buf *out, const char *host, unsigned port)
{
    bool v6 = strchr(host, ':') != NULL;

    buf_addf(out, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

static int copy_ca(const struct dev *d, const struct skc_authority *a)
{
    struct buf pem owned(buf_done) = buf_of(PEM_MAX);
    struct chain chain owned(chain_done) = { 0 };

    struct err e = file_read(a->ca, &pem);
    if (!failed(e))
        e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e) && !cert_is_ca(chain.certs[0]))
        e = FAIL(INPUT, "its first certificate is no CA's");
    if (!failed(e))
        e = dev_write(d, a->file, buf_span(&pem), 0644);
    return failed(e) ? print_failure(e, a->ca, a->ca_option) : EXIT_OK;
}

int skc_fetch_ca(const struct dev *d, const struct skc_authority *a)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX), digest owned(buf_done) = buf_of(SHA384_SIZE);

    if (a->ca)
        return copy_ca(d, a);
    if (!a->sha384) {
        fprintf(stderr,
                "warder: nothing says which CMS at %s port %u is the right one\n  give %s HEX, "
                "which 'warder cms tlscertsha384' prints there, or its CA with %s FILE\n",
                a->ip, a->port, a->sha384_option, a->ca_option);
        return EXIT_USAGE;
    }
    if (failed(hex_parse(span_str(a->sha384), &digest)) || digest.len != SHA384_SIZE) {
        fprintf(stderr, "warder: %s takes a SHA-384 in hexadecimal, 96 digits\n", a->sha384_option);
        return EXIT_USAGE;
    }
    buf_add_str(&url, "https://");
    add_place(&url, a->ip, a->port);
    buf_add_str(&url, "/cms/v1");
    return service_fetch_ca(d, buf_str(&url), digest.at, a->sha384_option, a->file);
}

/* GET of a path there, believing this CA alone; `ip` is dialled where it is not the name. */
static int ask_there(const struct dev *d, const char *ca, const char *host, const char *ip,
                     unsigned port, const char *path, struct buf *answer)
{
    struct buf url owned(buf_done) = buf_of(URL_MAX), other owned(buf_done) = buf_of(URL_MAX);
    struct http_client *http owned(http_client_free) = NULL;
    struct http_reply reply owned(http_reply_done) = { 0 };
    char file[1024], hint[512];

    buf_add_str(&url, "https://");
    add_place(&url, host, port);
    buf_add_str(&url, path);
    if (ip && strcmp(ip, host)) {
        add_place(&other, host, port);
        buf_add_str(&other, ":");
        add_place(&other, ip, port);
    }
    struct err e = http_client_new(
        &(struct http_client_config){ .ca_file = dev_path(d, file, "%s", ca) }, &http);
    if (!failed(e))
        e = http_send(http,
                      &(struct http_call){ .method = "GET",
                                           .url = buf_str(&url),
                                           .connect_to = other.len ? buf_str(&other) : NULL },
                      &reply);
    if (!failed(e) && answer && reply.status != 200)
        e = FAIL(UPSTREAM, "it does not answer as expected: is something else there?");
    snprintf(hint, sizeof(hint),
             "is it up, is that its name, and is its certificate from the CMS whose CA is %.300s?",
             file);
    if (failed(e))
        return print_failure(e, buf_str(&url), hint);
    if (answer)
        buf_add(answer, buf_span(&reply.body));
    return EXIT_OK;
}

int skc_check_kbs(const struct dev *d, const struct skc_conf *conf, const char *ca)
{
    struct buf keys owned(buf_done) = buf_of(PEM_MAX);
    struct jwks *parsed owned(jwks_free) = NULL;
    const char *host = conf->kbs_hostname ? conf->kbs_hostname : conf->kbs_ip;

    int rc = ask_there(d, ca, host, conf->kbs_ip, conf->kbs_port ? conf->kbs_port : KBS_PORT,
                       "/kbs/v1/release-keys", &keys);
    if (rc)
        return rc;
    struct err e = jwks_parse(buf_span(&keys), &parsed);
    if (!failed(e))
        e = dev_write(d, "etc/keys/release-jwks.json", buf_span(&keys), 0644);
    if (failed(e))
        return print_failure(e, "the keys that sign the KBS's answers", NULL);
    dev_say(d, "KBS %s has its certificate from the CMS of CMS_IP; its keys are pinned", host);
    return EXIT_OK;
}

int skc_check_scs(const struct dev *d, const struct skc_conf *conf, const char *ca)
{
    if (!conf->csp_scs_ip)
        return EXIT_OK;
    int rc = ask_there(d, ca, conf->csp_scs_ip, NULL,
                       conf->csp_scs_port ? conf->csp_scs_port : SCS_PORT, "/health", NULL);
    if (!rc)
        dev_say(d, "SCS %s has its certificate from the CMS of CSP_CMS_IP", conf->csp_scs_ip);
    return rc;
}
