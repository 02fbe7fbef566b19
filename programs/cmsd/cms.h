// SPDX-License-Identifier: Apache-2.0
/* The certificate management service: what its handlers and its offline commands share. */
#ifndef CMSD_CMS_H
#define CMSD_CMS_H

#include "access/pinned_keys.h"
#include "base/options.h"
#include "http/server.h"
#include "pki/authority.h"
#include "cmsd/token_key.h"

struct cms_settings {
    char *address, *certificate, *key; /* [server] */
    uint64_t port, workers;
    char *folder, *store_url;    /* [store] */
    char *ca_file, *common_name; /* [ca] */
    uint64_t years, intermediate_years, days, days_server, days_client;
    char *crl_url;
    uint64_t crl_hours;
    struct token_key_settings token; /* [pkcs11] */
    char *aas_jwks;                  /* [token] */
};
#define CMS_SETTINGS_MAX 26
/* Fills the defaults; rows point into `s`. */
void cms_settings_init(struct cms_settings *s, struct setting rows[CMS_SETTINGS_MAX]);
fallible cms_settings_check(const struct cms_settings *s);

struct cms {
    struct store *store;
    struct authority *authority;
    struct pinned_keys *aas; /* NULL in offline commands */
    struct token_key *token; /* NULL: the key is a file */
    struct buf root_pem, issuing_pem;
    int64_t seconds_max[3]; /* by enum cert_type */
};
/* Register, authority, and, where `serving`, the keys that bearer tokens are verified with. */
fallible cms_open(const struct cms_settings *s, bool serving, struct cms *out);
void cms_close(struct cms *c);
static inline void cms_closep(struct cms *c)
{
    cms_close(c);
}

/* The commands for a system without running services. Each prints its own failures. */
struct cms_command {
    bool init, tls_digest, client, crl;
    const char *csr, *out;
    const char *root_key;     /* with init: an intermediate issues */
    const char *import, *key; /* an enterprise's CA */
    uint64_t seconds;         /* with issue; 0: as long as can be */
};
int cms_init(const struct cms_settings *s, const struct cms_command *command);
int cms_import(const struct cms_settings *s, const struct cms_command *command);
int cms_write_crl(const struct cms_settings *s, const struct cms_command *command);
int cms_issue_offline(const struct cms_settings *s, const struct cms_command *command);
int cms_print_tls_digest(const struct cms_settings *s);

extern const struct http_route cms_routes[];

/* Who asks, by its bearer token. Answers 401 itself and returns false. */
bool cms_authenticate(struct http_exchange *x, struct cms *c, struct bearer *out);
/* Status by kind; logs what is ours to mend. */
void cms_answer_failure(struct http_exchange *x, struct err e, const char *absent_code);

http_handler cms_ca_certificates, cms_crl, cms_version, cms_health;
http_handler cms_certificate_create, cms_certificate_list, cms_certificate_revoke;
http_handler cms_certificate_show, cms_certificate_renew;
/* One request, PEM or DER. Answers what is wrong itself and returns false. */
bool cms_read_csr(struct http_exchange *x, struct csr *out);
/* validitySeconds of the query: less than the profile allows, never more. The same. */
bool cms_read_life(struct http_exchange *x, int64_t longest, int64_t *out);

#endif
