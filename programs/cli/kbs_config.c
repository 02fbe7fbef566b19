// SPDX-License-Identifier: Apache-2.0
/* kbsd's and keyd's configuration, and the secrets that it names, in files of mode 0600. */
#include "cli/kbs_setup.h"

#include <arpa/inet.h>

#define TEXT_MAX (16U << 10)

static bool is_address(const char *text)
{
    uint8_t bytes[sizeof(struct in6_addr)];

    return text && (inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1);
}

static void add_log(const struct kbs_setup *s, struct buf *text)
{
    if (*s->log_file)
        buf_addf(text, "[log]\nfile = %s\n", s->log_file);
}

static fallible write_kbsd(const struct kbs_setup *s)
{
    const struct kbs_env *e = &s->env;
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    buf_addf(&text,
             "[server]\naddress = %s\nport = %u\ncertificate = %s/etc/tls/kbsd.pem\n"
             "key = %s/etc/tls/kbsd.key\n",
             is_address(e->server_ip) ? e->server_ip : "0.0.0.0", e->server_port, s->d.dir,
             s->d.dir);
    if (e->endpoint_url)
        buf_addf(&text, "endpoint_url = %s\n", e->endpoint_url);
    buf_addf(&text,
             "[keyd]\nsocket = %s/run/keyd.sock\n"
             "[attestation]\nurl = %s\nca = %s/etc/tls/ca.pem\n",
             s->d.dir, s->attestation, s->d.dir);
    add_log(s, &text);
    TRY(buf_check(&text));
    return dev_write(&s->d, "etc/kbsd.conf", buf_span(&text), 0600);
}

static fallible add_vault(const struct kbs_setup *s, struct buf *text)
{
    const struct kbs_env *e = &s->env;
    struct span token = secret_expose(e->client_token);

    buf_addf(text,
             "manager = vault\n[vault]\nurl = %s://%s:%u\ntoken_file = %s/etc/vault.token\n"
             "mount = keybroker\n",
             s->vault_plain ? "http" : "https", e->manager_ip, e->manager_port, s->d.dir);
    if (s->vault_plain)
        buf_add_str(text, "allow_plain_http = yes\n");
    if (s->vault_ca)
        buf_addf(text, "ca = %s\n", s->vault_ca);
    return dev_write(&s->d, "etc/vault.token", span_head(token, token.len - 1), 0600);
}

static fallible write_keyd(const struct kbs_setup *s)
{
    const struct kbs_env *e = &s->env;
    struct buf text owned(buf_done) = buf_of(TEXT_MAX);

    buf_addf(&text,
             "[keyd]\nsocket = %s/run/keyd.sock\nfolder = %s/var/keyd\nsession_minutes = %u\n",
             s->d.dir, s->d.dir, (unsigned)e->session_minutes);
    if (e->attestation_types)
        buf_addf(&text, "attestation_types = %s\n", e->attestation_types);
    buf_addf(&text,
             "[tokens]\naas_jwks = %s/etc/keys/aas-jwks.json\nas_jwks = %s/etc/keys/as-jwks.json\n"
             "[release]\njwks_file = %s/etc/keys/release-jwks.json\n[keys]\n",
             s->d.dir, s->d.dir, s->d.dir);
    switch (s->keys) {
    case KBS_KEYS_EMBEDDED:
        buf_add_str(&text, "manager = embedded\n");
        break;
    case KBS_KEYS_VAULT:
        TRY(add_vault(s, &text));
        break;
    case KBS_KEYS_KMIP:
        buf_addf(&text,
                 "manager = kmip\n[kmip]\nhost = %s\nport = %u\nca = %s\ncertificate = %s\n"
                 "key = %s\n",
                 e->manager_ip, e->manager_port, e->kmip_ca, e->kmip_certificate, e->kmip_key);
        break;
    }
    add_log(s, &text);
    TRY(buf_check(&text));
    return dev_write(&s->d, "etc/keyd.conf", buf_span(&text), 0600);
}

fallible kbs_write_configs(const struct kbs_setup *s)
{
    TRY(write_kbsd(s));
    return write_keyd(s);
}
