// SPDX-License-Identifier: Apache-2.0
#include "attestd/front.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "attestd/attest_routes.h"
#include "attestd/child.h"
#include "attestd/tcs_role.h"
#include "attestd/verify_routes.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "daemon/server_watch.h"
#include "policy/default_policy.h"

#define REFRESH_SECONDS 30
#define BUNDLE_KEYS_MAX (64U << 10)
#define CONNECTIONS_MAX 12000 /* of a role */
#define BODY_MAX (256U << 10)
#define UPSTREAM_MS 10000
#define PATH_LEN 4096
#define DAY_SECONDS 86400

struct front {
    const struct attestd_config *config;
    struct http_client *upstream_client;
    struct crl_watch *crl;
    struct server_watch watches[3];
    struct tcs_http remote;
    struct tcs_role *tcs_role;
    struct verifier_link *link;
    struct policy_store *policies;
    struct recent *recent;
    struct evidence_record *evidence;
    struct jwks *bundle_keys;
    struct pinned_keys *aas_keys;
    struct public_keys *public_keys;
    struct nonces *nonces;
    struct deny_store *denials;
    struct qvs_service qvs;
    struct as_service as;
    struct http_server *servers[3];
};

static void front_donep(struct front *f)
{
    for (size_t i = 0; i < 3; i++)
        if (f->servers[i])
            http_server_stop(f->servers[i]);
    verifier_link_free(f->link);
    evidence_record_close(f->evidence);
    tcs_role_close(f->tcs_role);
    http_client_free(f->upstream_client);
    crl_watch_close(f->crl);
    policy_store_close(f->policies);
    recent_free(f->recent);
    jwks_free(f->bundle_keys);
    pinned_keys_close(f->aas_keys);
    public_keys_close(f->public_keys);
    nonces_close(f->nonces);
    deny_store_close(f->denials);
}

static const char *given(const char *text)
{
    return text && *text ? text : NULL;
}

/* The tcs role, or the way to one elsewhere. */
static fallible open_collateral(struct front *f)
{
    const struct attestd_config *c = f->config;
    if (c->tcs.enabled)
        return tcs_role_open(c, &f->tcs_role);
    const struct crl_watch_config lists = { .file = c->crl,
                                            .grace_seconds = (int64_t)c->crl_grace_minutes * 60 };
    TRY(crl_watch_open(&lists, &f->crl));
    const struct http_client_config client = { .ca_file = given(c->tcs_ca),
                                               .crl = f->crl,
                                               .timeout_ms = UPSTREAM_MS,
                                               .body_max = TCS_BODY_MAX };
    TRY(http_client_new(&client, &f->upstream_client));
    f->remote = (struct tcs_http){ .client = f->upstream_client, .base = c->tcs_url };
    return OK;
}

static fallible open_link(struct front *f)
{
    if (!f->config->qvs.enabled && !f->config->as.enabled)
        return OK;
    const struct verifier_link_config l = {
        .work = CHANNEL_WORK,
        .deadline_ms = (unsigned)f->config->worker_deadline_ms,
        .source = { .cache = tcs_role_cache(f->tcs_role),
                    .pck = tcs_role_pck(f->tcs_role),
                    .remote = f->remote },
        .seen = f->tcs_role ? tcs_role_saw : NULL,
        .seen_context = f->tcs_role,
        .loaded = f->evidence ? evidence_record_collateral : NULL,
        .loaded_context = f->evidence,
    };
    return verifier_link_new(&l, &f->link);
}

static fallible open_record(struct front *f)
{
    const struct attestd_config *c = f->config;
    const struct evidence_limits limits = { .count = (int64_t)c->evidence_count,
                                            .bytes = (int64_t)c->evidence_mib << 20,
                                            .seconds = (int64_t)c->evidence_days * DAY_SECONDS };
    return c->as.enabled && c->evidence_count
               ? evidence_record_open(c->evidence_store, &limits, &f->evidence)
               : OK;
}

static fallible open_policies(struct front *f)
{
    const struct attestd_config *c = f->config;
    owned(json_free) json_t *advisories = NULL, *builtin = NULL;
    struct buf keys owned(buf_done) = buf_of(BUNDLE_KEYS_MAX);
    TRY(default_policy_advisories(c->accepted_advisories, &advisories));
    const struct default_policy d = { .advisories = advisories, .grace_days = c->grace_days };
    TRY(default_policy_document(&d, &builtin));
    TRY(policy_store_open(c->as_store, builtin, &f->policies));
    if (!given(c->bundle_keys))
        return OK;
    TRY(file_read(c->bundle_keys, &keys));
    return jwks_parse(buf_span(&keys), &f->bundle_keys);
}

/* What is denied holds for verdicts and for tokens. */
static fallible open_denials(struct front *f)
{
    if (!f->config->qvs.enabled && !f->config->as.enabled)
        return OK;
    return deny_store_open(f->config->deny_store, &f->denials);
}

static fallible open_appraisal(struct front *f)
{
    if (!f->config->as.enabled)
        return OK;
    TRY(open_policies(f));
    TRY(recent_new(&f->recent));
    TRY(nonces_open(f->config->nonce_store, (int64_t)f->config->nonce_seconds, &f->nonces));
    return pinned_keys_open(f->config->aas_jwks, &f->aas_keys);
}

