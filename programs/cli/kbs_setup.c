// SPDX-License-Identifier: Apache-2.0
#include "cli/kbs_setup.h"

#include "base/file.h"
#include "cli/secret_input.h"
#include "crypto/jose.h"
#include "crypto/secret.h"
#include "crypto/x509.h"
#include "http/client.h"

#define SAN_MAX 32
#define URL_MAX 1024
#define TEXT_MAX (256U << 10)

/* One request; what is not a 2xx is a failure whose text names the service's answer. */
static int ask(struct http_client *http, const struct http_call *call, const char *what,
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

/* The CA, over a connection to the holder of the certificate that the operator vouches for. */
static int fetch_ca(const struct kbs_setup *s)
{
    static const char *const accept[] = { "Accept: application/x-pem-file", NULL };
    struct http_client *http owned(http_client_free) = NULL;
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(TEXT_MAX);
    char url[URL_MAX];
    struct err e =
        http_client_new(&(struct http_client_config){ .server_sha384 = s->env.cms_sha384 }, &http);

    if (failed(e))
        return print_failure(e, "TLS set-up", NULL);
    snprintf(url, sizeof(url), "%s/ca-certificates", s->env.cms_url);
    int rc = ask(http, &(struct http_call){ .method = "GET", .url = url, .headers = accept },
                 "the CA certificate of CMS, known by CMS_TLS_CERT_SHA384", &pem);
    if (rc)
        return rc;
    e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e) && !cert_is_ca(chain.certs[0]))
        e = FAIL(INPUT, "CMS gives a certificate that is no CA's");
    if (!failed(e))
        e = dev_write(&s->d, "etc/tls/ca.pem", buf_span(&pem), 0644);
    if (failed(e))
        return print_failure(e, "the CA certificate", NULL);
    dev_say(&s->d, "CMS is the one that CMS_TLS_CERT_SHA384 names; its CA: %s/etc/tls/ca.pem",
            s->d.dir);
    return EXIT_OK;
}

/* "a, b" into pointers into `text`. */
static fallible split_names(char *text, const char *names[SAN_MAX + 1])
{
    size_t count = 0;

    for (char *save = NULL, *name = strtok_r(text, ", ", &save); name;
         name = strtok_r(NULL, ", ", &save)) {
        if (count == SAN_MAX)
            return FAIL(LIMIT, "TLS_SAN_LIST has more than 32 names");
        names[count++] = name;
    }
    names[count] = NULL;
    return count ? OK : FAIL(INPUT, "TLS_SAN_LIST names nobody");
}

static fallible make_request(const struct kbs_setup *s, struct buf *csr)
{
    const char *names[SAN_MAX + 1];
    char path[1024], *list owned(free) = strdup(s->env.san_list);
    struct key *k owned(key_free) = NULL;

    if (!list)
        return FAIL(SYSTEM, "out of memory");
    TRY(split_names(list, names));
    TRY(key_make_ec(KEY_P256, &k));
    TRY(csr_make(k, s->env.common_name, names, csr));
    unlink(dev_path(&s->d, path, "etc/tls/kbsd.key"));
    return key_save(path, k);
}

static int fetch_certificate(const struct kbs_setup *s, struct http_client *http)
{
    struct buf csr owned(buf_done) = buf_of(16U << 10), pem owned(buf_done) = buf_of(TEXT_MAX);
    struct chain chain owned(chain_done) = { 0 };
    char url[URL_MAX];
    struct err e = make_request(s, &csr);

    if (failed(e))
        return print_failure(e, "the certificate request", NULL);
    snprintf(url, sizeof(url), "%s/certificates?certType=TLS", s->env.cms_url);
    int rc = ask(http,
                 &(struct http_call){ .method = "POST",
                                      .url = url,
                                      .content_type = "application/x-pem-file",
                                      .body = buf_span(&csr),
                                      .bearer = (const char *)secret_expose(s->env.bearer).at },
                 "the TLS certificate by BEARER_TOKEN", &pem);
    if (rc)
        return rc;
    e = chain_from_pem(buf_span(&pem), &chain);
    if (!failed(e))
        e = dev_write(&s->d, "etc/tls/kbsd.pem", buf_span(&pem), 0644);
    if (failed(e))
        return print_failure(e, "the TLS certificate", NULL);
    dev_say(&s->d, "TLS certificate \"%s\" for %s: %s/etc/tls/kbsd.pem", s->env.common_name,
            s->env.san_list, s->d.dir);
    return EXIT_OK;
}

static int fetch_keys(const struct kbs_setup *s, struct http_client *http, const char *url,
                      const char *file, const char *what)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);
    struct jwks *keys owned(jwks_free) = NULL;

    int rc = ask(http, &(struct http_call){ .method = "GET", .url = url }, what, &text);
    if (rc)
        return rc;
    struct err e = jwks_parse(buf_span(&text), &keys);
    if (!failed(e))
        e = dev_write(&s->d, file, buf_span(&text), 0644);
    if (failed(e))
        return print_failure(e, what, NULL);
    dev_say(&s->d, "%s: %s/%s", what, s->d.dir, file);
    return EXIT_OK;
}

/* The account has nothing to do afterwards, as keyd believes AAS's signatures; that it is right is
 * what its owner wants to know. */
static int check_account(const struct kbs_setup *s, struct http_client *http)
{
    struct buf answer owned(buf_done) = buf_of(TEXT_MAX);
    json_t *body owned(json_free) = json_object();
    char url[URL_MAX];

    if (!s->env.username)
        return EXIT_OK;
    json_set_str(body, "username", s->env.username);
    char *text owned(free) = password_body(body, s->env.password);
    if (!text)
        return print_failure(FAIL(SYSTEM, "out of memory"), "password", NULL);
    snprintf(url, sizeof(url), "%s/token", s->env.aas_url);
    static const char *const accept[] = { "Accept: application/json", NULL };
    int rc = ask(http,
                 &(struct http_call){
                     .method = "POST", .url = url, .body = span_str(text), .headers = accept },
                 "AAS: KBS_SERVICE_USERNAME and KBS_SERVICE_PASSWORD", &answer);
    wipe(text, strlen(text));
    wipe(answer.at, answer.len);
    if (!rc)
        dev_say(&s->d, "AAS knows %s", s->env.username);
    return rc;
}

int kbs_fetch(const struct kbs_setup *s)
{
    struct http_client *http owned(http_client_free) = NULL;
    char ca[1024], url[URL_MAX];

    int rc = fetch_ca(s);
    if (rc)
        return rc;
    struct err e = http_client_new(
        &(struct http_client_config){ .ca_file = dev_path(&s->d, ca, "etc/tls/ca.pem") }, &http);
    if (failed(e))
        return print_failure(e, "TLS set-up", NULL);
    rc = check_account(s, http);
    if (!rc)
        rc = fetch_certificate(s, http);
    snprintf(url, sizeof(url), "%s/jwks", s->env.aas_url);
    if (!rc)
        rc = fetch_keys(s, http, url, "etc/keys/aas-jwks.json", "public keys of AAS");
    snprintf(url, sizeof(url), "%s/as/v1/certs", s->attestation);
    if (!rc)
        rc = fetch_keys(s, http, url, "etc/keys/as-jwks.json",
                        "public keys of the attestation service");
    return rc;
}
