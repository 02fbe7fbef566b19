// SPDX-License-Identifier: Apache-2.0
#include "cli/kbs_setup.h"

#include "cli/secret_input.h"
#include "cli/service_tls.h"

#define URL_MAX 1024
#define TEXT_MAX (256U << 10)

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
    int rc =
        service_ask(http,
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
    const struct kbs_env *e = &s->env;
    const struct service_certificate certificate = { "kbsd", e->cms_url, e->common_name,
                                                     e->san_list, e->bearer };
    struct http_client *http owned(http_client_free) = NULL;
    char url[URL_MAX];

    int rc = service_fetch_ca(&s->d, e->cms_url, e->cms_sha384.at, "CMS_TLS_CERT_SHA384",
                              "etc/tls/ca.pem");
    if (!rc)
        rc = service_client(&s->d, &http);
    if (!rc)
        rc = check_account(s, http);
    if (!rc)
        rc = service_fetch_certificate(&s->d, http, &certificate);
    snprintf(url, sizeof(url), "%s/jwks", e->aas_url);
    if (!rc)
        rc = service_fetch_keys(&s->d, http, url, "etc/keys/aas-jwks.json", "public keys of AAS");
    snprintf(url, sizeof(url), "%s/as/v1/certs", s->attestation);
    if (!rc)
        rc = service_fetch_keys(&s->d, http, url, "etc/keys/as-jwks.json",
                                "public keys of the attestation service");
    return rc;
}
