// SPDX-License-Identifier: Apache-2.0
#include "cli/dev.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"

#define WAIT_US 15000000
#define DIR_MAX 80
#define STOP_US 6000000

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
}

fallible dev_place(struct dev *d, const char *dir)
{
    char self[PATH_MAX] = "", full[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash = len > 0 ? strrchr(self, '/') : NULL;

    if (!slash || !realpath(dir, full))
        return FAIL(SYSTEM, "the folder cannot be found");
    if (strlen(full) >= DIR_MAX)
        return FAIL(LIMIT, "the folder's path must be shorter than 80 characters (sockets live in "
                           "it)");
    *slash = '\0';
    snprintf(d->dir, sizeof(d->dir), "%s", full);
    snprintf(d->bin, sizeof(d->bin), "%.*s", (int)sizeof(d->bin) - 1, self);
    return OK;
}

const char *dev_path(const struct dev *d, char out[1024], const char *format, ...)
{
    char tail[512];
    va_list args;
    va_start(args, format);
    vsnprintf(tail, sizeof(tail), format, args);
    va_end(args);
    assert(strlen(d->dir) + strlen(tail) + 2 <=
           1024); /* the folder's length is bounded when it is chosen */
    stpcpy(stpcpy(stpcpy(out, d->dir), "/"), tail);
    return out;
}

fallible dev_write(const struct dev *d, const char *relative, struct span text, mode_t mode)
{
    char path[1024];
    return file_write(dev_path(d, path, "%s", relative), text, mode);
}

void dev_say(const struct dev *d, const char *format, ...)
{
    if (d->quiet || d->json)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

fallible dev_program(const struct dev *d, const char *name, char out[1024])
{
    static const char *const folders[] = { ".", "../sbin", "../bin", "../libexec/warder" };
    for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
        snprintf(out, 1024, "%s/%s/%s", d->bin, folders[i], name);
        if (access(out, X_OK) == 0)
            return OK;
    }
    snprintf(out, 1024, "%s/../%s/%s", d->bin, name, name); /* BUILD/programs/NAME/NAME */
    if (access(out, X_OK) == 0)
        return OK;
    snprintf(out, 1024, "%s/../../tools/%s/%s", d->bin, name, name);
    return access(out, X_OK) == 0
               ? OK
               : FAIL(ABSENT,
                      "the program is neither installed beside warder nor in its build tree");
}

static void child_exec(const struct dev *d, const char *const *argv, int out, const char *log)
{
    char path[1024];
    int err =
        open(dev_path(d, path, "log/%s.log", log), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(in, 0);
    dup2(out >= 0 ? out : err, 1);
    dup2(err, 2);
    execv(argv[0], (char *const *)argv);
    dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

fallible dev_run(const struct dev *d, const char *const *argv, struct buf *out)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return FAIL(SYSTEM, "no pipe");
    pid_t pid = fork();
    if (pid == 0)
        child_exec(d, argv, fds[1], "dev");
    close(fds[1]);
    int from owned(fd_close) = fds[0];
    if (pid < 0)
        return FAIL(SYSTEM, "cannot fork");
    uint8_t block[4096];
    for (ssize_t n; (n = read(from, block, sizeof(block))) > 0 || (n < 0 && errno == EINTR);)
        if (out && n > 0)
            buf_add(out, span_from(block, (size_t)n));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? OK
               : FAIL(SYSTEM, "a program failed; log/dev.log says why");
}

fallible dev_spawn(const struct dev *d, const char *name, const char *const *argv)
{
    char path[1024], number[16];
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        child_exec(d, argv, -1, name);
    }
    if (pid < 0)
        return FAIL(SYSTEM, "cannot fork");
    snprintf(number, sizeof(number), "%d\n", (int)pid);
    return file_write(dev_path(d, path, "run/%s.pid", name), span_str(number), 0600);
}

/* The state letter of proc(5), 0 when there is no such process. */
static char process_state(pid_t pid)
{
    char path[64];
    struct buf text owned(buf_done) = buf_of(4096);

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (failed(file_read(path, &text)))
        return 0;
    const char *end = strrchr(buf_str(&text), ')');
    return end && end[1] ? end[2] : 0;
}

/* A pid file may be stale: the process must still be one that was started for this system, by its
 * command line, which is empty for a moment while a program starts. */
bool dev_alive(const struct dev *d, const char *name, pid_t *pid)
{
    char path[1024];
    struct buf text owned(buf_done) = buf_of(64), command owned(buf_done) = buf_of(16U << 10);

    if (failed(file_read(dev_path(d, path, "run/%s.pid", name), &text)))
        return false;
    *pid = (pid_t)strtol(buf_str(&text), NULL, 10);
    waitpid(*pid, NULL, WNOHANG); /* ours when up failed half-way */
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)*pid);
    char state = *pid > 1 ? process_state(*pid) : 0;
    if (!state || state == 'Z' || failed(file_read(path, &command)))
        return false;
    return !command.len || span_find(buf_span(&command), span_str(d->dir)) < command.len;
}

void dev_stop(const struct dev *d, const char *name)
{
    char path[1024];
    pid_t pid;
    int64_t until = clock_monotonic_us() + STOP_US;

    if (dev_alive(d, name, &pid)) {
        kill(pid, SIGTERM);
        while (dev_alive(d, name, &pid) && clock_monotonic_us() < until)
            nap();
        if (dev_alive(d, name, &pid))
            kill(pid, SIGKILL);
        if (!strcmp(name, "pykmip"))
            kill(-pid, SIGKILL); /* its child outlives it, in the session that dev_spawn() made */
        while (dev_alive(d, name, &pid) && clock_monotonic_us() < until + STOP_US)
            nap();
    }
    unlink(dev_path(d, path, "run/%s.pid", name));
}

static fallible wait_for(const struct dev *d, const char *name, const struct sockaddr *address,
                         socklen_t len)
{
    int64_t until = clock_monotonic_us() + WAIT_US;
    pid_t pid;

    while (clock_monotonic_us() < until) {
        int fd owned(fd_close) = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, address, len) == 0)
            return OK;
        if (!dev_alive(d, name, &pid))
            return FAIL(SYSTEM, "the program ended at its start; its log says why");
        nap();
    }
    return FAIL(UPSTREAM, "the program does not listen after 15 seconds; its log says why");
}

fallible dev_wait_port(const struct dev *d, const char *name, uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    return wait_for(d, name, (struct sockaddr *)&at, sizeof(at));
}

fallible dev_wait_socket(const struct dev *d, const char *name, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(at.sun_path))
        return FAIL(LIMIT,
                    "the path of a socket is too long (107 characters): choose a shorter --dir");
    strcpy(at.sun_path, path);
    return wait_for(d, name, (struct sockaddr *)&at, sizeof(at));
}

fallible dev_port_free(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd owned(fd_close) = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0)
        return FAIL(SYSTEM, "no socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
               sizeof on); /* what lingers of closed connections is no obstacle */
    return bind(fd, (struct sockaddr *)&at, sizeof(at)) && errno == EADDRINUSE
               ? FAIL(CONFLICT, "its port is taken by another program: stop that one, or choose "
                                "others with --ports N")
               : OK;
}
