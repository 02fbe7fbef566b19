// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sys/stat.h>

#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/warder-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    (void)state;
    struct buf command owned(buf_done) = buf_of(256);

    buf_addf(&command, "rm -rf %s", folder);
    return system(buf_str(&command));
}

static char *in_folder(const char *name, char *out)
{
    (void)snprintf(out, 256, "%s/%s", folder, name);
    return out;
}

static size_t files_in_folder(void)
{
    DIR *d = opendir(folder);
    size_t count = 0;

    for (struct dirent *e; (e = readdir(d));)
        count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static void write_replaces_and_create_does_not(void **state)
{
    (void)state;
    char path[256];
    struct buf b owned(buf_done) = buf_of(64);
    struct stat st;

    in_folder("f", path);
    assert_false(file_exists(path));
    assert_int_equal(file_read(path, &b).kind, FAIL_ABSENT);
    assert_false(failed(file_create(path, SPAN("one"), 0600)));
    assert_int_equal(file_create(path, SPAN("two"), 0600).kind, FAIL_CONFLICT);
    assert_false(failed(file_read(path, &b)));
    assert_string_equal(buf_str(&b), "one");
    assert_false(failed(file_write(path, SPAN("three"), 0640)));
    assert_false(failed(file_read(path, &b))); /* appends */
    assert_string_equal(buf_str(&b), "onethree");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(file_exists(path));
    assert_int_equal(files_in_folder(), 1); /* no temporary file stays */
    assert_int_equal(file_check_private(path).kind, FAIL_DENIED);
    assert_int_equal(chmod(path, 0400), 0);
    assert_false(failed(file_check_private(path)));
    assert_int_equal(file_check_private(in_folder("none", path)).kind, FAIL_ABSENT);
}

static void reading_stops_at_the_maximum(void **state)
{
    (void)state;
    char path[256];
    struct buf exact owned(buf_done) = buf_of(50000), small owned(buf_done) = buf_of(49999), content owned(buf_done) = buf_of(50000);

    memset(buf_extend(&content, 50000), 'x', 50000);
    assert_false(failed(file_write(in_folder("large", path), buf_span(&content), 0600)));
    assert_false(failed(file_read(path, &exact)));
    assert_int_equal(exact.len, 50000);
    assert_int_equal(file_read(path, &small).kind, FAIL_LIMIT);
    assert_int_equal(small.len, 0);
    assert_int_equal(file_read(folder, &exact).kind, FAIL_SYSTEM);
    struct buf endless owned(buf_done) = buf_of(1000);
    assert_int_equal(file_read("/dev/zero", &endless).kind, FAIL_LIMIT);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    char path[256];
    size_t before = files_in_folder();

    assert_int_equal(file_write(in_folder("missing/f", path), SPAN("x"), 0600).kind, FAIL_ABSENT);
    assert_int_equal(mkdir(in_folder("dir", path), 0700), 0);
    assert_int_equal(file_write(path, SPAN("x"), 0600).kind, FAIL_SYSTEM); /* a folder is in the way */
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(files_in_folder(), before);
}

static void folders(void **state)
{
    (void)state;
    char path[256];
    struct stat st;

    assert_false(failed(file_make_dir(in_folder("a/b/c", path), 0700)));
    assert_false(failed(file_make_dir(path, 0700)));
    assert_false(failed(file_make_dir(in_folder("a/b/d/", path), 0700)));
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_false(failed(file_write(in_folder("plain", path), SPAN(""), 0600)));
    assert_int_equal(file_make_dir(path, 0700).kind, FAIL_SYSTEM);
    assert_int_equal(file_make_dir(in_folder("plain/x", path), 0700).kind, FAIL_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(write_replaces_and_create_does_not),
        cmocka_unit_test(reading_stops_at_the_maximum),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(folders),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
