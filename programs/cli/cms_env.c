// SPDX-License-Identifier: Apache-2.0
#include "cli/cms_env.h"

#include "cli/cli.h"

#define PORT_DEFAULT 8445
#define TOKEN_MINUTES_DEFAULT 240
#define TOKEN_MINUTES_MAX 1440
#define CA_YEARS_DEFAULT 5
#define CA_YEARS_MAX 30

void cms_env_done(struct cms_env *e)
{
    free(e->aas_url);
    free(e->aas_cn);
    free(e->aas_san);
    free(e->san_list);
    *e = (struct cms_env){ 0 };
}

static fallible take_minutes(struct span value, void *to)
{
    return failed(env_number(value, 1, TOKEN_MINUTES_MAX, to))
               ? FAIL(INPUT, "TOKEN_DURATION_MINS is 1 to 1440")
               : OK;
}

static fallible take_years(struct span value, void *to)
{
    return failed(env_number(value, 1, CA_YEARS_MAX, to))
               ? FAIL(INPUT, "CMS_CA_CERT_VALIDITY is 1 to 30 years")
               : OK;
}

#define AT(member) offsetof(struct cms_env, member)
static const struct env_key keys[] = {
    { "AAS_API_URL", AT(aas_url), env_take_https },
    { "AAS_TLS_CN", AT(aas_cn), env_take_text },
    { "AAS_TLS_SAN", AT(aas_san), env_take_text },
    { "SAN_LIST", AT(san_list), env_take_text },
    { "CMS_PORT", AT(port), env_take_port },
    { "SERVER_PORT", AT(server_port), env_take_port },
    { "TOKEN_DURATION_MINS", AT(token_minutes), take_minutes },
    { "CMS_CA_CERT_VALIDITY", AT(ca_years), take_years },
    { "CMS_NOSETUP", AT(setup), env_take_setup },
    { "AAS_JWT_CN", AT(unused[0]), env_take_unused },
    { "CMS_CA_ORGANIZATION", AT(unused[1]), env_take_unused },
    { "CMS_CA_LOCALITY", AT(unused[2]), env_take_unused },
    { "CMS_CA_PROVINCE", AT(unused[3]), env_take_unused },
    { "CMS_CA_COUNTRY", AT(unused[4]), env_take_unused },
    { "CMS_SERVER_READ_TIMEOUT", AT(unused[5]), env_take_unused },
    { "CMS_SERVER_READ_HEADER_TIMEOUT", AT(unused[6]), env_take_unused },
    { "CMS_SERVER_WRITE_TIMEOUT", AT(unused[7]), env_take_unused },
    { "CMS_SERVER_IDLE_TIMEOUT", AT(unused[8]), env_take_unused },
    { "CMS_SERVER_MAX_HEADER_BYTES", AT(unused[9]), env_take_unused },
    { "LOG_LEVEL", AT(unused[10]), env_take_unused },
    { "LOG_MAX_LENGTH", AT(unused[11]), env_take_unused },
};

static fallible fill_in(struct cms_env *e)
{
    if (e->port && e->server_port && e->port != e->server_port)
        return FAIL(INPUT, "CMS_PORT and SERVER_PORT are two names of one thing, with two values");
    e->port = e->port ? e->port : e->server_port ? e->server_port : PORT_DEFAULT;
    e->token_minutes = e->token_minutes ? e->token_minutes : TOKEN_MINUTES_DEFAULT;
    e->ca_years = e->ca_years ? e->ca_years : CA_YEARS_DEFAULT;
    if (!e->aas_cn)
        TRY(env_take_text(SPAN("AAS TLS Certificate"), &e->aas_cn));
    if (!e->san_list)
        TRY(env_take_text(SPAN("127.0.0.1,localhost"), &e->san_list));
    if (!e->aas_san)
        TRY(env_take_text(SPAN("127.0.0.1,localhost"), &e->aas_san));
    return OK;
}

int cms_env_load(const char *path, struct cms_env *out)
{
    struct cms_env e owned(cms_env_done) = { 0 };

    int rc = env_load(path, keys, sizeof(keys) / sizeof(keys[0]), &e);
    struct err bad = rc ? OK : fill_in(&e);
    if (failed(bad))
        rc = print_failure(bad, path, "docs/env-files.md has all keys");
    if (rc)
        return rc;
    *out = e;
    e = (struct cms_env){ 0 };
    return EXIT_OK;
}
