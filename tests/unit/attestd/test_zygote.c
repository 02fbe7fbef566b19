// SPDX-License-Identifier: Apache-2.0
/* The zygote with workers that answer, crash, hang or do what the sandbox forbids, as the request
 * says. */
#include "attestd/zygote.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "attestd/channel.h"
#include "attestd/request.h"
#include "base/clock.h"
#include "base/harden.h"
#include "base/ipc.h"
#include "crypto/crypto.h"

#define DEADLINE_MS 1000

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

struct running {
    int work;
    pid_t pid;
};

/* What an exploited parser would try first. */
static void attack(char what)
{
    static char *const argv[] = { "true", NULL };
    switch (what) {
    case 'o':
        socket(AF_INET, SOCK_STREAM, 0);
        break;
    case 'u':
        socket(AF_UNIX, SOCK_STREAM, 0);
        break;
    case 'f':
        open("/etc/passwd", O_RDONLY);
        break;
    case 'w':
        syscall(SYS_openat, AT_FDCWD, "/tmp/attestd-was-here", O_CREAT | O_WRONLY, 0600);
        break;
    case 'e':
        execv("/bin/true", argv);
        break;
    case 'p':
        if (fork() == 0)
            _exit(0);
        break;
    case 'x':
        mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    case 'k':
        kill(getppid(), SIGKILL);
        break;
    case 't':
        ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
        break;
    case 'm':
        syscall(SYS_memfd_create, "program", 0);
        break;
    case 'r':
        syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
        break;
    }
}

static void serve(const struct worker *w, int answer)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(64) };
    (void)w;
    if (failed(ipc_receive(answer, &m, 1000)))
        return;
    char what = m.body.len ? (char)m.body.at[0] : 0;
    if (what == 'c') {
        signal(SIGSEGV, SIG_DFL); /* the test runner has a handler */
        raise(SIGSEGV);
    }
    if (what == 'h')
        for (;;)
            poll(NULL, 0, -1);
    if (what == 's')
        for (volatile unsigned long n = 0;; n++)
            ;
    attack(what);      /* what is only refused is answered, and the test fails */
    if (what == 'd') { /* is the way of others' requests open here? */
        char byte;
        if (recv(CHANNEL_WORK, &byte, 1, MSG_DONTWAIT) >= 0)
            return;
    }
    if (failed(ipc_send(answer, ANSWER_RESULT, 0, buf_span(&m.body), 1000)))
        return;
}

static fallible confine(void)
{
    bool enforced;
    return harden_syscalls(SANDBOX_COMPUTE, &enforced);
}

static void warm_up(void)
{
}

static int start(void **state)
{
    static struct running r;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    r.pid = fork();
    if (r.pid == 0) {
        bool enforced;
        static const char *const nothing[] = { NULL };
        owned(verifier_free) struct verifier *v = NULL;
        close(ends[0]);
        json_start();
        if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(verifier_new(NULL, 0, &v)) ||
            failed(harden_process()) || failed(harden_files(nothing, nothing, &enforced)) ||
            failed(harden_syscalls_prepare(SANDBOX_COMPUTE)) ||
            failed(harden_syscalls(SANDBOX_FORK, &enforced)))
            _exit(9);
        const struct zygote_config c = { .work = ends[1],
                                         .decisions = ends[1],
                                         .deadline_ms = DEADLINE_MS,
                                         .spares = 2,
                                         .verifier = v,
                                         .serve = serve,
                                         .warm_up = warm_up,
                                         .confine = confine };
        _exit(failed(zygote_run(&c)) ? 1 : 0);
    }
    close(ends[1]);
    r.work = ends[0];
    *state = &r;
    return 0;
}

static int stop(void **state)
{
    struct running *r = *state;
    int status;
    close(r->work);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

/* Our end of a request that says `what`. */
static int ask(const struct running *r, char what)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_false(failed(channel_send(r->work, CHANNEL_VERIFY, (struct span){ 0 }, ends[1])));
    close(ends[1]);
    /* One that is turned away at once has said so already. */
    struct err e = ipc_send(ends[0], ANSWER_REQUEST, 0, span_from(&what, 1), 1000);
    assert_true(!failed(e) || e.kind == FAIL_UPSTREAM);
    return ends[0];
}

static bool answered(int fd, char what)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(1024) };
    struct err e = ipc_receive(fd, &m, 5000);
    close(fd);
    return !failed(e) && m.type == ANSWER_RESULT && m.body.len == 1 &&
           m.body.at[0] == (uint8_t)what;
}

static void test_answers(void **state)
{
    for (int i = 0; i < 50; i++)
        assert_true(answered(ask(*state, 'a'), 'a'));
}

