// SPDX-License-Identifier: Apache-2.0
/* The process of the key manager: its store or network, its credentials, and the key that imports are sealed to. */
#include "keyd/keyd.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "broker/secrets.h"
#include "crypto/crypto.h"
#include "daemon/daemon.h"
#include "keys/embedded.h"
#include "keys/key_server.h"
#include "keys/vault.h"

#define WIPE_PATTERN 0x55

struct serving {
    struct keystore *store;
    struct key *import;
    int fd;
};

static void *serve(void *context)
{
    struct serving *s = context;
    key_server_run(s->fd, s->store, s->import);
    return NULL;
}

static fallible open_vault(const struct keyd_settings *s, struct keystore **out)
{
    const struct vault_config config = { .url = s->vault_url, .ca_file = s->vault_ca, .token_file = s->vault_token_file,
                                         .mount = s->vault_mount, .prefix = s->vault_prefix,
                                         .kv_version = (unsigned)s->vault_kv_version, .allow_plain_http = s->vault_plain };
    char address[KEYD_PATH_MAX];

    struct keystore *vault = NULL;
    TRY(vault_open(&config, &vault));
    TRY(keyd_watch_store(vault, out));
    /* These two lines are what operators of the original system look for. */
    snprintf(address, sizeof address, "Vault Address: %s", s->vault_url);
    log_info(address);
    if (!failed((*out)->health(*out)))
        log_info("Vault client initialized");
    return OK;
}

static fallible open_store(const struct keyd_settings *s, const char *folder, struct keystore **out)
{
    char url[KEYD_PATH_MAX + 32], master[KEYD_PATH_MAX + 32];

    if (!strcmp(s->manager, "vault"))
        return open_vault(s, out);
    snprintf(url, sizeof url, "sqlite:%s/embedded.db", folder);
    snprintf(master, sizeof master, "%s/master.key", folder);
    return embedded_open(url, master, out);
}

static void folder_of(const char *path, char out[KEYD_PATH_MAX])
{
    snprintf(out, KEYD_PATH_MAX, "%s", path);
    char *end = strrchr(out, '/');
    if (end)
        end[end == out] = 0;
    else
        strcpy(out, ".");
}

static fallible confine(const struct keyd_settings *s, const char *folder)
{
    char tokens[KEYD_PATH_MAX] = "";
    const char *const writable[] = { folder, NULL };
    /* The token's folder, for a new token may be another file of that name; CAs; what a host's name is looked up by. */
    const char *const readable[] = { tokens, s->vault_ca ? s->vault_ca : "/etc/ssl/certs", "/etc/hosts", "/etc/resolv.conf",
                                     "/etc/nsswitch.conf", "/etc/gai.conf", "/run/systemd/resolve", "/usr/lib", "/lib", NULL };

    if (s->vault_token_file)
        folder_of(s->vault_token_file, tokens);
    bool vault = !strcmp(s->manager, "vault");

    return daemon_confine(vault ? readable : NULL, writable, vault ? SANDBOX_NETWORK : SANDBOX_STORE);
}

static fallible run(const struct keyd_settings *s, const int channels[KEYD_CHANNELS])
{
    char folder[KEYD_PATH_MAX];
    struct keystore *store owned(keystore_close) = NULL;
    struct key *import owned(key_free) = NULL;
    struct serving serving[KEYD_CHANNELS];
    pthread_t threads[KEYD_CHANNELS];

    TRY(keyd_path(s, "manager", folder));
    TRY(file_make_dir(folder, 0700));
    TRY(broker_key_load(folder, "import.key", &import));
    TRY(open_store(s, folder, &store));
    TRY(confine(s, folder));
    for (size_t i = 0; i < KEYD_CHANNELS; i++) {
        serving[i] = (struct serving){ store, import, channels[i] };
        if (pthread_create(&threads[i], NULL, serve, &serving[i]))
            return FAIL(SYSTEM, "a thread cannot be started");
    }
    for (size_t i = 0; i < KEYD_CHANNELS; i++) /* each ends when the core closes its end */
        pthread_join(threads[i], NULL);
    return OK;
}

int keyd_manager(const struct keyd_settings *s, const int channels[KEYD_CHANNELS])
{
    sigset_t none;

    log_start("keyd-manager", LOG_INFO);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    /* Buffers of libraries that do not wipe: what is freed is overwritten. */
    mallopt(M_PERTURB, WIPE_PATTERN);
    struct err e = run(s, channels);
    if (failed(e))
        log_err(e, "key manager");
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}
