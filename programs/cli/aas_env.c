// SPDX-License-Identifier: Apache-2.0
#include "cli/aas_env.h"

#include "cli/cli.h"
#include "crypto/secret.h"

#define PORT_DEFAULT 8444
#define DAY_MINUTES 1440
#define ATTEMPTS_MAX 1000

void aas_env_done(struct aas_env *e)
{
    free(e->cms_url);
    free(e->san_list);
    free(e->common_name);
    free(e->administrator);
    secret_free(e->bearer);
    secret_free(e->password);
    *e = (struct aas_env){ 0 };
}

static fallible take_token_minutes(struct span value, void *to)
{
    return failed(env_number(value, 1, DAY_MINUTES, to))
               ? FAIL(INPUT, "AAS_JWT_TOKEN_DURATION_MINS is 1 to 1440: a token that is good for "
                             "longer than a day is refused; put 1440 at most")
               : OK;
}

static fallible take_lockout_minutes(struct span value, void *to)
{
    return failed(env_number(value, 1, DAY_MINUTES, to))
               ? FAIL(INPUT, "minutes of AUTH_DEFENDER are 1 to 1440")
               : OK;
}

static fallible take_attempts(struct span value, void *to)
{
    return failed(env_number(value, 1, ATTEMPTS_MAX, to))
               ? FAIL(INPUT, "AUTH_DEFENDER_MAX_ATTEMPTS is 1 to 1000")
               : OK;
}

static fallible take_key_id(struct span value, void *to)
{
    if (!span_equal_str(value, "true"))
        return FAIL(INPUT, "AAS_JWT_INCLUDE_KEYID is true: keys rotate, so each token names its "
                           "own");
    *(bool *)to = true;
    return OK;
}

#define AT(member) offsetof(struct aas_env, member)
static const struct env_key keys[] = {
    { "CMS_BASE_URL", AT(cms_url), env_take_https },
    { "CMS_TLS_CERT_SHA384", AT(cms_sha384), env_take_sha384 },
    { "BEARER_TOKEN", AT(bearer), secret_take },
    { "SAN_LIST", AT(san_list), env_take_text },
    { "AAS_TLS_CERT_CN", AT(common_name), env_take_text },
    { "AAS_PORT", AT(port), env_take_port },
    { "SERVER_PORT", AT(server_port), env_take_port },
    { "AAS_ADMIN_USERNAME", AT(administrator), env_take_name },
    { "AAS_ADMIN_PASSWORD", AT(password), secret_take },
    { "AAS_JWT_TOKEN_DURATION_MINS", AT(token_minutes), take_token_minutes },
    { "AAS_JWT_INCLUDE_KEYID", AT(key_id), take_key_id },
    { "AUTH_DEFENDER_MAX_ATTEMPTS", AT(attempts), take_attempts },
    { "AUTH_DEFENDER_INTERVAL_MINS", AT(window_minutes), take_lockout_minutes },
    { "AUTH_DEFENDER_LOCKOUT_DURATION_MINS", AT(lockout_minutes), take_lockout_minutes },
    { "AAS_NOSETUP", AT(setup), env_take_setup },
    { "AAS_JWT_CERT_CN", AT(unused[0]), env_take_unused },
    { "AAS_DB_HOSTNAME", AT(unused[1]), env_take_unused },
    { "AAS_DB_PORT", AT(unused[2]), env_take_unused },
    { "AAS_DB_NAME", AT(unused[3]), env_take_unused },
    { "AAS_DB_USERNAME", AT(unused[4]), env_take_unused },
    { "AAS_DB_PASSWORD", AT(unused[5]), env_take_unused },
    { "AAS_DB_SSL_MODE", AT(unused[6]), env_take_unused },
    { "AAS_DB_SSLMODE", AT(unused[7]), env_take_unused },
    { "AAS_DB_SSLCERT", AT(unused[8]), env_take_unused },
    { "AAS_DB_SSLCERTSRC", AT(unused[9]), env_take_unused },
    { "AAS_DB_VENDOR", AT(unused[10]), env_take_unused },
    { "AAS_SERVER_READ_TIMEOUT", AT(unused[11]), env_take_unused },
    { "AAS_SERVER_READ_HEADER_TIMEOUT", AT(unused[12]), env_take_unused },
    { "AAS_SERVER_WRITE_TIMEOUT", AT(unused[13]), env_take_unused },
    { "AAS_SERVER_IDLE_TIMEOUT", AT(unused[14]), env_take_unused },
    { "AAS_SERVER_MAX_HEADER_BYTES", AT(unused[15]), env_take_unused },
    { "AAS_ENABLE_CONSOLE_LOG", AT(unused[16]), env_take_unused },
    { "LOG_LEVEL", AT(unused[17]), env_take_unused },
    { "LOG_MAX_LENGTH", AT(unused[18]), env_take_unused },
    { "AAS_LOG_LEVEL", AT(unused[19]), env_take_unused },
    { "AAS_LOG_MAX_LENGTH", AT(unused[20]), env_take_unused },
};

static fallible fill_in(struct aas_env *e)
{
    if (e->port && e->server_port && e->port != e->server_port)
        return FAIL(INPUT, "AAS_PORT and SERVER_PORT are two names of one thing, with two values");
    e->port = e->port ? e->port : e->server_port ? e->server_port : PORT_DEFAULT;
    if (!e->common_name)
        TRY(env_take_text(SPAN("AAS TLS Certificate"), &e->common_name));
    if (!e->san_list)
        TRY(env_take_text(SPAN("127.0.0.1,localhost"), &e->san_list));
    if (!e->cms_url || !e->cms_sha384.given || !e->bearer || !e->administrator || !e->password)
        return FAIL(INPUT,
                    "CMS_BASE_URL, CMS_TLS_CERT_SHA384, BEARER_TOKEN, AAS_ADMIN_USERNAME and "
                    "AAS_ADMIN_PASSWORD are needed");
    secret_shorten(e->password, secret_len(e->password) - 1); /* without the NUL */
    return OK;
}

int aas_env_load(const char *path, struct aas_env *out)
{
    struct aas_env e owned(aas_env_done) = { 0 };

    int rc = env_load(path, keys, sizeof(keys) / sizeof(keys[0]), &e);
    struct err bad = rc ? OK : fill_in(&e);
    if (failed(bad))
        rc = print_failure(bad, path, "docs/env-files.md has all keys");
    if (rc)
        return rc;
    *out = e;
    e = (struct aas_env){ 0 };
    return EXIT_OK;
}