static void test_crash_fails_alone(void **state)
{
    int before = ask(*state, 'a'), crash = ask(*state, 'c'), after = ask(*state, 'a');
    assert_true(answered(before, 'a'));
    assert_false(answered(crash, 'c'));
    assert_true(answered(after, 'a'));
}

static void test_hang_ends_by_the_deadline(void **state)
{
    static const char ways[] = { 'h', 's' }; /* asleep, busy */
    for (size_t i = 0; i < sizeof(ways); i++) {
        int64_t began = clock_monotonic_us();
        int hung = ask(*state, ways[i]), beside = ask(*state, 'a');
        assert_true(answered(beside, 'a'));
        assert_false(answered(hung, ways[i]));
        assert_true(clock_monotonic_us() - began < 5 * DEADLINE_MS * 1000);
    }
}

/* Each is killed where it stands, for its own request alone. */
static void test_attackers_are_killed(void **state)
{
    for (const char *what = SANITIZED ? "ouew" : "oufwepxktmr"; *what; what++) {
        bool survived = answered(ask(*state, *what), *what);
        if (survived && !(SANITIZED && *what == 'w')) /* a sanitizer's runtime opens files */
            fail_msg("attack %c was not killed", *what);
        assert_true(answered(ask(*state, 'a'), 'a'));
    }
    assert_int_not_equal(access("/tmp/attestd-was-here", F_OK), 0);
}

static void test_worker_cannot_take_others_requests(void **state)
{
    assert_true(answered(ask(*state, 'd'), 'd'));
}

static void test_too_many_are_told(void **state)
{
    int fds[ZYGOTE_WORKERS_MAX + 8];
    size_t refused = 0;
    for (size_t i = 0; i < ZYGOTE_WORKERS_MAX + 8; i++)
        fds[i] = ask(*state, 'h');
    for (size_t i = 0; i < ZYGOTE_WORKERS_MAX + 8; i++) {
        struct ipc_message m owned(ipc_message_done) = { .body = buf_of(1024) };
        if (!failed(ipc_receive(fds[i], &m, 10000)) && m.type == ANSWER_FAILURE)
            refused++;
        close(fds[i]);
    }
    assert_true(refused >= 1);
    bool again = false;
    for (int i = 0; i < 200 && !again; i++) { /* until the killed ones are reaped */
        again = answered(ask(*state, 'a'), 'a');
        poll(NULL, 0, again ? 0 : 10);
    }
    assert_true(again);
}

static void test_nonsense_from_the_front(void **state)
{
    const struct running *r = *state;
    assert_int_equal(send(r->work, "\1", 1, MSG_NOSIGNAL), 1); /* no descriptor */
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_false(failed(channel_send(r->work, (enum channel_type)77, (struct span){ 0 }, ends[1])));
    close(ends[1]);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(1024) };
    assert_false(failed(ipc_receive(ends[0], &m, 5000)));
    assert_int_equal(m.type, ANSWER_FAILURE);
    close(ends[0]);
    assert_true(answered(ask(r, 'a'), 'a'));
}

/* A packet has room for a second descriptor: none of the two may stay open. */
static void test_packets_with_two_descriptors_leave_none(void **state)
{
    (void)state;
    int channel[2], pipes[2], fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
    union {
        char bytes[CMSG_SPACE(sizeof(fds))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec part = { .iov_base = "\1", .iov_len = 1 };
    struct msghdr m = { .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof(control.bytes) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
    fds[0] = fds[1] = pipes[1];
    memcpy(CMSG_DATA(c), fds, sizeof(fds));
    assert_int_equal(sendmsg(channel[0], &m, 0), 1);
    close(pipes[1]);
    enum channel_type type;
    int fd = -1;
    assert_int_equal(channel_receive(channel[1], &type, NULL, &fd).kind, FAIL_INPUT);
    assert_int_equal(fd, -1);
    char byte;
    assert_int_equal(read(pipes[0], &byte, 1), 0); /* no writer is left */
    close(pipes[0]);
    close(channel[0]);
    close(channel[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, start, stop),
        cmocka_unit_test_setup_teardown(test_crash_fails_alone, start, stop),
        cmocka_unit_test_setup_teardown(test_hang_ends_by_the_deadline, start, stop),
        cmocka_unit_test_setup_teardown(test_attackers_are_killed, start, stop),
        cmocka_unit_test_setup_teardown(test_worker_cannot_take_others_requests, start, stop),
        cmocka_unit_test_setup_teardown(test_too_many_are_told, start, stop),
        cmocka_unit_test_setup_teardown(test_nonsense_from_the_front, start, stop),
        cmocka_unit_test(test_packets_with_two_descriptors_leave_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
