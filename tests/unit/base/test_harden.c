// SPDX-License-Identifier: Apache-2.0
/* Each sandbox is entered by a child that then does one thing, and is killed, refused, or not. */
#include "base/harden.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/json.h"
#include "unit.h"

#include "sandboxed_child.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* What a child may do: 0 done, 1 refused by an error. */
static int pair[2];

static int do_compute(void)
{
    struct ipc_message m owned(ipc_message_done) = { 0 };
    owned(json_free) json_t *j = NULL;
    uint8_t random[16];

    if (failed(json_parse(SPAN("{\"a\":[1,2,3]}"), &j)))
        return 1;
    char *text owned(free) = json_text(j);
    void *big = malloc(8 << 20), *bigger = realloc(big, 32 << 20);
    memset(bigger, 1, 32 << 20);
    free(bigger);
    if (failed(ipc_send(pair[0], 1, 1, span_str(text), 1000)) ||
        failed(ipc_receive(pair[1], &m, 1000)))
        return 1;
    usleep(1000);
    fprintf(stderr, "a line of the log\n");
    return clock_now() == 0 || clock_monotonic_us() == 0 ||
           syscall(SYS_getrandom, random, 16, 0) != 16;
}

static int do_read_file(void)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0;
}

static int do_write_file(void)
{
    struct buf b owned(buf_done) = buf_of(64);
    char path[64];
    snprintf(path, sizeof(path), "/tmp/warder-harden-%d", (int)getpid());
    if (failed(file_write(path, SPAN("x"), 0600)) || failed(file_read(path, &b)))
        return 1;
    return unlink(path);
}

static int do_inet(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int do_inet6(void)
{
    return socket(AF_INET6, SOCK_DGRAM, 0) < 0;
}

static int do_unix(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static int do_packet(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0;
}

static int do_alg(void)
{
    return socket(AF_ALG, SOCK_SEQPACKET, 0) < 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int do_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}

static int do_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid < 0;
}

static int do_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return 1;
}

static int do_ptrace(void)
{
    return ptrace(PTRACE_ATTACH, getppid(), 0, 0) < 0;
}

static int do_read_memory(void)
{
    char to[8];
    struct iovec local = { to, 8 }, remote = { (void *)&pair, 8 };
    return syscall(SYS_process_vm_readv, getppid(), &local, 1, &remote, 1, 0) < 0;
}

static int do_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
}

static int do_write_exec_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) == MAP_FAILED;
}

static int do_make_exec(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int do_mount(void)
{
    return (int)syscall(SYS_mount, "none", "/tmp/none", "tmpfs", 0, NULL);
}

static int do_unshare(void)
{
    return (int)syscall(SYS_unshare, 0x10000000);
}

static int do_module(void)
{
    return (int)syscall(SYS_init_module, NULL, 0, "");
}

static int do_bpf(void)
{
    return syscall(SYS_bpf, 0, NULL, 0) < 0;
}

static int do_perf(void)
{
    return syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0) < 0;
}

static int do_keyctl(void)
{
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0;
}

static int do_userfaultfd(void)
{
    return syscall(SYS_userfaultfd, 0) < 0;
}

static int do_uring(void)
{
    return syscall(SYS_io_uring_setup, 1, NULL) < 0;
}

static int do_clone3(void)
{
    return syscall(SYS_clone3, NULL, 0) >= 0;
}

