// SPDX-License-Identifier: Apache-2.0
/* Configuration of skc-agent: its own file, and through it the original system's skc_library.conf.
 */
#ifndef SKC_AGENT_CONFIG_H
#define SKC_AGENT_CONFIG_H

#include <stdio.h>
#include <sys/types.h>

#include "base/options.h"
#include "client/attester/attester.h"
#include "client/skc_conf.h"

#define CONFIG_DEFAULT "/etc/warder/skc-agent.conf"
#define ALLOWED_MAX 32

/* Numbers of users or groups. */
struct allowed {
    uint32_t ids[ALLOWED_MAX];
    size_t count;
};
bool allowed_has(const struct allowed *a, uint32_t id);

struct config {
    /* as in the file */
    char *socket, *keys_file, *pid_file, *log_file, *allow_users, *allow_groups;
    uint64_t max_clients, find_timeout, lease_poll, use_timeout;
    bool prefetch;
    char *skc_library, *hostname, *ip, *ca_file, *crl, *release_keys, *token_file, *tenant;
    uint64_t port, crl_grace_minutes;
    char *attester, *tsm_path, *evidence_socket, *tpm;

    /* worked out */
    struct skc_conf skc;
    struct secret *bearer; /* NUL-terminated; NULL for none */
    struct allowed uids, gids;
    struct attester platform;
    char *url;        /* https://HOST:PORT */
    char *connect_to; /* NULL for none */
};

void config_done(struct config *c);
static inline void config_donep(struct config *c)
{
    config_done(c);
}
/* The file alone, or the defaults where `path` is NULL. On failure `*message` says where and what
 * (malloc'ed). */
fallible config_read(const char *path, struct config *c, char **message);
/* Checks what was read and works out the rest, with the files that it names. */
fallible config_work_out(struct config *c, char **message);
void config_show(const struct config *c, FILE *out);

#endif
