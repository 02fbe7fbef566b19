// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/number_internal.h"
#include "base/owned.h"

#define FIRST_PASSED 3 /* sd_listen_fds(3), SD_LISTEN_FDS_START */

/* A path, or "@name" in the abstract space. 0: neither. */
static socklen_t address_of(const char *where, struct sockaddr_un *out)
{
    size_t len = where ? strlen(where) : 0;

    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (len < 2 || len >= sizeof(out->sun_path) || (where[0] != '/' && where[0] != '@'))
        return 0;
    memcpy(out->sun_path, where, len);
    if (where[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void service_manager_tell(const char *state)
{
    struct sockaddr_un to;
    socklen_t len = address_of(getenv("NOTIFY_SOCKET"), &to);
    struct iovec text = { .iov_base = (void *)state, .iov_len = strlen(state) };
    struct msghdr m = { .msg_name = &to, .msg_namelen = len, .msg_iov = &text, .msg_iovlen = 1 };

    if (!len)
        return;
    int fd owned(fd_close) = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendmsg(fd, &m, MSG_NOSIGNAL);
}

static bool is_for_us(const char *pid, const char *count, uint64_t *fds)
{
    uint64_t wanted = 0;

    return pid && count && number_parse(span_str(pid), &wanted) && wanted == (uint64_t)getpid() &&
           number_parse(span_str(count), fds);
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

fallible service_manager_socket(int type, int *fd)
{
    uint64_t count = 0;
    bool ours = is_for_us(getenv("LISTEN_PID"), getenv("LISTEN_FDS"), &count);

    *fd = -1;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours || !count)
        return OK;
    if (count > 1)
        return FAIL(INPUT, "more than one socket was passed");
    if (option_of(FIRST_PASSED, SO_DOMAIN) != AF_UNIX || option_of(FIRST_PASSED, SO_TYPE) != type ||
        option_of(FIRST_PASSED, SO_ACCEPTCONN) != 1)
        return FAIL(INPUT, "the passed socket is not a listening Unix socket of the right type");
    if (fcntl(FIRST_PASSED, F_SETFD, FD_CLOEXEC))
        return FAIL(SYSTEM, "the passed socket cannot be kept from other programs");
    *fd = FIRST_PASSED;
    return OK;
}
