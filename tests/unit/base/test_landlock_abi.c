// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox for files as older kernels give it: the lowest that is promised (6.1, version 2 of
 * Landlock's interface), the first that had it (5.13, version 1), and one without. This kernel stands
 * in for them: it says an older version of itself, and refuses what that one did not know.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long version_said;

static long old_kernel(long number, ...)
{
    void *a[5];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 5; i++)
        a[i] = va_arg(list, void *);
    va_end(list);
    if (number == SYS_landlock_create_ruleset && !a[0]) {
        long real = syscall(number, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        return real < 1 || version_said < 1 ? -1 : real < version_said ? real : version_said;
    }
    if (number == SYS_landlock_create_ruleset) {
        const struct landlock_ruleset_attr *attr = a[0];
        if (attr->handled_access_fs >> (version_said == 1 ? 13 : version_said == 2 ? 14 : 63)) {
            errno = EINVAL;
            return -1;
        }
    }
    return syscall(number, a[0], a[1], a[2], a[3], a[4]);
}

#define syscall old_kernel
#include "../../../src/base/landlock_linux.c"
#undef syscall

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

#include "sandboxed_child.h"

static char dir[] = "/tmp/warder-landlock-XXXXXX";

static bool can(const char *name, int flags)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static bool can_rename(const char *from, const char *to)
{
    char a[256], b[256];
    snprintf(a, sizeof(a), "%s/%s", dir, from);
    snprintf(b, sizeof(b), "%s/%s", dir, to);
    return rename(a, b) == 0;
}

static int act(void)
{
    char readable[256], writable[256];
    bool enforced = true;
    snprintf(readable, sizeof(readable), "%s/readable", dir);
    snprintf(writable, sizeof(writable), "%s/writable", dir);
    if (failed(harden_files((const char *[]){ readable, NULL }, (const char *[]){ writable, NULL },
                            &enforced)))
        return 1;
    if (!enforced)
        return version_said < 1 ? 0 : NO_LANDLOCK;
    if (!can("readable/a", O_RDONLY) || !can("writable/a", O_RDWR) ||
        !can("writable/new", O_CREAT | O_WRONLY))
        return 2;
    if (can("other/a", O_RDONLY) || can("other/a", O_WRONLY) || can("readable/a", O_WRONLY) ||
        can("other/new", O_CREAT | O_WRONLY) || can("readable/new", O_CREAT | O_WRONLY))
        return 3;
    if (can_rename("other/a", "writable/b") || can_rename("writable/a", "other/b") ||
        can_rename("readable/a", "writable/b"))
        return 4;
    execl("/bin/true", "true", (char *)NULL);
    return 0;
}

static void check(long version)
{
    version_said = version;
    assert_good_in_child(act);
}

static void test_versions(void **state)
{
    static const char *const names[] = { "readable", "writable", "other" };
    char path[256];
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        static const char *const files[] = { "readable/a", "writable/a", "other/a" };
        assert_true(can(files[i], O_CREAT | O_WRONLY));
    }
    for (long version = 0; version <= 2; version++)
        check(version);
    snprintf(path, sizeof(path), "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_versions) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
