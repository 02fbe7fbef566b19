// SPDX-License-Identifier: Apache-2.0
#include "base/ipc.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "unit.h"

static int pair[2];

static int setup(void **state)
{
    (void)state;
    assert_ok(ipc_pair(pair));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct span bodies[] = { SPAN(""), SPAN("x"), SPAN("a body\0with a NUL") };
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(64) };

    for (size_t i = 0; i < 3; i++) {
        assert_ok(ipc_send(pair[0], 0x1234, 0xfedcba98, bodies[i], 1000));
        assert_ok(ipc_receive(pair[1], &m, i ? 1000 : IPC_FOREVER));
        assert_int_equal(m.type, 0x1234);
        assert_int_equal(m.id, 0xfedcba98);
        assert_true(span_equal(buf_span(&m.body), bodies[i]));
    }
}

static void *sender(void *arg)
{
    struct err e = ipc_send(pair[0], 1, 2, *(struct span *)arg, 5000);
    return (void *)(uintptr_t)e.kind;
}

static void test_large_body_in_pieces(void **state) /* far larger than the socket's buffer */
{
    (void)state;
    struct buf big owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { 0 };
    pthread_t t;
    void *rc;

    assert_non_null(buf_extend(&big, IPC_BODY_MAX));
    memset(big.at, 0x5a, big.len);
    struct span body = buf_span(&big);
    pthread_create(&t, NULL, sender, &body);
    assert_ok(ipc_receive(pair[1], &m, 5000));
    pthread_join(t, &rc);
    assert_null(rc);
    assert_true(span_equal(buf_span(&m.body), body));
    buf_add_u8(&big, 1);
    assert_fails(ipc_send(pair[0], 1, 2, span_from(big.at, IPC_BODY_MAX + 1U), 0), FAIL_LIMIT);
}

static void test_every_prefix_fails(void **state)
{
    (void)state;
    const uint8_t frame[] = { 0, 0, 0, 9, 0, 7, 0, 0, 0, 1, 'a', 'b', 'c' };

    for (size_t len = 0; len < sizeof(frame); len++) {
        int fds[2];
        struct ipc_message m owned(ipc_message_done) = { .type = 99, .body = buf_of(64) };
        assert_ok(ipc_pair(fds));
        assert_int_equal(write(fds[0], frame, len), len);
        close(fds[0]);
        assert_fails(ipc_receive(fds[1], &m, 1000), FAIL_UPSTREAM);
        assert_int_equal(m.type, 99); /* unchanged */
        close(fds[1]);
    }
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(64) };
    assert_int_equal(write(pair[0], frame, sizeof(frame)), sizeof(frame));
    assert_ok(ipc_receive(pair[1], &m, 1000));
    assert_int_equal(m.type, 7);
}

static void test_bad_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t length;
        size_t max;
        uint32_t wanted;
    } rows[] = {
        { "shorter than its own head", 5, 64, FAIL_INPUT },
        { "zero", 0, 64, FAIL_INPUT },
        { "one above the caller's maximum", 6 + 65, 64, FAIL_INPUT },
        { "one above our maximum", 6 + IPC_BODY_MAX + 1, 0, FAIL_INPUT },
        { "all ones", 0xffffffff, 0, FAIL_INPUT },
        { "at the maximum, nothing follows", 6 + 64, 64, FAIL_UPSTREAM },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fds[2];
        uint32_t l = __builtin_bswap32(rows[i].length);
        uint8_t head[IPC_HEAD_SIZE] = { 0 };
        struct ipc_message m owned(ipc_message_done) = { .body = buf_of(rows[i].max) };
        memcpy(head, &l, 4);
        assert_ok(ipc_pair(fds));
        assert_int_equal(write(fds[0], head, sizeof(head)), sizeof(head));
        close(fds[0]);
        print_message("  %s\n", rows[i].name);
        assert_fails(ipc_receive(fds[1], &m, 1000), rows[i].wanted);
        close(fds[1]);
    }
}

