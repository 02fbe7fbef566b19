// SPDX-License-Identifier: Apache-2.0
#include "conf.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/options.h"
#include "base/owned.h"

#define DEFAULT_CONF "/etc/warder/pkcs11.conf"
#define FIND_TIMEOUT_MAX 600
#define START_TRIES 100 /* of 50 ms */

struct settings {
    char *socket, *uid, *start, *config, *log;
    uint64_t find_timeout;
};

static void settings_done(struct settings *s)
{
    free(s->socket);
    free(s->uid);
    free(s->start);
    free(s->config);
    free(s->log);
}

static void settings_donep(struct settings *s)
{
    settings_done(s);
}

void module_conf_done(struct module_conf *c)
{
    free(c->agent_start);
    free(c->agent_config);
    free(c->agent_log);
    *c = (struct module_conf){ 0 };
}

static fallible uid_parse(const char *text, int64_t *out)
{
    uint64_t uid = 0;

    *out = -1;
    if (!text)
        return OK;
    for (const char *c = text; *c; c++) {
        uid = uid * 10 + (uint64_t)(*c - '0');
        if (*c < '0' || *c > '9' || uid >= UINT32_MAX)
            return FAIL(INPUT, "agent_uid is not the number of a user");
    }
    *out = (int64_t)uid;
    return OK;
}

static fallible settings_use(struct settings *s, struct module_conf *c)
{
    if (!s->socket || strlen(s->socket) >= sizeof(c->transport.socket))
        return FAIL(INPUT, "agent_socket is missing or too long");
    if (!s->find_timeout || s->find_timeout > FIND_TIMEOUT_MAX)
        return FAIL(INPUT, "find_timeout is not within 1 and 600 seconds");
    TRY(uid_parse(s->uid, &c->transport.agent_uid));
    memcpy(c->transport.socket, s->socket, strlen(s->socket) + 1);
    c->transport.find_timeout_ms = (unsigned)s->find_timeout * 1000;
    c->agent_start = TAKE(s->start);
    c->agent_config = TAKE(s->config);
    c->agent_log = TAKE(s->log);
    return OK;
}

/* Where `warder skc deploy` has put the module: DIR/lib/libpkcs11-api.so and DIR/etc/pkcs11.conf.
 */
static bool own_conf(char out[PATH_MAX])
{
    Dl_info self;

    if (!dladdr((void *)(uintptr_t)own_conf, &self) || !self.dli_fname ||
        snprintf(out, PATH_MAX, "%s", self.dli_fname) >= PATH_MAX)
        return false;
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(out, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
    size_t len = strlen(out);
    return snprintf(out + len, PATH_MAX - len, "/etc/pkcs11.conf") < (int)(PATH_MAX - len);
}

fallible module_conf_load(struct module_conf *out)
{
    struct settings s owned(settings_done) = { .socket = strdup("/run/warder/agent.sock"),
                                               .find_timeout = 75 };
    const struct setting rows[] = {
        { "module", "agent_socket", OPTION_TEXT, &s.socket, NULL },
        { "module", "agent_uid", OPTION_TEXT, &s.uid, NULL },
        { "module", "find_timeout", OPTION_NUMBER, &s.find_timeout, NULL },
        { "module", "agent_start", OPTION_TEXT, &s.start, NULL },
        { "module", "agent_config", OPTION_TEXT, &s.config, NULL },
        { "module", "agent_log", OPTION_TEXT, &s.log, NULL },
        { 0 },
    };
    const char *named = options_env("WARDER_MODULE_CONF");
    char *message owned(free) = NULL; /* there is no one here to read it */

    *out = (struct module_conf){ 0 };
    char beside[PATH_MAX];
    if (!named && own_conf(beside) && file_exists(beside))
        named = beside;
    if (named || file_exists(DEFAULT_CONF))
        TRY(settings_load(named ? named : DEFAULT_CONF, rows, &message));
    return settings_use(&s, out);
}

/* Its standard output and error go to its log, other descriptors are closed, signals are as by
 * default. */
static int spawn(const struct module_conf *c, pid_t *pid)
{
    char *argv[] = { c->agent_start, "--background", c->agent_config ? "--config" : NULL,
                     c->agent_config, NULL };
    char *envp[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
    const char *log = c->agent_log ? c->agent_log : "/dev/null";
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    int e = posix_spawn_file_actions_init(&files);
    if (e)
        return e;
    e = posix_spawnattr_init(&attributes);
    if (e) {
        posix_spawn_file_actions_destroy(&files);
        return e;
    }
    e |= posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    e |= posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    e |= posix_spawn_file_actions_addopen(&files, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    e |= posix_spawn_file_actions_addclosefrom_np(&files, 3);
    e |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                   POSIX_SPAWN_SETSID);
    e |= posix_spawnattr_setsigmask(&attributes, &none);
    e |= posix_spawnattr_setsigdefault(&attributes, &all);
    if (!e)
        e = posix_spawn(pid, c->agent_start, &files, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return e;
}

void module_conf_start_agent(const struct module_conf *c)
{
    pid_t pid;
    int status = 0;

    if (!c->agent_start || transport_agent_is_there() || spawn(c, &pid))
        return;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno == EINTR)
            continue;
        /* The host ignores SIGCHLD, so the status is gone: ask the socket. */
        for (int i = 0; i < START_TRIES && !transport_agent_is_there(); i++)
            usleep(50000);
        return;
    }
}