static int do_socket_pair(void)
{
    int fds[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
}

static int do_dup(void)
{
    return dup2(pair[0], pair[1]) < 0;
}

static int do_close_range(void)
{
    return (int)syscall(SYS_close_range, 100, ~0U, 0);
}

static int do_other_filter(void)
{
    return syscall(SYS_seccomp, 0xff, 0, NULL) >= 0;
}

static int do_name(void)
{
    return prctl(PR_SET_NAME, "other");
}

static int do_kill_parent(void)
{
    return kill(getppid(), 0);
}

static int do_abort(void)
{
    signal(SIGABRT, SIG_DFL);
    abort();
}

enum { KILLED = -SIGSYS, DONE = 0, ABORTED = -SIGABRT };

static const struct {
    const char *name;
    int (*act)(void);
    int wanted[SANDBOX_NETWORK + 1]; /* compute, store, network */
    bool not_sanitized;              /* a sanitizer's runtime may do this */
} rows[] = {
    { "compute", do_compute, { DONE, DONE, DONE }, false },
    { "abort", do_abort, { ABORTED, ABORTED, ABORTED }, false },
    { "read a file", do_read_file, { KILLED, DONE, DONE }, true },
    { "write a file", do_write_file, { KILLED, DONE, DONE }, true },
    { "Internet socket", do_inet, { KILLED, KILLED, DONE }, false },
    { "Internet socket, version 6", do_inet6, { KILLED, KILLED, DONE }, false },
    { "Unix socket", do_unix, { KILLED, DONE, DONE }, false },
    { "packet socket", do_packet, { KILLED, KILLED, KILLED }, false },
    { "kernel crypto socket", do_alg, { KILLED, KILLED, KILLED }, false },
    { "thread", do_thread, { KILLED, DONE, DONE }, true },
    { "fork", do_fork, { KILLED, KILLED, DONE }, true },
    { "exec", do_exec, { KILLED, KILLED, KILLED }, false },
    { "ptrace", do_ptrace, { KILLED, KILLED, KILLED }, true },
    { "another's memory", do_read_memory, { KILLED, KILLED, KILLED }, false },
    { "executable memory", do_exec_memory, { KILLED, KILLED, DONE }, true },
    { "writable executable memory", do_write_exec_memory, { KILLED, KILLED, KILLED }, true },
    { "memory made executable", do_make_exec, { KILLED, KILLED, DONE }, true },
    { "mount", do_mount, { KILLED, KILLED, KILLED }, false },
    { "unshare", do_unshare, { KILLED, KILLED, KILLED }, false },
    { "module", do_module, { KILLED, KILLED, KILLED }, false },
    { "bpf", do_bpf, { KILLED, KILLED, KILLED }, false },
    { "perf", do_perf, { KILLED, KILLED, KILLED }, false },
    { "keyctl", do_keyctl, { KILLED, KILLED, KILLED }, false },
    { "userfaultfd", do_userfaultfd, { KILLED, KILLED, KILLED }, false },
    { "io_uring", do_uring, { KILLED, KILLED, KILLED }, false },
    { "new kind of fork", do_clone3, { KILLED, DONE, DONE }, false },
    { "pair of sockets", do_socket_pair, { KILLED, DONE, DONE }, false },
    { "copy of a descriptor", do_dup, { KILLED, DONE, DONE }, false },
    { "many descriptors closed", do_close_range, { KILLED, KILLED, DONE }, false },
    { "another filter", do_other_filter, { KILLED, KILLED, DONE }, false },
    { "name of the process", do_name, { KILLED, DONE, DONE }, true },
    { "signal to the parent", do_kill_parent, { KILLED, DONE, DONE }, true },
};

static void __attribute__((noreturn)) act_in(int (*act)(void), enum sandbox_kind kind)
{
    bool enforced = false;
    if (failed(harden_syscalls(kind, &enforced)))
        _exit(100);
    _exit(enforced ? act() : 101);
}

static int exit_of(pid_t pid)
{
    int status = 0;
    return waitpid(pid, &status, 0) != pid ? 102
           : WIFSIGNALED(status)           ? -WTERMSIG(status)
                                           : WEXITSTATUS(status);
}

/* Exit status of a child, or minus its signal. */
static int in_child(int (*act)(void), enum sandbox_kind kind)
{
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSYS, SIG_DFL);
        if (failed(harden_process()))
            _exit(100);
        act_in(act, kind);
    }
    return exit_of(pid);
}

/* The same in a child of a process in SANDBOX_FORK, as a verify worker is one: its own filter is
 * only the difference. */
static int in_grandchild(int (*act)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        bool enforced = false;
        signal(SIGSYS, SIG_DFL);
        if (failed(harden_process()) || failed(harden_syscalls_prepare(SANDBOX_COMPUTE)) ||
            failed(harden_syscalls(SANDBOX_FORK, &enforced)))
            _exit(100);
        pid_t below = fork();
        if (below == 0)
            act_in(act, SANDBOX_COMPUTE);
        int got = exit_of(below);
        _exit(got < 0 ? 128 - got : got);
    }
    int got = exit_of(pid);
    return got > 128 ? 128 - got : got;
}

