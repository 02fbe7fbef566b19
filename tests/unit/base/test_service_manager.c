// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

static int listen_for(const char *where)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    size_t len = strlen(where);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    memcpy(at.sun_path, where, len);
    if (where[0] == '@')
        at.sun_path[0] = '\0';
    assert_int_equal(bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
    return fd;
}

static void hears(int fd, const char *wanted)
{
    char text[64];
    ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

    assert_int_equal(n, strlen(wanted));
    assert_memory_equal(text, wanted, strlen(wanted));
}

static void test_it_is_told(void **state)
{
    char path[64], name[64];
    const char *where[] = { path, name };

    (void)state;
    snprintf(path, sizeof(path), "/tmp/warder-notify-%d", (int)getpid());
    snprintf(name, sizeof(name), "@warder-notify-%d", (int)getpid());
    for (size_t i = 0; i < 2; i++) {
        int fd = listen_for(where[i]);
        setenv("NOTIFY_SOCKET", where[i], 1);
        service_manager_tell("READY=1\nSTATUS=serving");
        hears(fd, "READY=1\nSTATUS=serving");
        close(fd);
        service_manager_tell("STOPPING=1"); /* nobody hears: no harm */
    }
    unlink(path);
}

static void test_nobody_to_tell(void **state)
{
    static const char *const bad[] = { "", "@", "/", "relative", "vsock:2:1234" };
    char longest[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        service_manager_tell("READY=1");
    }
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/', longest[sizeof(longest) - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    service_manager_tell("READY=1");
    unsetenv("NOTIFY_SOCKET");
    service_manager_tell("READY=1");
}

static void passed(const char *pid, const char *count)
{
    char own[16];

    snprintf(own, sizeof(own), "%d", (int)getpid());
    setenv("LISTEN_PID", pid ? pid : own, 1);
    setenv("LISTEN_FDS", count, 1);
}

/* Of what is at descriptor 3. */
static void put(int fd)
{
    assert_int_equal(dup2(fd, 3), 3);
    if (fd != 3)
        close(fd);
}

static int unix_listener(int type)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_a_socket_is_taken_once(void **state)
{
    int fd;

    (void)state;
    put(unix_listener(SOCK_SEQPACKET));
    passed(NULL, "1");
    assert_ok(service_manager_socket(SOCK_SEQPACKET, &fd));
    assert_int_equal(fd, 3);
    assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
    assert_null(getenv("LISTEN_PID"));
    assert_ok(service_manager_socket(SOCK_SEQPACKET, &fd));
    assert_int_equal(fd, -1);
}

static void test_what_is_not_for_us(void **state)
{
    static const struct {
        const char *pid, *count;
    } other[] = { { "1", "1" }, { NULL, "0" }, { "", "1" }, { NULL, "" }, { NULL, "-1" }, { NULL, "1x" }, { "x", "1" }, { NULL, "99999999999999999999999" } };
    int fd;

    (void)state;
    put(unix_listener(SOCK_SEQPACKET));
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        passed(other[i].pid, other[i].count);
        assert_ok(service_manager_socket(SOCK_SEQPACKET, &fd));
        assert_int_equal(fd, -1);
    }
}

static void test_a_wrong_socket_is_refused(void **state)
{
    int fd;

    (void)state;
    put(unix_listener(SOCK_SEQPACKET));
    passed(NULL, "2");
    assert_fails(service_manager_socket(SOCK_SEQPACKET, &fd), FAIL_INPUT);
    put(unix_listener(SOCK_STREAM)); /* another type */
    passed(NULL, "1");
    assert_fails(service_manager_socket(SOCK_SEQPACKET, &fd), FAIL_INPUT);
    put(socket(AF_UNIX, SOCK_SEQPACKET, 0)); /* it does not listen */
    passed(NULL, "1");
    assert_fails(service_manager_socket(SOCK_SEQPACKET, &fd), FAIL_INPUT);
    put(open("/dev/null", O_RDONLY)); /* no socket */
    passed(NULL, "1");
    assert_fails(service_manager_socket(SOCK_SEQPACKET, &fd), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_told),
        cmocka_unit_test(test_nobody_to_tell),
        cmocka_unit_test(test_a_socket_is_taken_once),
        cmocka_unit_test(test_what_is_not_for_us),
        cmocka_unit_test(test_a_wrong_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
