// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define READ_STEP 16384

static fallible open_for_reading(const char *path, int *out)
{
    if (strcmp(path, "-") == 0) {
        *out = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        return *out < 0 ? FAIL(SYSTEM, "standard input is closed") : OK;
    }
    *out = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (*out >= 0)
        return OK;
    return errno == ENOENT || errno == ENOTDIR ? FAIL(ABSENT, "no such file")
                                               : FAIL(SYSTEM, "cannot open the file");
}

fallible file_read(const char *path, struct buf *out)
{
    int fd owned(fd_close) = -1;
    size_t before = out->len;
    struct err e = open_for_reading(path, &fd);

    if (failed(e))
        return e;
    for (;;) {
        uint8_t chunk[READ_STEP];
        ssize_t got = read(fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            e = FAIL(SYSTEM, "cannot read the file");
        if (got <= 0)
            break;
        buf_add(out, span_from(chunk, (size_t)got));
        if (out->failed) {
            e = out->starved ? FAIL(SYSTEM, "memory is short")
                             : FAIL(LIMIT, "the file is larger than its stated maximum");
            break;
        }
    }
    if (failed(e) && out->at) {
        out->len = before;
        out->at[before] = 0;
    }
    return e;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len) {
        ssize_t put = write(fd, bytes.at, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes = span_tail(bytes, (size_t)put);
    }
    return true;
}

/* The folder part of a path, malloc'ed. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static fallible sync_folder(const char *path)
{
    char *folder owned(free) = folder_of(path);
    if (!folder)
        return FAIL(SYSTEM, "memory is short");
    int fd owned(fd_close) = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return FAIL(SYSTEM, "cannot sync the folder");
    return OK;
}

/* A new file beside `path` with all the bytes on disk; its name is malloc'ed. */
static fallible write_beside(const char *path, struct span bytes, mode_t mode, char **name)
{
    static atomic_uint counter;
    char *temporary owned(free) = NULL;

    if (asprintf(&temporary, "%s.%d-%u.tmp", path, (int)getpid(), atomic_fetch_add(&counter, 1)) <
        0) {
        temporary = NULL;
        return FAIL(SYSTEM, "memory is short");
    }
    int fd owned(fd_close) =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST &&
        unlink(temporary) == 0) /* left by a crashed process of the same number */
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return errno == ENOENT ? FAIL(ABSENT, "no such folder")
                               : FAIL(SYSTEM, "cannot create the file");
    /* The mode asked for, whatever the umask: public files of a process with umask 077 are for
     * others too. */
    if (fchmod(fd, mode) != 0 || !write_all(fd, bytes) || fsync(fd) != 0) {
        (void)unlink(temporary);
        return FAIL(SYSTEM, "cannot write the file");
    }
    *name = TAKE(temporary);
    return OK;
}

fallible file_write(const char *path, struct span bytes, mode_t mode)
{
    char *temporary owned(free) = NULL;

    TRY(write_beside(path, bytes, mode, &temporary));
    if (rename(temporary, path) != 0) {
        (void)unlink(temporary);
        return FAIL(SYSTEM, "cannot replace the file");
    }
    return sync_folder(path);
}

fallible file_create(const char *path, struct span bytes, mode_t mode)
{
    char *temporary owned(free) = NULL;

    TRY(write_beside(path, bytes, mode, &temporary));
    int linked = link(temporary, path);
    int why = errno;
    (void)unlink(temporary);
    if (linked != 0)
        return why == EEXIST ? FAIL(CONFLICT, "the file exists")
                             : FAIL(SYSTEM, "cannot create the file");
    return sync_folder(path);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

fallible file_make_dir(const char *path, mode_t mode)
{
    char *copy owned(free) = strdup(path);

    if (!copy)
        return FAIL(SYSTEM, "memory is short");
    for (char *at = copy; *at; at++) {
        if (*at != '/' || at == copy)
            continue;
        *at = 0;
        if (mkdir(copy, mode) != 0 && !is_folder(copy))
            return FAIL(SYSTEM, "cannot make the folder");
        *at = '/';
    }
    if (mkdir(copy, mode) != 0 && !is_folder(copy))
        return FAIL(SYSTEM, "cannot make the folder");
    return OK;
}

fallible file_check_private(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return errno == ENOENT ? FAIL(ABSENT, "no such file")
                               : FAIL(SYSTEM, "cannot look at the file");
    if (st.st_mode & 077)
        return FAIL(DENIED,
                    "a secret's file that others may use: its mode must be 0600 or stricter");
    return OK;
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct file_mark file_mark_of(const char *path)
{
    struct stat st;

    if (stat(path, &st))
        return (struct file_mark){ 0 };
    return (struct file_mark){ .inode = st.st_ino, .changed = st.st_mtim, .size = st.st_size };
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

fallible file_open_append(const char *path, mode_t mode, int *fd)
{
    int opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);

    if (opened < 0)
        return FAIL(SYSTEM, "the file cannot be opened for writing: its folder must be there and "
                            "be ours to write");
    *fd = opened;
    return OK;
}

char *file_folder(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (!path || !*path)
        return strdup("");
    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}