static fallible listen_role(struct front *f, size_t at, const char *name,
                            const struct role_config *role, struct http_server_config c)
{
    if (!role->enabled)
        return OK;
    c.address = role->address;
    c.port = (uint16_t)role->port;
    c.tls.certificate = config_certificate(f->config, role);
    c.tls.key = config_key(f->config, role);
    if (!c.body_max)
        c.body_max = BODY_MAX;
    c.connections = CONNECTIONS_MAX;
    char port[8];
    TRY(http_server_start(&c, &f->servers[at]));
    snprintf(port, sizeof(port), "%u", (unsigned)http_server_port(f->servers[at]));
    log_info("listening", "role", name, "address", role->address, "port", port);
    return OK;
}

static fallible listen_all(struct front *f)
{
    const struct attestd_config *c = f->config;
    f->qvs = (struct qvs_service){ .link = f->link, .denials = f->denials };
    f->as = (struct as_service){ .link = f->link,
                                 .policies = f->policies,
                                 .recent = f->recent,
                                 .evidence = f->evidence,
                                 .bundle_keys = f->bundle_keys,
                                 .aas_keys = f->aas_keys,
                                 .public_keys = f->public_keys,
                                 .nonces = f->nonces,
                                 .denials = f->denials,
                                 .audiences = c->audiences };
    TRY(listen_role(f, 0, "tcs", &c->tcs,
                    (struct http_server_config){ .routes = tcs_routes,
                                                 .context = tcs_role_service(f->tcs_role),
                                                 .body_max = TCS_REQUEST_MAX,
                                                 .foreign_error = pccs_foreign_error,
                                                 .repeats_allowed = pccs_is_asked }));
    TRY(listen_role(f, 1, "qvs", &c->qvs,
                    (struct http_server_config){ .routes = qvs_routes, .context = &f->qvs }));
    return listen_role(f, 2, "as", &c->as,
                       (struct http_server_config){ .routes = as_routes, .context = &f->as });
}

/* What is not set must not end a list. */
static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* The folder of a file; "" for none. */
static const char *folder_of(const char *name, char out[PATH_LEN])
{
    struct span path = span_str(name);
    size_t end = path.len;
    while (end && path.at[end - 1] != '/')
        end--;
    if (end >= PATH_LEN)
        end = 0;
    if (end)
        memcpy(out, path.at, end);
    out[end] = 0;
    return out;
}

/* Files: its certificates, the pinned keys, what name resolution and the system's roots need. Its
 * databases are open by now: their folder may hold the token issuer's key, which the same user
 * owns. Before any thread is there, since the kernel binds those that come later only. */
static fallible confine_files(const struct front *f)
{
    const struct attestd_config *c = f->config;
    char keys[PATH_LEN], own[7][PATH_LEN];
    const char *const readable[] = {
        /* Folders: a file that was renewed is another one. */
        folder_of(config_certificate(c, &c->tcs), own[0]),
        folder_of(config_key(c, &c->tcs), own[1]),
        folder_of(config_certificate(c, &c->qvs), own[2]),
        folder_of(config_key(c, &c->qvs), own[3]),
        folder_of(config_certificate(c, &c->as), own[4]),
        folder_of(config_key(c, &c->as), own[5]),
        folder_of(c->crl, own[6]),
        folder_of(c->aas_jwks, keys),
        text_of(c->upstream_ca),
        text_of(c->tcs_ca),
        "/etc/ssl",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/lib",
        "/lib",
        "/usr/lib64",
        "/etc/resolv.conf",
        "/run/systemd/resolve",
        "/etc/hosts",
        "/etc/host.conf",
        "/etc/nsswitch.conf",
        "/etc/gai.conf",
        "/etc/localtime",
        "/usr/share/zoneinfo",
        "/dev/urandom",
        "/dev/null",
        NULL,
    };
    bool enforced;
    TRY(harden_files(readable, NULL, &enforced));
    if (!enforced)
        log_warn("the kernel does not restrict files");
    return OK;
}

static fallible open_all(struct front *f)
{
    TRY(crypto_start(CRYPTO_MEMORY_PLAIN));
    json_start();
    TRY(harden_process());
    TRY(public_keys_open(CHANNEL_KEYS, &f->public_keys));
    TRY(open_collateral(f));
    TRY(open_record(f));
    TRY(open_link(f));
    TRY(open_denials(f));
    TRY(open_appraisal(f));
    TRY(confine_files(f));
    TRY(public_keys_follow(f->public_keys));
    TRY(evidence_record_start(f->evidence));
    TRY(listen_all(f));
    TRY(tcs_role_start(f->tcs_role));
    bool enforced;
    return harden_syscalls(SANDBOX_NETWORK, &enforced);
}

static void tell_ready(void)
{
    static const char ready = FRONT_READY;
    fcntl(CHANNEL_PARENT, F_SETFL, O_NONBLOCK);
    if (write(CHANNEL_PARENT, &ready, 1) != 1)
        log_warn("cannot tell the parent that the front is ready");
}

static void look_after(struct front *f)
{
    if (f->link)
        verifier_link_refresh(f->link);
    for (size_t i = 0; i < 3; i++)
        if (f->servers[i])
            server_watch_look(&f->watches[i], f->servers[i], f->crl);
}

int front_main(const struct attestd_config *config)
{
    struct front f owned(front_done) = { .config = config };
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* before any thread is there */
    signal(SIGPIPE, SIG_IGN);
    struct err e = open_all(&f);
    if (failed(e)) {
        log_err(e, "attestd cannot serve");
        return CHILD_EXIT_USELESS;
    }
    tell_ready();
    const struct timespec tick = { .tv_sec = REFRESH_SECONDS };
    do
        look_after(&f);
    while (sigtimedwait(&stop, NULL, &tick) != SIGTERM);
    return 0;
}
