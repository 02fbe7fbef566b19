// SPDX-License-Identifier: Apache-2.0
#include "attestd/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "attestd/channel.h"
#include "attestd/child.h"
#include "attestd/parent_sandbox.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/owned.h"
#include "base/service_manager.h"
#include "base/writer.h"

#define KEYS_TEXT_MAX (32U << 10) /* fits into a pipe */
#define KEYS_WAIT_MS 30000
#define STOP_WAIT_US 10000000
#define SECOND_US 1000000
#define BACKOFF_MAX_US (10 * SECOND_US)
#define CHANNEL_BUFFER (1 << 20)
#define CHANNEL_SEND_SECONDS 2 /* then a child that does not read counts as gone */
#define PATH_LEN 4096
#define WORKER_PROGRAM "attestd-worker"

enum { WORK_FRONT, WORK_ZYGOTE, DECISIONS_WORKER, DECISIONS_ISSUER, ENDS };

struct child {
    pid_t pid; /* 0: not running */
    int64_t started_us, again_us;
    unsigned quick_ends; /* in a row */
};

struct supervisor {
    const char *config;
    char worker_paths[2][PATH_LEN]; /* of the build tree, of an installation */
    int ends[ENDS];
    char *keys;    /* the issuer's public key set, for the front */
    int keys_pipe; /* where the front reads it, and each that comes after it; -1: no front */
    bool rotate;   /* the issuer is to announce a next key */
    struct child children[CHILD_COUNT];
    bool wanted[CHILD_COUNT];
    int front_says; /* read end of what the front tells; -1: no front */
    bool listening; /* it has said so */
    bool useless;
};

/* What a child finds at CHANNEL_*; -1: nothing. */
struct child_channels {
    int work, decisions, keys, parent;
};

static void place(int fd, int at)
{
    if (fd >= 0)
        dup2(fd, at); /* without CLOEXEC */
    else
        close(at);
}

static void __attribute__((noreturn))
become(const struct supervisor *s, enum child_kind kind, const struct child_channels *c)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way first, so that no dup2 overwrites what a later one needs. */
    int at[] = { c->work, c->decisions, c->keys, c->parent };
    for (size_t i = 0; i < 4; i++)
        at[i] = at[i] >= 0 ? fcntl(at[i], F_DUPFD_CLOEXEC, 16) : -1;
    for (int i = 0; i < 4; i++)
        place(at[i], CHANNEL_WORK + i);
    char *argv[5] = { (char *)child_names[kind] };
    size_t argc = 1;
    if (s->config) {
        argv[argc++] = "--config";
        argv[argc++] = (char *)s->config;
    }
    if (kind == CHILD_ISSUER && s->rotate)
        argv[argc] = CHILD_ROTATE;
    /* Symbols are resolved once at the start, not in every fork again. */
    setenv("LD_BIND_NOW", "1", 1);
    if (kind == CHILD_FRONT)
        execv("/proc/self/exe", argv);
    for (size_t i = 0; kind != CHILD_FRONT && i < 2; i++)
        execv(s->worker_paths[i], argv);
    _exit(CHILD_EXIT_USELESS);
}

static void spawn(struct supervisor *s, enum child_kind kind, const struct child_channels *c)
{
    struct child *child = &s->children[kind];
    child->started_us = clock_monotonic_us();
    child->again_us = 0;
    pid_t pid = fork();
    if (pid == 0)
        become(s, kind, c);
    if (pid < 0) {
        log_warn("cannot start a child", "child", child_names[kind]);
        child->again_us = child->started_us + SECOND_US;
        return;
    }
    child->pid = pid;
}

/* The issuer says its public keys once, at its start. */
static fallible read_keys(int fd, char **out)
{
    struct buf text owned(buf_done) = buf_of(KEYS_TEXT_MAX);
    char room[4096];
    for (;;) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, KEYS_WAIT_MS) <= 0)
            return FAIL(UPSTREAM, "the token issuer does not start");
        ssize_t n = read(fd, room, sizeof(room));
        if (n < 0)
            return FAIL(SYSTEM, "reading the issuer's keys");
        if (n == 0)
            break;
        buf_add(&text, span_from(room, (size_t)n));
    }
    TRY(buf_check(&text));
    if (!text.len)
        return FAIL(UPSTREAM, "the token issuer has no keys");
    free(*out);
    *out = buf_take_str(&text);
    return *out ? OK : FAIL(SYSTEM, "memory for the issuer's keys");
}

/* A set fits into the pipe with room to spare, so this never waits; a front that reads none of them
 * is not there any more, or hangs. */
