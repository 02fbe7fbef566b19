// SPDX-License-Identifier: Apache-2.0
#include "keyd/keyd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "daemon/daemon.h"

#define READY_SECONDS 60
#define STOP_SECONDS 10
#define RESTART_PAUSE_US 500000

struct family {
    pid_t core, manager, sealer; /* 0: not running */
};

static void close_all(int fds[KEYD_CHANNELS])
{
    for (size_t i = 0; i < KEYD_CHANNELS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static fallible make_channels(int core[KEYD_CHANNELS], int manager[KEYD_CHANNELS])
{
    for (size_t i = 0; i < KEYD_CHANNELS; i++)
        core[i] = manager[i] = -1;
    for (size_t i = 0; i < KEYD_CHANNELS; i++) {
        int pair[2];
        struct err e = ipc_pair(pair);
        if (failed(e)) {
            close_all(core);
            close_all(manager);
            return e;
        }
        core[i] = pair[0];
        manager[i] = pair[1];
    }
    return OK;
}

/* In the child; the parent's death is its own. */
static void begin_child(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    (void)mlockall(
        MCL_CURRENT | MCL_FUTURE |
        MCL_ONFAULT); /* locks are not inherited; without the right the secure heap alone is */
}

/* All ends of all pipes; each child keeps its own. */
struct ends {
    int core[KEYD_CHANNELS], manager[KEYD_CHANNELS];
    int seal[2]; /* the key manager's and the sealer's; -1: none */
    int ready[2];
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_ends(struct ends *e)
{
    close_all(e->core);
    close_all(e->manager);
    for (size_t i = 0; i < 2; i++) {
        close_one(&e->seal[i]);
        close_one(&e->ready[i]);
    }
}

static fallible open_ends(const struct keyd_settings *s, struct ends *e)
{
    *e = (struct ends){ .seal = { -1, -1 }, .ready = { -1, -1 } };
    TRY(make_channels(e->core, e->manager));
    struct err err = keyd_has_sealer(s) ? ipc_pair(e->seal) : OK;
    if (!failed(err) && pipe2(e->ready, O_CLOEXEC) < 0)
        err = FAIL(SYSTEM, "no pipe");
    if (failed(err))
        close_ends(e);
    return err;
}

static void run_sealer(const struct keyd_settings *s, struct ends *e)
{
    int fd = e->seal[1];

    e->seal[1] = -1;
    close_ends(e);
    daemon_end(keyd_sealer(s, fd));
}

static void run_manager(const struct keyd_settings *s, struct ends *e)
{
    close_all(e->core);
    close_one(&e->seal[1]);
    close_one(&e->ready[0]);
    close_one(&e->ready[1]);
    daemon_end(keyd_manager(s, e->manager, e->seal[0]));
}

static void run_core(const struct keyd_settings *s, struct ends *e)
{
    close_all(e->manager);
    close_one(&e->seal[0]);
    close_one(&e->seal[1]);
    close_one(&e->ready[0]);
    daemon_end(keyd_core(s, e->core, e->ready[1]));
}

static fallible start_all(const struct keyd_settings *s, struct ends *e, struct family *f)
{
    static void (*const run[])(const struct keyd_settings *,
                               struct ends *) = { run_sealer, run_manager, run_core };
    pid_t *const pids[] = { &f->sealer, &f->manager, &f->core };
    pid_t self = getpid();

    for (size_t i = e->seal[0] < 0; i < sizeof pids / sizeof pids[0]; i++) {
        *pids[i] = fork();
        if (*pids[i] == 0) {
            begin_child(self);
            run[i](s, e);
        }
        if (*pids[i] < 0)
            return FAIL(SYSTEM, "a process cannot be started");
    }
    return OK;
}

/* The core says one byte when it serves. */
static bool is_ready(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char c;
    return poll(&p, 1, READY_SECONDS * 1000) == 1 && read(fd, &c, 1) == 1;
}

static fallible start(const struct keyd_settings *s, struct family *f)
{
    struct ends ends;

    *f = (struct family){ 0 };
    TRY(open_ends(s, &ends));
    struct err e = start_all(s, &ends, f);
    int ready = ends.ready[0];
    ends.ready[0] = -1;
    close_ends(&ends);
    if (!failed(e) && !is_ready(ready))
        e = FAIL(SYSTEM, "keyd does not come up: its log says why");
    close(ready);
    return e;
}

static bool gone(pid_t *pid)
{
    if (*pid > 0 && waitpid(*pid, NULL, WNOHANG) == *pid)
        *pid = 0;
    return *pid <= 0;
}

static void end_one(pid_t *pid)
{
    int64_t until = clock_monotonic_us() + STOP_SECONDS * 1000000LL;

    if (*pid <= 0)
        return;
    kill(*pid, SIGTERM);
    while (!gone(pid) && clock_monotonic_us() < until)
        usleep(5000);
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

/* The core first: what it has begun still needs the key manager. */
static void end_all(struct family *f)
{
    end_one(&f->core);
    end_one(&f->manager);
    end_one(&f->sealer);
}

/* True: asked to stop. False: a child ended. */
static bool wait_for_end(const sigset_t *set, struct family *f)
{
    int caught;

    for (;;) {
        if (sigwait(set, &caught))
            continue;
        if (caught != SIGCHLD)
            return true;
        bool sealer = f->sealer && gone(&f->sealer);
        bool core = gone(&f->core), manager = gone(&f->manager);
        if (core || manager || sealer) {
            log_event(LOG_ERROR, "a process of keyd ended; starting again", "process",
                      sealer    ? "sealer"
                      : manager ? "key manager"
                                : "core",
                      NULL);
            return false;
        }
    }
}

/* The folder of a file, for the file may be replaced by another of its name. */
static void folder_of(const char *path, char out[KEYD_PATH_MAX])
{
    snprintf(out, KEYD_PATH_MAX, "%s", path ? path : "");
    char *end = strrchr(out, '/');
    if (end)
        end[end == out] = 0;
    else if (*out)
        strcpy(out, ".");
}

/* What both children have together; each of them narrows it. */
static fallible confine(const struct keyd_settings *s)
{
    static const char *const system[] = { "/etc",       "/usr/lib",   "/lib",
                                          "/usr/lib64", "/usr/share", "/run/systemd/resolve",
                                          "/dev",       "/proc",      "/sys" };
    char operators[KEYD_PATH_MAX];
    const char *const files[] = { s->aas_jwks, s->as_jwks, s->socket, s->release_jwks, operators };
    char folders[5][KEYD_PATH_MAX];
    struct keyd_paths readable = { 0 }, writable = { 0 };

    keyd_operator_path(s, operators);
    for (size_t i = 0; i < 5; i++) {
        folder_of(files[i], folders[i]);
        keyd_path_add(i < 2 ? &readable : &writable, folders[i]);
    }
    for (size_t i = 0; i < sizeof(system) / sizeof(*system); i++)
        keyd_path_add(&readable, system[i]);
    TRY(file_make_dir(s->folder, 0700)); /* else it cannot be granted */
    keyd_path_add(&writable, s->folder);
    keyd_path_add(&writable, "/dev/null");
    keyd_store_paths(s, &readable, &writable);
    return daemon_confine(readable.at, writable.at, SANDBOX_NETWORK);
}

int keyd_supervise(const struct keyd_settings *s)
{
    struct family f = { 0 };
    sigset_t set;
    bool stopping = false, first = true;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    struct err confined = s->log_file ? log_copy_to(s->log_file) : OK;
    if (!failed(confined))
        confined = confine(s); /* before a child loads the first secret */
    if (failed(confined)) {
        log_err(confined, "start");
        return EXIT_FAILURE;
    }
    while (!stopping) {
        struct err e = start(s, &f);
        if (failed(e)) {
            log_err(e, "start");
            end_all(&f);
            return EXIT_FAILURE;
        }
        if (first)
            service_manager_tell("READY=1");
        first = false;
        stopping = wait_for_end(&set, &f);
        end_all(&f);
        if (!stopping)
            usleep(RESTART_PAUSE_US);
    }
    service_manager_tell("STOPPING=1");
    char operators[KEYD_PATH_MAX];
    keyd_operator_path(s, operators);
    unlink(operators);
    unlink(s->socket);
    return EXIT_SUCCESS;
}
