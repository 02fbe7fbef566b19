// SPDX-License-Identifier: Apache-2.0
/* skc-agent: attests this platform, receives keys, holds them, and uses them for the PKCS#11
 * module's clients. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "config.h"
#include "crypto/crypto.h"
#include "fetch_secret.h"
#include "kbs_link.h"
#include "keyring.h"
#include "serve.h"

#define TPM_DEVICE "/dev/tpmrm0"
#define TPM_LOGS "/sys/kernel/security" /* event log and IMA list */

struct agent {
    struct config config;
    const char *config_path;
    struct kbs_link kbs;
    struct keyring *ring;
    struct server *server;
    int listener, signals, ready; /* ready: pipe to whoever waits behind --background, or -1 */
    bool made_socket, wrote_pid;
};

static fallible load_keys_file(const struct config *c, struct keys_file *out)
{
    unsigned line = 0;
    bool open_to_others = false;
    char number[16];

    struct err e = keys_file_load(c->keys_file, out, &line, &open_to_others);
    snprintf(number, sizeof(number), "%u", line);
    if (failed(e))
        log_err(e, "keys file", "file", c->keys_file, "line", line ? number : NULL);
    else if (open_to_others)
        log_warn("the keys file holds PINs and others can read it: chmod 600", "file",
                 c->keys_file);
    return e;
}

/* Blocked in every thread; read from a descriptor by the main one. */
static fallible take_signals(int *fd)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return FAIL(SYSTEM, "cannot block signals");
    *fd = signalfd(-1, &set, SFD_CLOEXEC);
    return *fd >= 0 ? OK : FAIL(SYSTEM, "cannot take signals");
}

static char *folder_of(const char *path)
{
    char *copy = path ? strdup(path) : NULL;
    char *folder = copy ? strdup(dirname(copy)) : NULL;

    free(copy);
    return folder;
}

/* Only what a running agent still opens: keys file and certificates beside it, CA and resolver
 * files, the platform's folder; and to remove, its socket and process id. */
static fallible enter_sandbox(const struct agent *a)
{
    char *keys owned(free) = folder_of(a->config.keys_file);
    char *ca owned(free) = folder_of(a->config.ca_file);
    char *socket owned(free) = folder_of(a->config.socket);
    char *pid owned(free) = folder_of(a->config.pid_file);
    char *crl owned(free) = file_folder(a->config.crl);
    const char *readable[] = { keys, ca, crl, "/etc", "/usr", "/lib", "/dev/urandom", NULL, NULL };
    const char *writable[] = { socket, NULL, NULL, NULL };
    size_t n = 1, logs = sizeof(readable) / sizeof(readable[0]) - 2;
    bool files = false, calls = false;

    if (a->config.platform.kind == ATTESTER_TSM && file_exists(a->config.tsm_path))
        writable[n++] = a->config.tsm_path;
    if (a->config.platform.kind == ATTESTER_TPM && file_exists(TPM_DEVICE))
        writable[n++] = TPM_DEVICE;
    if (a->config.platform.kind == ATTESTER_TPM && file_exists(TPM_LOGS))
        readable[logs] = TPM_LOGS;
    if (pid)
        writable[n++] = pid;
    TRY(harden_files(readable, writable, &files));
    TRY(harden_syscalls(SANDBOX_NETWORK, &calls));
    log_info("sandbox", "files", files ? "enforced" : "not offered by this kernel", "calls",
             calls ? "enforced" : "not offered by this kernel");
    return OK;
}

/* From here on also what libraries say on standard error. */
static fallible open_log(const struct config *c)
{
    if (!c->log_file)
        return OK;
    int fd owned(fd_close) = open(c->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO
               ? OK
               : FAIL(SYSTEM, "cannot open the log file");
}

static fallible write_pid(const struct config *c)
{
    char text[24];

    if (!c->pid_file)
        return OK;
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    return file_write(c->pid_file, span_str(text), 0644);
}

static fallible agent_start(struct agent *a)
{
    struct keys_file keys owned(keys_file_done) = { 0 };

    TRY(take_signals(&a->signals));
    TRY(load_keys_file(&a->config, &keys));
    TRY(kbs_link_open(&a->config, &a->kbs));
    TRY(serve_listen(a->config.socket, &a->listener, &a->made_socket));
    TRY(write_pid(&a->config));
    a->wrote_pid = a->config.pid_file != NULL;
    TRY(enter_sandbox(a));
    const struct keyring_config ring = { .lease_poll = a->config.lease_poll,
                                         .use_timeout = a->config.use_timeout };
    TRY(keyring_new(a->kbs.fetcher, &keys, &ring, &a->ring));
    TRY(server_new(a->listener, &a->config, a->ring, &a->server));
    if (a->config.prefetch)
        keyring_prefetch(a->ring);
    return OK;
}

static void agent_ready(struct agent *a)
{
    log_info("ready", "socket", a->config.socket, "kbs", a->config.url, "attester",
             attester_kind_name(a->config.platform.kind));
    service_manager_tell("READY=1");
    if (a->ready >= 0 && write(a->ready, "r", 1) == 1)
        close(fd_take(&a->ready));
}

static void agent_reload(struct agent *a)
{
    struct keys_file keys owned(keys_file_done) = { 0 };

    if (!failed(load_keys_file(&a->config, &keys)))
        keyring_reload(a->ring, &keys);
}

/* True: time to end. */
static bool obey_signal(struct agent *a)
{
    struct signalfd_siginfo info;

    if (read(a->signals, &info, sizeof(info)) != sizeof(info))
        return false;
    if (info.ssi_signo != SIGHUP)
        return true;
    agent_reload(a);
    return false;
}

static void agent_run(struct agent *a)
{
    struct pollfd wait[] = { { .fd = a->listener, .events = POLLIN },
                             { .fd = a->signals, .events = POLLIN } };

    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return;
        if (wait[1].revents && obey_signal(a))
            return;
        if (wait[0].revents)
            server_accept(a->server);
    }
}