static void tell_keys(struct supervisor *s)
{
    struct buf message owned(buf_done) = buf_of(2 * KEYS_TEXT_MAX);
    write_part(&message, span_str(s->keys ? s->keys : ""));
    if (s->keys_pipe < 0 || write(s->keys_pipe, message.at, message.len) == (ssize_t)message.len)
        return;
    log_warn("the front does not take the public keys");
    if (s->children[CHILD_FRONT].pid)
        kill(s->children[CHILD_FRONT].pid, SIGTERM);
}

static void start_issuer(struct supervisor *s)
{
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return;
    struct child_channels c = {
        .work = -1, .decisions = s->ends[DECISIONS_ISSUER], .keys = pipe_ends[1], .parent = -1
    };
    spawn(s, CHILD_ISSUER, &c);
    close(pipe_ends[1]);
    struct err e = read_keys(pipe_ends[0], &s->keys);
    close(pipe_ends[0]);
    if (failed(e)) {
        log_err(e, "token issuer");
        return;
    }
    if (s->rotate)
        log_info("a next signing key was asked for");
    s->rotate = false;
    tell_keys(s);
}

static void start_zygote(struct supervisor *s)
{
    struct child_channels c = { .work = s->ends[WORK_ZYGOTE],
                                .decisions = s->ends[DECISIONS_WORKER],
                                .keys = -1,
                                .parent = -1 };
    spawn(s, CHILD_ZYGOTE, &c);
}

static void start_front(struct supervisor *s)
{
    int keys[2], says[2];
    if (pipe2(keys, O_CLOEXEC) != 0 || pipe2(says, O_CLOEXEC) != 0)
        return;
    fcntl(keys[1], F_SETFL, O_NONBLOCK);
    if (s->keys_pipe >= 0)
        close(s->keys_pipe);
    s->keys_pipe = keys[1];
    tell_keys(s);
    struct child_channels c = {
        .work = s->ends[WORK_FRONT], .decisions = -1, .keys = keys[0], .parent = says[1]
    };
    spawn(s, CHILD_FRONT, &c);
    close(keys[0]);
    close(says[1]);
    fcntl(says[0], F_SETFL, O_NONBLOCK);
    if (s->front_says >= 0)
        close(s->front_says);
    s->front_says = says[0];
    s->listening = false;
}

static void start(struct supervisor *s, enum child_kind kind)
{
    switch (kind) {
    case CHILD_ISSUER:
        start_issuer(s);
        return;
    case CHILD_ZYGOTE:
        start_zygote(s);
        return;
    case CHILD_FRONT:
        start_front(s);
        return;
    case CHILD_COUNT:
        return;
    }
}

static void start_due(struct supervisor *s)
{
    for (int k = 0; k < CHILD_COUNT && !s->useless; k++)
        if (s->wanted[k] && !s->children[k].pid && clock_monotonic_us() >= s->children[k].again_us)
            start(s, (enum child_kind)k);
}

static void note_end(struct supervisor *s, enum child_kind kind, int status)
{
    struct child *c = &s->children[kind];
    int64_t now = clock_monotonic_us();
    char how[32];
    snprintf(how, sizeof(how), "%s %d", WIFSIGNALED(status) ? "signal" : "exit",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    c->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_AGAIN) {
        c->again_us = now;
        log_info("a child starts anew", "child", child_names[kind]);
        return;
    }
    c->quick_ends = now - c->started_us < SECOND_US ? c->quick_ends + 1 : 0;
    int64_t wait =
        c->quick_ends ? (int64_t)SECOND_US << (c->quick_ends < 5 ? c->quick_ends - 1 : 4) : 0;
    c->again_us = now + (wait < BACKOFF_MAX_US ? wait : BACKOFF_MAX_US);
    log_warn("a child has ended", "child", child_names[kind], "how", how);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHILD_EXIT_USELESS)
        s->useless = true;
}

static void reap(struct supervisor *s)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (int k = 0; k < CHILD_COUNT; k++)
            if (s->children[k].pid == pid)
                note_end(s, (enum child_kind)k, status);
}

static bool any_running(const struct supervisor *s)
{
    for (int k = 0; k < CHILD_COUNT; k++)
        if (s->children[k].pid)
            return true;
    return false;
}

