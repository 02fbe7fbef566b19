// SPDX-License-Identifier: Apache-2.0
#include "cli/kbs_env.h"

#include "base/owned.h"
#include "cli/cli.h"
#include "crypto/secret.h"

#define SESSION_MINUTES_DEFAULT 60
#define SESSION_MINUTES_MAX 1440
#define PORT_DEFAULT 9443

void kbs_env_done(struct kbs_env *e)
{
    char *const texts[] = { e->server_ip,   e->endpoint_url,     e->cms_url,          e->aas_url,
                            e->username,    e->common_name,      e->challenge_type,   e->san_list,
                            e->key_manager, e->manager_ip,       e->kmip_certificate, e->kmip_key,
                            e->kmip_ca,     e->attestation_types };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(texts[i]);
    secret_free(e->password);
    secret_free(e->bearer);
    secret_free(e->client_token);
    *e = (struct kbs_env){ 0 };
}

static fallible take_minutes(struct span value, void *to)
{
    return failed(env_number(value, 1, SESSION_MINUTES_MAX, to))
               ? FAIL(INPUT, "a session lasts 1 to 1440 minutes")
               : OK;
}

/* The original's names of TEEs; its SW, a client without one, is refused. */
static fallible take_challenge_type(struct span value, void *to)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = { { "SGX", "sgx" }, { "TDX", "tdx" }, { "SNP", "snp" }, { "TPM", "tpm" } };
    struct buf out owned(buf_done) = buf_of(64);
    struct kbs_env *e = to;

    for (struct span rest = value; rest.len;) {
        size_t end = span_find(rest, SPAN(",")), i = 0;
        struct span word = span_head(rest, end);
        rest = end < rest.len ? span_tail(rest, end + 1) : span_tail(rest, end);
        while (i < sizeof(names) / sizeof(names[0]) && !span_equal_str(word, names[i].theirs))
            i++;
        if (i == sizeof(names) / sizeof(names[0]))
            return span_equal_str(word, "SW")
                       ? FAIL(INPUT, "SW, a client without a TEE, is not taken: a transfer policy "
                                     "of attestation 'none' or 'observe' is for such clients")
                       : FAIL(INPUT, "kinds of TEE are SGX, TDX, SNP, TPM, between commas");
        buf_addf(&out, "%s%s", out.len ? " " : "", names[i].ours);
    }
    TRY(buf_check(&out));
    TRY(env_take_text(value, &e->challenge_type));
    return env_take_text(buf_span(&out), &e->attestation_types);
}

#define AT(member) offsetof(struct kbs_env, member)
static const struct env_key keys[] = {
    { "SERVER_PORT", AT(server_port), env_take_port },
    { "SERVER_IP", AT(server_ip), env_take_name },
    { "ENDPOINT_URL", AT(endpoint_url), env_take_https },
    { "CMS_BASE_URL", AT(cms_url), env_take_https },
    { "AAS_API_URL", AT(aas_url), env_take_https },
    { "KBS_SERVICE_USERNAME", AT(username), env_take_name },
    { "KBS_SERVICE_PASSWORD", AT(password), secret_take },
    { "TLS_COMMON_NAME", AT(common_name), env_take_text },
    { "SKC_CHALLENGE_TYPE", 0, take_challenge_type },
    { "CMS_TLS_CERT_SHA384", AT(cms_sha384), env_take_sha384 },
    { "TLS_SAN_LIST", AT(san_list), env_take_text },
    { "BEARER_TOKEN", AT(bearer), secret_take },
    { "SESSION_EXPIRY_TIME", AT(session_minutes), take_minutes },
    { "KEY_MANAGER", AT(key_manager), env_take_name },
    { "CLIENT_TOKEN", AT(client_token), secret_take },
    { "KMIP_SERVER_IP", AT(manager_ip), env_take_name },
    { "KMIP_SERVER_PORT", AT(manager_port), env_take_port },
    { "KMIP_CLIENT_CERT_PATH", AT(kmip_certificate), env_take_name },
    { "KMIP_CLIENT_KEY_PATH", AT(kmip_key), env_take_name },
    { "KMIP_ROOT_CERT_PATH", AT(kmip_ca), env_take_name },
};

static fallible fill_in(struct kbs_env *e)
{
    if (!e->server_port)
        e->server_port = PORT_DEFAULT;
    if (!e->session_minutes)
        e->session_minutes = SESSION_MINUTES_DEFAULT;
    if (!e->common_name)
        TRY(env_take_text(SPAN("KBS TLS Certificate"), &e->common_name));
    if (!e->san_list)
        TRY(env_take_text(SPAN("127.0.0.1,localhost"), &e->san_list));
    if (!e->cms_url || !e->aas_url || !e->cms_sha384.given || !e->bearer)
        return FAIL(INPUT, "CMS_BASE_URL, CMS_TLS_CERT_SHA384, AAS_API_URL and BEARER_TOKEN are "
                           "needed");
    if (e->password) /* as AAS is told it: without the NUL */
        secret_shorten(e->password, secret_len(e->password) - 1);
    if (!e->username != !e->password)
        return FAIL(INPUT, "KBS_SERVICE_USERNAME and KBS_SERVICE_PASSWORD go together");
    return OK;
}

int kbs_env_load(const char *path, struct kbs_env *out)
{
    struct kbs_env e owned(kbs_env_done) = { 0 };

    int rc = env_load(path, keys, sizeof(keys) / sizeof(keys[0]), &e);
    struct err bad = rc ? OK : fill_in(&e);
    if (failed(bad))
        rc = print_failure(bad, path, "docs/kbs-env.md has all keys");
    if (rc)
        return rc;
    *out = e;
    e = (struct kbs_env){ 0 };
    return EXIT_OK;
}

fallible kbs_env_key_manager(const struct kbs_env *e, enum kbs_key_manager *out)
{
    if (!e->key_manager) {
        *out = KBS_KEYS_EMBEDDED;
        return OK;
    }
    if (!e->manager_ip || !e->manager_port)
        return FAIL(INPUT, "KEY_MANAGER needs KMIP_SERVER_IP and KMIP_SERVER_PORT, which also name "
                           "Vault");
    if (!strcmp(e->key_manager, "VAULT")) {
        *out = KBS_KEYS_VAULT;
        return e->client_token ? OK : FAIL(INPUT, "KEY_MANAGER=VAULT needs CLIENT_TOKEN");
    }
    *out = KBS_KEYS_KMIP;
    if (strcmp(e->key_manager, "KMIP"))
        return FAIL(INPUT, "KEY_MANAGER is VAULT or KMIP");
    return e->kmip_certificate && e->kmip_key && e->kmip_ca
               ? OK
               : FAIL(INPUT, "KEY_MANAGER=KMIP needs KMIP_CLIENT_CERT_PATH, KMIP_CLIENT_KEY_PATH "
                             "and KMIP_ROOT_CERT_PATH");
}
