// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/harden.h"
#include "base/owned.h"

#define ABI_RIGHTS_MAX 5

/* Rights that came with later versions than the oldest kernel headers we build with. */
#define RIGHT_REFER (1ULL << 13)
#define RIGHT_TRUNCATE (1ULL << 14)
#define RIGHT_IOCTL_DEV (1ULL << 15)

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE                                                                               \
    (RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |  \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
     RIGHT_REFER | RIGHT_TRUNCATE)
#define RIGHTS_RUN (RIGHTS_READ | LANDLOCK_ACCESS_FS_EXECUTE)
/* What may be granted on something that is not a folder. */
#define RIGHTS_OF_FILE                                                                             \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE |   \
     RIGHT_TRUNCATE | RIGHT_IOCTL_DEV)

/* All rights that version `abi` of the interface knows: all of them are taken away first. */
static uint64_t rights_of_abi(long abi)
{
    static const uint64_t all[ABI_RIGHTS_MAX + 1] = {
        0,
        (1ULL << 13) - 1,
        (1ULL << 14) - 1, /* + refer */
        (1ULL << 15) - 1, /* + truncate */
        (1ULL << 15) - 1, /* network rules only */
        (1ULL << 16) - 1, /* + ioctl on devices */
    };

    return all[abi > ABI_RIGHTS_MAX ? ABI_RIGHTS_MAX : abi];
}

static fallible allow_path(int rules, const char *path, uint64_t rights)
{
    int fd owned(fd_close) = open(path, O_PATH | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return OK; /* what is not there needs no right */
    if (fd < 0 || fstat(fd, &st) < 0)
        return FAIL(SYSTEM, "a path of the sandbox cannot be opened");
    struct landlock_path_beneath_attr rule = {
        .parent_fd = fd,
        .allowed_access = S_ISDIR(st.st_mode) ? rights : rights & RIGHTS_OF_FILE,
    };
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return FAIL(SYSTEM, "a path cannot be added to the sandbox");
    return OK;
}

static fallible allow_paths(int rules, const char *const *paths, uint64_t rights)
{
    for (; paths && *paths; paths++)
        TRY(allow_path(rules, *paths, rights));
    return OK;
}

fallible harden_files_and_programs(const char *const *readable, const char *const *writable,
                                   const char *const *programs, bool *enforced)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < 1) {
        *enforced = false;
        return OK;
    }
    struct landlock_ruleset_attr attr = { .handled_access_fs = rights_of_abi(abi) };
    int rules owned(fd_close) =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
    if (rules < 0)
        return FAIL(SYSTEM, "the sandbox for files cannot be made");
    TRY(allow_paths(rules, readable, RIGHTS_READ & attr.handled_access_fs));
    TRY(allow_paths(rules, writable, RIGHTS_WRITE & attr.handled_access_fs));
    TRY(allow_paths(rules, programs, RIGHTS_RUN & attr.handled_access_fs));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, rules, 0) < 0)
        return FAIL(SYSTEM, "the sandbox for files cannot be entered");
    *enforced = true;
    return OK;
}

fallible harden_files(const char *const *readable, const char *const *writable, bool *enforced)
{
    return harden_files_and_programs(readable, writable, NULL, enforced);
}