/* The front first, so that it can finish what it has begun. */
static void stop_all(struct supervisor *s, const sigset_t *signals)
{
    int64_t until = clock_monotonic_us() + STOP_WAIT_US;
    const struct timespec tick = { .tv_nsec = 50000000 };
    if (s->children[CHILD_FRONT].pid)
        kill(s->children[CHILD_FRONT].pid, SIGTERM);
    while (any_running(s)) {
        bool late = clock_monotonic_us() > until;
        for (int k = 0; k < CHILD_COUNT; k++)
            if (s->children[k].pid && (late || (k != CHILD_FRONT && !s->children[CHILD_FRONT].pid)))
                kill(s->children[k].pid, SIGKILL);
        sigtimedwait(signals, NULL, &tick);
        int status;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
            for (int k = 0; k < CHILD_COUNT; k++)
                if (s->children[k].pid == pid)
                    s->children[k].pid = 0;
    }
}

/* The issuer ends between two decisions and finds at its new start what it is to do. */
static void ask_rotation(struct supervisor *s)
{
    s->rotate = true;
    if (s->children[CHILD_ISSUER].pid)
        kill(s->children[CHILD_ISSUER].pid, SIGTERM);
}

static void note_listening(struct supervisor *s)
{
    if (!s->listening) {
        service_manager_tell("READY=1");
        log_info("attestd is ready");
    }
    s->listening = true;
}

/* However often it has asked since the last look, one key is meant. */
static void hear_front(struct supervisor *s)
{
    char said[64];
    ssize_t n = s->front_says >= 0 ? read(s->front_says, said, sizeof(said)) : -1;

    if (n > 0 && memchr(said, FRONT_READY, (size_t)n))
        note_listening(s);
    if (n > 0 && memchr(said, FRONT_ROTATE, (size_t)n))
        ask_rotation(s);
}

static fallible make_pair(int *a, int *b)
{
    int fds[2], size = CHANNEL_BUFFER;
    const struct timeval wait = { .tv_sec = CHANNEL_SEND_SECONDS };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return FAIL(SYSTEM, "socket pair");
    for (int i = 0; i < 2; i++) {
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
                   sizeof(size)); /* as far as the system allows */
        setsockopt(fds[i], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    }
    *a = fds[0];
    *b = fds[1];
    return OK;
}

static fallible find_worker(struct supervisor *s)
{
    char self[PATH_LEN];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return FAIL(SYSTEM, "cannot tell where this program is");
    self[n] = 0;
    *strrchr(self, '/') = 0;
    const char *const places[] = { "", "../libexec/warder/" };
    for (size_t i = 0; i < 2; i++)
        if (snprintf(s->worker_paths[i], PATH_LEN, "%s/%s" WORKER_PROGRAM, self, places[i]) >=
            PATH_LEN)
            return FAIL(LIMIT, "this program lies too deep");
    return OK;
}

/* The programs' own folders; the worker's may be another. */
static fallible confine(const struct supervisor *s, const struct attestd_config *c)
{
    char folders[3][PATH_LEN];
    const char *programs[] = { folders[0], folders[1], folders[2], NULL };
    ssize_t n = readlink("/proc/self/exe", folders[0], PATH_LEN - 1);
    folders[0][n > 0 ? n : 0] = 0;
    for (size_t i = 0; i < 2; i++)
        snprintf(folders[i + 1], PATH_LEN, "%s", s->worker_paths[i]);
    for (size_t i = 0; i < 3; i++) {
        char *end = strrchr(folders[i], '/');
        if (end)
            *end = 0;
    }
    return parent_confine(c, programs);
}

int supervise(const struct attestd_config *c)
{
    struct supervisor s = { .config = c->path, .front_says = -1, .keys_pipe = -1 };
    s.wanted[CHILD_ISSUER] = c->as.enabled;
    s.wanted[CHILD_ZYGOTE] = c->qvs.enabled || c->as.enabled;
    s.wanted[CHILD_FRONT] = true;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    struct err e = find_worker(&s);
    if (!failed(e))
        e = confine(&s, c);
    if (!failed(e))
        e = make_pair(&s.ends[WORK_FRONT], &s.ends[WORK_ZYGOTE]);
    if (!failed(e))
        e = make_pair(&s.ends[DECISIONS_WORKER], &s.ends[DECISIONS_ISSUER]);
    if (failed(e)) {
        log_err(e, "attestd cannot start");
        return 1;
    }
    const struct timespec tick = { .tv_nsec = 100000000 }, idle = { .tv_sec = 1 };
    for (bool stop = false; !stop && !s.useless;) {
        start_due(&s);
        hear_front(&s);
        int got = sigtimedwait(&signals, NULL, s.listening ? &idle : &tick);
        stop = got == SIGTERM || got == SIGINT;
        if (got == SIGUSR1)
            ask_rotation(&s);
        reap(&s);
    }
    service_manager_tell("STOPPING=1");
    stop_all(&s, &signals);
    free(s.keys);
    return s.useless ? 1 : 0;
}