static void agent_stop(struct agent *a)
{
    service_manager_tell("STOPPING=1");
    if (a->made_socket)
        unlink(a->config.socket);
    server_free(a->server);
    keyring_free(a->ring);
    kbs_link_close(&a->kbs);
    if (a->wrote_pid)
        unlink(a->config.pid_file);
    config_done(&a->config);
}

/*
 * --background: the caller comes back once the agent serves, or has failed. Done before anything
 * else, since locked memory does not survive fork. Returns the pipe to tell readiness on, -1 where
 * it was not asked for.
 */
static int go_to_background(int argc, char **argv)
{
    bool asked = false;
    int ends[2];
    char word;

    for (int i = 1; i < argc; i++)
        asked |= strcmp(argv[i], "--background") == 0;
    if (!asked)
        return -1;
    if (pipe2(ends, O_CLOEXEC))
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        setsid();
        return ends[1];
    }
    close(ends[1]);
    exit(pid > 0 && read(ends[0], &word, 1) == 1 ? 0 : 1);
}

static fallible agent_main(struct agent *a)
{
    TRY(open_log(&a->config));
    TRY(harden_process());
    TRY(agent_start(a));
    agent_ready(a);
    agent_run(a);
    log_info("stopping");
    return OK;
}

static const struct command_help help = {
    .name = "skc-agent",
    .arguments = "",
    .summary =
        "Attests this platform, receives keys from the key broker and uses them for local clients.",
    .details = "SIGHUP reads the keys file again and fetches every key anew; SIGTERM ends it, "
               "wiping all keys.\n'skc-agent fetch' delivers an opaque secret: see its --help.",
};

static fallible read_config(struct agent *a, bool show, char **message)
{
    const char *path = a->config_path                         ? a->config_path
                       : file_exists(CONFIG_DEFAULT) || !show ? CONFIG_DEFAULT
                                                              : NULL;

    TRY(config_read(path, &a->config, message));
    return show ? OK : config_work_out(&a->config, message);
}

int main(int argc, char **argv)
{
    struct agent a = { .listener = -1, .signals = -1 };
    bool show = false, check = false, background = false;
    char *message owned(free) = NULL;
    int rest = 0;
    const struct option_row rows[] = {
        { "config", 'c', OPTION_TEXT, "FILE", "configuration file (default " CONFIG_DEFAULT ")",
          &a.config_path },
        { "show-config", 0, OPTION_FLAG, NULL, "print the settings in force and end", &show },
        { "check-config", 0, OPTION_FLAG, NULL, "check the configuration and end", &check },
        { "background", 0, OPTION_FLAG, NULL, "come back once the agent serves", &background },
        { 0 },
    };

    if (argc > 1 && !strcmp(argv[1], "fetch"))
        return fetch_secret(argc - 1, argv + 1);
    a.ready = go_to_background(argc, argv);
    struct err e = crypto_start(CRYPTO_MEMORY_LOCKED);
    log_start("skc-agent", LOG_INFO);
    enum options_result options = options_parse(argc, argv, rows, &help, &rest);
    if (options != OPTIONS_GO)
        return options == OPTIONS_DONE ? 0 : 2;
    if (rest < argc) {
        fprintf(stderr, "skc-agent: takes no operands\nTry 'skc-agent --help'.\n");
        return 2;
    }
    json_start();
    if (!failed(e))
        e = read_config(&a, show, &message);
    if (!failed(e) && show)
        config_show(&a.config, stdout);
    if (!failed(e) && !show && !check)
        e = agent_main(&a);
    if (failed(e))
        log_err(e, "cannot start", "configuration", message);
    agent_stop(&a);
    return failed(e) ? 1 : 0;
}
