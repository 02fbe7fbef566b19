// SPDX-License-Identifier: Apache-2.0
#include "cli/service_tls.h"

#include <unistd.h>

#include "base/file.h"
#include "crypto/jose.h"
#include "crypto/x509.h"

#define SAN_MAX 32
#define URL_MAX 1024
#define TEXT_MAX (256U << 10)

/* One request; what is not a 2xx is a failure whose text names the service's answer. */
int service_ask(struct http_client *http, const struct http_call *call, const char *what,
                struct buf *answer)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct err e = http_send(http, call, &reply);

    if (failed(e))
        return print_failure(e, what, call->url);
    if (reply.status < 200 || reply.status > 299) {
        fprintf(stderr, "warder: %s: refused (%d) ", what, reply.status);
        print_clean(stderr, span_head(buf_span(&reply.body), 500));
        fputc('\n', stderr);
        return reply.status == 401 || reply.status == 403 ? EXIT_DENIED
               : reply.status >= 500                      ? EXIT_UNAVAILABLE
                                                          : EXIT_ERROR;
    }
    buf_add(answer, buf_span(&reply.body));
    e = buf_check(answer);
    return failed(e) ? print_failure(e, what, NULL) : EXIT_OK;
}

int service_fetch_ca(const struct dev *d, const char *cms_url, const uint8_t *sha384,
                     const char *key, const char *file)
{
    static const char *const accept[] = { "Accept: application/x-pem-file", NULL };
    struct http_client *http owned(http_client_free) = NULL;
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(TEXT_MAX);
    char url[URL_MAX], what[128];
    struct err e = http_client_new(&(struct http_client_config){ .server_sha384 = sha384 }, &http);

    if (failed(e))
        return print_failure(e, "TLS set-up", NULL);
    snprintf(url, sizeof(url), "%s/ca-certificates", cms_url);
    snprintf(what, sizeof(what), "the CA certificate of CMS, known by %s", key);
    int rc = service_ask(
        http, &(struct http_call){ .method = "GET", .url = url, .headers = accept }, what, &pem);
    if (rc)
        return rc;
    e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e) && !cert_is_ca(chain.certs[0]))
        e = FAIL(INPUT, "CMS gives a certificate that is no CA's");
    if (!failed(e))
        e = dev_write(d, file, buf_span(&pem), 0644);
    if (failed(e))
        return print_failure(e, "the CA certificate", NULL);
    dev_say(d, "CMS is the one that %s names; its CA: %s/%s", key, d->dir, file);
    return EXIT_OK;
}

int service_client(const struct dev *d, struct http_client **out)
{
    char ca[1024];
    struct err e = http_client_new(
        &(struct http_client_config){ .ca_file = dev_path(d, ca, "etc/tls/ca.pem") }, out);

    return failed(e) ? print_failure(e, "TLS set-up", NULL) : EXIT_OK;
}

/* "a, b" into pointers into `text`. */
static fallible split_names(char *text, const char *names[SAN_MAX + 1])
{
    size_t count = 0;

    for (char *save = NULL, *name = strtok_r(text, ", ", &save); name;
         name = strtok_r(NULL, ", ", &save)) {
        if (count == SAN_MAX)
            return FAIL(LIMIT, "the list of names for the certificate (SAN_LIST) has more than 32");
        names[count++] = name;
    }
    names[count] = NULL;
    return count ? OK : FAIL(INPUT, "the list of names for the certificate (SAN_LIST) is empty");
}

fallible service_make_request(const struct dev *d, const char *program, const char *common_name,
                              const char *names, struct buf *csr)
{
    const char *each[SAN_MAX + 1];
    char path[1024], *list owned(free) = strdup(names);
    struct key *k owned(key_free) = NULL;

    if (!list)
        return FAIL(SYSTEM, "out of memory");
    TRY(split_names(list, each));
    TRY(key_make_ec(KEY_P256, &k));
    TRY(csr_make(k, common_name, each, csr));
    unlink(dev_path(d, path, "etc/tls/%s.key", program));
    return key_save(path, k);
}

int service_fetch_certificate(const struct dev *d, struct http_client *http,
                              const struct service_certificate *c)
{
    struct buf csr owned(buf_done) = buf_of(16U << 10), pem owned(buf_done) = buf_of(TEXT_MAX);
    struct chain chain owned(chain_done) = { 0 };
    char url[URL_MAX], file[128];
    struct err e = service_make_request(d, c->program, c->common_name, c->names, &csr);

    if (failed(e))
        return print_failure(e, "the certificate request", NULL);
    snprintf(url, sizeof(url), "%s/certificates?certType=TLS", c->cms_url);
    int rc = service_ask(http,
                         &(struct http_call){ .method = "POST",
                                              .url = url,
                                              .content_type = "application/x-pem-file",
                                              .body = buf_span(&csr),
                                              .bearer = (const char *)secret_expose(c->bearer).at },
                         "the TLS certificate by BEARER_TOKEN", &pem);
    if (rc)
        return rc;
    snprintf(file, sizeof(file), "etc/tls/%s.pem", c->program);
    e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e))
        e = dev_write(d, file, buf_span(&pem), 0644);
    if (failed(e))
        return print_failure(e, "the TLS certificate", NULL);
    dev_say(d, "TLS certificate \"%s\" for %s: %s/%s", c->common_name, c->names, d->dir, file);
    return EXIT_OK;
}

int service_fetch_keys(const struct dev *d, struct http_client *http, const char *url,
                       const char *file, const char *what)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);
    struct jwks *keys owned(jwks_free) = NULL;

    int rc = service_ask(http, &(struct http_call){ .method = "GET", .url = url }, what, &text);
    if (rc)
        return rc;
    struct err e = jwks_parse(buf_span(&text), &keys);
    if (!failed(e))
        e = dev_write(d, file, buf_span(&text), 0644);
    if (failed(e))
        return print_failure(e, what, NULL);
    dev_say(d, "%s: %s/%s", what, d->dir, file);
    return EXIT_OK;
}