static void test_deadline_covers_the_whole_call(void **state)
{
    (void)state;
    struct ipc_message m owned(ipc_message_done) = { 0 };
    int64_t start = clock_monotonic_us();

    assert_int_equal(write(pair[0], "\0\0\0", 3), 3);
    assert_fails(ipc_receive(pair[1], &m, 30), FAIL_UPSTREAM);
    assert_true(clock_monotonic_us() - start >= 29000);
}

static void test_send_to_a_full_socket_times_out(void **state)
{
    (void)state;
    struct buf big owned(buf_done) = buf_of(IPC_BODY_MAX);

    assert_non_null(buf_extend(&big, IPC_BODY_MAX));
    assert_fails(ipc_send(pair[0], 1, 1, buf_span(&big), 30), FAIL_UPSTREAM);
}

static void test_send_to_the_dead_fails_without_a_signal(void **state)
{
    (void)state;
    close(pair[1]);
    assert_fails(ipc_send(pair[0], 1, 1, SPAN("x"), 1000), FAIL_UPSTREAM);
    pair[1] = -1;
}

static void on_alarm(int n)
{
    (void)n;
}

static void *interrupt(void *arg)
{
    pthread_t *whom = arg;

    for (int i = 0; i < 5; i++) {
        usleep(2000);
        pthread_kill(*whom, SIGUSR1);
    }
    struct err e = ipc_send(pair[0], 5, 5, SPAN("late"), 1000);
    (void)e;
    return NULL;
}

static void test_signals_do_not_end_a_wait(void **state)
{
    (void)state;
    struct sigaction a = { .sa_handler = on_alarm };
    struct ipc_message m owned(ipc_message_done) = { 0 };
    pthread_t self = pthread_self(), t;

    sigaction(SIGUSR1, &a, NULL);
    for (int round = 0; round < 2; round++) {
        pthread_create(&t, NULL, interrupt, &self);
        assert_ok(ipc_receive(pair[1], &m, round ? 2000 : IPC_FOREVER));
        pthread_join(t, NULL);
    }
}

static void test_listen_and_credentials(void **state)
{
    (void)state;
    char dir[] = "/tmp/warder-ipc-XXXXXX", path[64];
    int listener = -1, again = -1, client = -1, server = -1;
    struct stat st;
    struct ipc_peer peer;

    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s", dir);
    assert_fails(ipc_connect(path, &client), FAIL_UPSTREAM);
    assert_ok(ipc_listen(path, 0600, &listener));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_fails(ipc_listen(path, 0600, &again), FAIL_CONFLICT); /* alive */

    assert_ok(ipc_connect(path, &client));
    assert_ok(ipc_accept(listener, &server));
    assert_ok(ipc_peer_of(server, &peer));
    assert_int_equal(peer.uid, getuid());
    assert_int_equal(peer.gid, getgid());
    assert_int_equal(peer.pid, getpid());
    close(client);
    close(server);
    close(listener);

    assert_ok(ipc_listen(path, 0660, &listener)); /* the file of the dead one is replaced */
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    close(listener);
    unlink(path);
    FILE *other = fopen(path, "w");
    fclose(other);
    assert_fails(ipc_listen(path, 0600, &listener), FAIL_CONFLICT);
    unlink(path);
    rmdir(dir);

    char long_path[200];
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = '\0';
    assert_fails(ipc_listen(long_path, 0600, &listener), FAIL_INPUT);
    assert_fails(ipc_connect(long_path, &client), FAIL_INPUT);
    assert_true(failed(ipc_peer_of(0, &peer)));
}

static void test_descriptors_close_on_exec(void **state)
{
    (void)state;
    assert_int_equal(fcntl(pair[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(pair[1], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_large_body_in_pieces),
        TEST(test_every_prefix_fails),
        TEST(test_bad_lengths),
        TEST(test_deadline_covers_the_whole_call),
        TEST(test_send_to_a_full_socket_times_out),
        TEST(test_send_to_the_dead_fails_without_a_signal),
        TEST(test_signals_do_not_end_a_wait),
        TEST(test_listen_and_credentials),
        TEST(test_descriptors_close_on_exec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