static void test_compute_below_fork(void **state)
{
    unsigned bad = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (SANITIZED && rows[i].not_sanitized)
            continue;
        int got = in_grandchild(rows[i].act);
        if (got != rows[i].wanted[SANDBOX_COMPUTE]) {
            print_error("%s: %d, not %d\n", rows[i].name, got, rows[i].wanted[SANDBOX_COMPUTE]);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void check_rows(enum sandbox_kind kind)
{
    unsigned bad = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (SANITIZED && rows[i].not_sanitized)
            continue;
        int got = in_child(rows[i].act, kind);
        if (got != rows[i].wanted[kind]) {
            print_error("%s: %d, not %d\n", rows[i].name, got, rows[i].wanted[kind]);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void test_compute(void **state)
{
    (void)state;
    check_rows(SANDBOX_COMPUTE);
}

static void test_store(void **state)
{
    (void)state;
    check_rows(SANDBOX_STORE);
}

static void test_network(void **state)
{
    (void)state;
    check_rows(SANDBOX_NETWORK);
}

/* A parent that starts programs may do that, and nothing else that NETWORK may not. */
static void test_start(void **state)
{
    (void)state;
    assert_int_not_equal(in_child(do_exec, SANDBOX_START), KILLED);
    static int (*const refused[])(void) = { do_mount, do_unshare, do_module,      do_bpf,
                                            do_perf,  do_keyctl,  do_userfaultfd, do_uring };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        assert_int_equal(in_child(refused[i], SANDBOX_START), KILLED);
}

static volatile bool go;

static void *misbehave_later(void *arg)
{
    while (!go)
        usleep(1000);
    return (void *)(intptr_t)socket(AF_INET, SOCK_STREAM, 0) == NULL ? arg : NULL;
}

static int act_with_a_thread_from_before(void)
{
    bool enforced = false;
    pthread_t t;

    pthread_create(&t, NULL, misbehave_later, NULL);
    if (failed(harden_syscalls(SANDBOX_STORE, &enforced)) || !enforced)
        return 1;
    go = true;
    pthread_join(t, NULL);
    return 0;
}

static void test_threads_that_are_there_are_held_too(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(act_with_a_thread_from_before());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void test_process(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit r;
        if (failed(harden_process()))
            _exit(1);
        if (getrlimit(RLIMIT_CORE, &r) || r.rlim_cur || r.rlim_max)
            _exit(2);
        if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
            _exit(3);
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
            _exit(4);
        _exit(umask(0) == 077 ? 0 : 5);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static char dir[] = "/tmp/warder-landlock-XXXXXX";

static bool can_read(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool can_write(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return !failed(file_write(path, SPAN("new"), 0600));
}

static bool can_overwrite(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static int act_on_files(void)
{
    char readable[128], writable[128], one[128], absent[128];
    bool enforced = false;

    snprintf(readable, sizeof(readable), "%s/readable", dir);
    snprintf(writable, sizeof(writable), "%s/writable", dir);
    snprintf(one, sizeof(one), "%s/other/one", dir);
    snprintf(absent, sizeof(absent), "%s/absent", dir);
    if (failed(harden_files((const char *[]){ readable, one, absent, NULL },
                            (const char *[]){ writable, NULL }, &enforced)))
        return 1;
    if (!enforced)
        return NO_LANDLOCK;
    if (!can_read("readable/a") || !can_read("writable/a") || !can_read("other/one"))
        return 2;
    if (!can_write("writable/a") || !can_write("writable/new") || !can_overwrite("writable/a"))
        return 3;
    if (can_read("other/a") || can_write("other/new") || can_overwrite("other/a"))
        return 4;
    if (can_write("readable/new") || can_overwrite("readable/a") || can_overwrite("other/one"))
        return 5;
    execl("/bin/true", "true", (char *)NULL); /* nothing may be executed */
    return 0;
}

static void test_files(void **state)
{
    (void)state;
    static const char *const folders[] = { "readable", "writable", "other" };
    char path[128];

    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/%s/a", dir, folders[i]);
        assert_ok(file_write(path, SPAN("a"), 0600));
    }
    snprintf(path, sizeof(path), "%s/other/one", dir);
    assert_ok(file_write(path, SPAN("1"), 0600));

    assert_good_in_child(act_on_files);
    snprintf(path, sizeof(path), "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

/* A worker enters its sandbox for each request. */
static void test_prepared_filter_is_quick(void **state)
{
    (void)state;
    assert_ok(harden_syscalls_prepare(SANDBOX_COMPUTE));
    int64_t best = INT64_MAX;
    for (int i = 0; i < 5; i++) {
        int fds[2];
        int64_t took = 0;
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
            bool enforced;
            int64_t begin = clock_monotonic_us();
            struct err e = harden_syscalls(SANDBOX_COMPUTE, &enforced);
            took = clock_monotonic_us() - begin;
            _exit(failed(e) || write(fds[1], &took, sizeof(took)) != sizeof(took));
        }
        assert_int_equal(read(fds[0], &took, sizeof(took)), sizeof(took));
        waitpid(pid, NULL, 0);
        close(fds[0]);
        close(fds[1]);
        best = took < best ? took : best;
    }
    print_message("entered in %d us\n", (int)best);
    assert_true(best < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_compute),
        cmocka_unit_test(test_compute_below_fork),
        cmocka_unit_test(test_store),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_threads_that_are_there_are_held_too),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_prepared_filter_is_quick),
    };
    json_start();
    if (failed(ipc_pair(pair)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
