// SPDX-License-Identifier: Apache-2.0
#include "attestd/zygote.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "attestd/channel.h"
#include "attestd/request.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/writer.h"

#define LOAD_MS 2000
#define TICK_MS 50
#define WORKER_WORK 3 /* the worker's own end; DECISIONS stays where it is */

struct spare {
    pid_t pid;
    int fd; /* our end */
};

struct running {
    pid_t pid;
    int64_t until_us;
};

struct zygote {
    const struct zygote_config *config;
    struct warm warm;
    struct spare spares[ZYGOTE_SPARES_MAX];
    size_t spare_count;
    struct running running[ZYGOTE_WORKERS_MAX];
    size_t running_count;
};

static void __attribute__((noreturn)) worker_main(struct zygote *z, int own)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "verify-worker");
    /* Nothing is left but standard error, the worker's own socket and the way to the issuer. */
    if (z->config->decisions != CHANNEL_DECISIONS)
        dup2(z->config->decisions, CHANNEL_DECISIONS);
    dup2(own, WORKER_WORK);
    close_range(CHANNEL_DECISIONS + 1, ~0U, 0);
    if (failed(z->config->confine()))
        _exit(1);
    z->config->warm_up();
    enum channel_type type;
    int answer;
    if (failed(channel_receive(WORKER_WORK, &type, NULL, &answer)))
        _exit(0); /* not needed any more */
    close(WORKER_WORK);
    struct worker w = { .verifier = z->config->verifier,
                        .warm = &z->warm,
                        .decisions = CHANNEL_DECISIONS };
    z->config->serve(&w, answer);
    _exit(0);
}

static fallible fork_spare(struct zygote *z, struct spare *out)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return FAIL(SYSTEM, "socket pair for a worker");
    pid_t pid = fork();
    if (pid == 0)
        worker_main(z, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return FAIL(SYSTEM, "cannot fork a worker");
    }
    *out = (struct spare){ .pid = pid, .fd = ends[0] };
    return OK;
}

static void fill_spares(struct zygote *z)
{
    while (z->spare_count < z->config->spares && z->spare_count < ZYGOTE_SPARES_MAX) {
        if (failed(fork_spare(z, &z->spares[z->spare_count])))
            return;
        z->spare_count++;
    }
}

/* In the order of their forks: the oldest goes first. */
static struct spare take_spare(struct zygote *z, size_t at)
{
    struct spare s = z->spares[at];
    z->spare_count--;
    memmove(&z->spares[at], &z->spares[at + 1], (z->spare_count - at) * sizeof(s));
    return s;
}

static void spare_ended(struct zygote *z, pid_t pid)
{
    for (size_t i = 0; i < z->spare_count; i++)
        if (z->spares[i].pid == pid) {
            close(take_spare(z, i).fd);
            return;
        }
}

static void running_ended(struct zygote *z, pid_t pid, int status)
{
    for (size_t i = 0; i < z->running_count; i++)
        if (z->running[i].pid == pid) {
            z->running[i] = z->running[--z->running_count];
            if (WIFSIGNALED(status))
                log_warn("a worker was killed; its request has failed", "signal",
                         sigabbrev_np(WTERMSIG(status)));
            return;
        }
}

static void reap(struct zygote *z)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        spare_ended(z, pid);
        running_ended(z, pid, status);
    }
}

/* What the spares hold is older than what was just loaded; a closed socket sends them away. */
static void drop_spares(struct zygote *z)
{
    for (size_t i = 0; i < z->spare_count; i++)
        close(z->spares[i].fd);
    z->spare_count = 0;
}

static void kill_overdue(struct zygote *z)
{
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < z->running_count; i++)
        if (now > z->running[i].until_us)
            kill(z->running[i].pid, SIGKILL);
}

static void answer_failure(int fd, struct err e)
{
    struct buf body owned(buf_done) = buf_of(1024);
    answer_failure_write(e, "verification_failed", &body);
    if (failed(ipc_send(fd, ANSWER_FAILURE, 0, buf_span(&body), 0)))
        log_warn("cannot answer the front");
}

static fallible dispatch(struct zygote *z, int answer)
{
    struct spare s;
    if (z->running_count == ZYGOTE_WORKERS_MAX)
        return FAIL(UPSTREAM, "too many verifications at once");
    if (z->spare_count)
        s = take_spare(z, 0);
    else
        TRY(fork_spare(z, &s));
    z->running[z->running_count++] = (struct running){
        .pid = s.pid,
        .until_us = clock_monotonic_us() + (int64_t)z->config->deadline_ms * 1000,
    };
    struct err e = channel_send(s.fd, CHANNEL_VERIFY, (struct span){ 0 }, answer);
    close(s.fd);
    return e;
}

static fallible load(struct zygote *z, int answer)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct buf body owned(buf_done) = buf_of(64);
    struct collateral_key key;
    struct collateral_raw raw;
    owned(collateral_set_free) struct collateral_set *set = NULL;
    TRY(ipc_receive(answer, &m, LOAD_MS));
    if (m.type != ANSWER_COLLATERAL)
        return FAIL(INPUT, "not collateral");
    TRY(collateral_parse(buf_span(&m.body), &key, &raw));
    TRY(collateral_set_load(z->config->verifier, &raw, &set));
    buf_add(&body, collateral_set_digest(set));
    TRY(buf_check(&body));
    warm_put(&z->warm, &key, TAKE(set));
    drop_spares(z);
    return ipc_send(answer, ANSWER_LOADED, 0, buf_span(&body), 0);
}

/* Not the worker's word: the verifier checks the chain again. */
static fallible remember(struct zygote *z, int answer)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct span chain, enclave;
    TRY(ipc_receive(answer, &m, LOAD_MS));
    if (m.type != ANSWER_PLATFORM)
        return FAIL(INPUT, "not a platform");
    if (warm_knows_platform(&z->warm, buf_span(&m.body)))
        return OK;
    TRY(platform_parse(buf_span(&m.body), &chain, &enclave));
    TRY(verifier_remember(z->config->verifier, chain, enclave));
    warm_note_platform(&z->warm, buf_span(&m.body));
    drop_spares(z);
    return OK;
}

static fallible serve_packet(struct zygote *z)
{
    enum channel_type type;
    int answer owned(fd_close) = -1;
    TRY(channel_receive(z->config->work, &type, NULL, &answer));
    struct err e = FAIL(INPUT, "unknown message from the front");
    switch (type) {
    case CHANNEL_VERIFY:
        e = dispatch(z, answer);
        break;
    case CHANNEL_LOAD:
        e = load(z, answer);
        break;
    case CHANNEL_REMEMBER:
        e = remember(z, answer);
        break;
    case CHANNEL_DECISION:
    case CHANNEL_PROBE:
        break;
    }
    if (failed(e)) {
        log_err(e, "a request to the zygote has failed");
        answer_failure(answer, e);
    }
    return OK;
}

fallible zygote_run(const struct zygote_config *config)
{
    struct zygote z = { .config = config };
    struct err e = OK;
    for (bool stop = false; !stop;) {
        fill_spares(&z);
        struct pollfd p = { .fd = config->work, .events = POLLIN };
        int n = poll(&p, 1, z.running_count ? TICK_MS : 1000);
        if (n > 0)
            e = serve_packet(&z);
        stop = failed(e) && e.kind != FAIL_INPUT;
        reap(&z);
        kill_overdue(&z);
    }
    drop_spares(&z);
    warm_done(&z.warm);
    return e.kind == FAIL_UPSTREAM ? OK : e;
}
