// SPDX-License-Identifier: Apache-2.0
#include "cli/cms_setup.h"

#include <unistd.h>

#include "access/bearer.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/service_tls.h"
#include "crypto/jose.h"
#include "token/jwt.h"

#define TEXT_MAX (64U << 10)
#define JWKS_FILE "etc/keys/aas-jwks.json"
#define FIRST_KEY "etc/keys/first-token.key"

static fallible write_configs(const struct dev *d, const struct cms_env *e, const char *address)
{
    struct buf text owned(buf_done) = buf_of(TEXT_MAX), kept owned(buf_done) = buf_of(TEXT_MAX);

    buf_addf(&text,
             "[server]\naddress = %s\nport = %u\ncertificate = %s/etc/tls/cmsd.pem\n"
             "key = %s/etc/tls/cmsd.key\n[store]\nfolder = %s/var/cmsd\n"
             "[ca]\ncertificate = %s/etc/tls/ca.pem\nyears = %u\n"
             "[token]\naas_jwks = %s/" JWKS_FILE "\n",
             address, e->port, d->dir, d->dir, d->dir, d->dir, (unsigned)e->ca_years, d->dir);
    TRY(buf_check(&text));
    TRY(dev_write(d, "etc/cmsd.conf", buf_span(&text), 0600));
    buf_addf(&kept, "AAS_TLS_CN=%s\nAAS_TLS_SAN=%s\nTOKEN_DURATION_MINS=%u\nCMS_PORT=%u\n",
             e->aas_cn, e->aas_san, (unsigned)e->token_minutes, e->port);
    if (e->aas_url)
        buf_addf(&kept, "AAS_API_URL=%s\n", e->aas_url);
    TRY(buf_check(&kept));
    return dev_write(d, "etc/cms.env", buf_span(&kept), 0600);
}

static fallible run_cmsd(const struct dev *d, const char *const more[5])
{
    char cmsd[1024], config[1024];

    TRY(dev_program(d, "cmsd", cmsd));
    dev_path(d, config, "etc/cmsd.conf");
    return dev_run(d,
                   (const char *const[]){ cmsd, "--config", config, more[0], more[1], more[2],
                                          more[3], more[4], NULL },
                   NULL);
}

static fallible make_own_certificate(const struct dev *d, const struct cms_env *e)
{
    struct buf csr owned(buf_done) = buf_of(TEXT_MAX);
    char request[1024], out[1024];

    TRY(service_make_request(d, "cmsd", "CMS TLS Certificate", e->san_list, &csr));
    TRY(file_write(dev_path(d, request, "var/cmsd.csr"), buf_span(&csr), 0600));
    return run_cmsd(d, (const char *const[5]){ "--issue", "--csr", request, "--out",
                                               dev_path(d, out, "etc/tls/cmsd.pem") });
}

static fallible first_key(const struct dev *d, struct key **out)
{
    char path[1024];

    if (file_exists(dev_path(d, path, FIRST_KEY)))
        return key_load(path, out);
    TRY(key_make_ec(KEY_P256, out));
    return key_save(path, *out);
}

/* The file of AAS's keys, with this one among them. */
static fallible believe(const struct dev *d, const struct key *k)
{
    char path[1024], kid[THUMBPRINT_TEXT_SIZE];
    struct buf text owned(buf_done) = buf_of(TEXT_MAX), mine owned(buf_done) = buf_of(TEXT_MAX);
    struct jwks *known owned(jwks_free) = NULL;
    json_t *all owned(json_free) = NULL, *own owned(json_free) = NULL;

    TRY(key_thumbprint(k, kid));
    TRY(jwks_text(&k, 1, &mine));
    if (!file_exists(dev_path(d, path, JWKS_FILE)))
        return file_write(path, buf_span(&mine), 0644);
    TRY(file_read(path, &text));
    TRY(jwks_parse(buf_span(&text), &known));
    if (jwks_find(known, span_str(kid)))
        return OK;
    TRY(json_parse_object(buf_span(&text), &all));
    TRY(json_parse_object(buf_span(&mine), &own));
    if (json_array_extend(json_object_get(all, "keys"), json_object_get(own, "keys")))
        return FAIL(SYSTEM, "memory for keys");
    char *joined owned(free) = json_text(all);
    return joined ? file_write(path, span_str(joined), 0644) : FAIL(SYSTEM, "memory for keys");
}

fallible cms_prepare(const struct dev *d, const struct cms_env *e, const char *address)
{
    struct key *k owned(key_free) = NULL;
    char ca[1024], keys[1024];

    TRY(write_configs(d, e, address));
    if (!file_exists(dev_path(d, ca, "etc/tls/ca.pem")))
        TRY(run_cmsd(d, (const char *const[5]){ "--init" }));
    TRY(make_own_certificate(d, e));
    if (file_exists(dev_path(d, keys, JWKS_FILE)))
        return OK; /* AAS is known, or its first token is still to be used */
    TRY(first_key(d, &k));
    return believe(d, k);
}

fallible cms_first_token(const struct dev *d, const struct cms_env *e, struct buf *out)
{
    struct key *k owned(key_free) = NULL;
    char context[1024];

    if (snprintf(context, sizeof(context), "CN=%s;SAN=%s;CERTTYPE=TLS", e->aas_cn, e->aas_san) >=
        (int)sizeof(context))
        return FAIL(LIMIT, "AAS_TLS_CN and AAS_TLS_SAN are too long");
    TRY(first_key(d, &k));
    TRY(believe(d, k));
    json_t *claims owned(json_free) =
        json_pack("{s:s,s:s,s:[{s:s,s:s,s:s}],s:[]}", "sub", "cms", "tenant", "default", "roles",
                  "service", "CMS", "name", "CertApprover", "context", context, "permissions");
    if (!claims)
        return FAIL(INPUT, "AAS_TLS_CN or AAS_TLS_SAN is no text in UTF-8");
    TRY(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, clock_now(),
                  (int64_t)e->token_minutes * 60));
    return jwt_sign(k, "JWT", claims, out);
}

int cms_trust_aas(const struct dev *d, const struct cms_env *e)
{
    struct http_client *http owned(http_client_free) = NULL;
    char url[1024], path[1024];

    if (!e->aas_url)
        return print_failure(FAIL(INPUT, "no AAS_API_URL"), "cms.env",
                             "put AAS_API_URL into the file and run 'warder cms setup' again");
    int rc = service_client(d, &http);
    if (rc)
        return rc;
    snprintf(url, sizeof(url), "%.900s/jwks", e->aas_url);
    rc = service_fetch_keys(d, http, url, JWKS_FILE, "public keys of AAS");
    if (!rc)
        unlink(dev_path(d, path, FIRST_KEY));
    return rc;
}
