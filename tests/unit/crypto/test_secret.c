// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "base/bounds.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/random.h"

/* Runs first, before crypto_start(): the arena is made on the way. */
static void arena_without_start(void **state)
{
    (void)state;
    struct secret *s owned(secret_free) = secret_new(32);

    assert_non_null(s);
    assert_int_equal(CRYPTO_secure_allocated(s), 1);
    assert_true(span_is_zero(secret_expose(s)));
}

/* An exhausted arena gives no secret, never one from the ordinary heap. */
static void exhausted_arena(void **state)
{
    (void)state;
    enum { MANY = 200 };
    struct secret *held[MANY] = { 0 };
    size_t count = 0;

    while (count < MANY && (held[count] = secret_new(SECRET_LARGE)) != NULL) {
        assert_int_equal(CRYPTO_secure_allocated(held[count]), 1);
        count++;
    }
    assert_true(count > 10 && count < MANY);
    struct secret *none = NULL;
    assert_int_equal(random_secret(SECRET_LARGE, &none).kind, FAIL_SYSTEM);
    assert_null(none);
    for (size_t i = 0; i < count; i++)
        secret_free(held[i]);
    struct secret *again owned(secret_free) = secret_new(SECRET_LARGE);
    assert_non_null(again);
}

/* A large one has pages of its own, locked or not, and left out of core dumps. */
static void large_ones(void **state)
{
    (void)state;
    struct secret *s owned(secret_free) = secret_new(SECRET_MAX);
    char line[256];
    bool dumped = true, here = false;

    assert_non_null(s);
    assert_int_equal(CRYPTO_secure_allocated(s), 0);
    assert_true(span_is_zero(secret_expose(s)));
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        uintptr_t from, to;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &from, &to) == 2)
            here = (uintptr_t)s >= from && (uintptr_t)s < to;
        if (here && !strncmp(line, "VmFlags:", 8))
            dumped = !strstr(line, " dd");
    }
    (void)fclose(maps);
    assert_false(dumped);
    secret_fill(s)[SECRET_MAX - 1] = 1;
    struct secret *copy owned(secret_free) = secret_copy(secret_expose(s));
    assert_true(secret_equal(s, copy));
    secret_shorten(copy, 4);
    assert_int_equal(secret_len(copy), 4);
    assert_null(secret_new(SECRET_MAX + 1));
}

/* What is read from a descriptor ends at the limit, not one byte later. */
static void from_a_descriptor(void **state)
{
    (void)state;
    char folder[] = "/tmp/warder-secret-XXXXXX", path[64];

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder);
    for (int over = -1; over <= 1; over++) {
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct secret *s owned(secret_free) = NULL;

        assert_int_equal(ftruncate(fd, OPAQUE_SECRET_MAX + over), 0);
        struct err e = secret_read(fd, OPAQUE_SECRET_MAX, &s);
        assert_int_equal(e.kind, over > 0 ? FAIL_LIMIT : FAIL_NONE);
        if (over <= 0)
            assert_int_equal(secret_len(s), OPAQUE_SECRET_MAX + over);
        close(fd);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void wiped_on_free_and_when_shortened(void **state)
{
    (void)state;
    struct secret *s = secret_copy(SPAN("0123456789abcdef"));
    const uint8_t *at = secret_expose(s).at;

    secret_shorten(s, 4);
    assert_int_equal(secret_len(s), 4);
    assert_true(span_is_zero(span_from(at + 4, 12)));
    secret_shorten(s, 100);
    assert_int_equal(secret_len(s), 4);
    secret_free(s);
    assert_null(memmem(at, 16, "0123", 4)); /* the arena's own memory: still mapped */
    secret_free(NULL);
}

static void comparison(void **state)
{
    (void)state;
    struct secret *a owned(secret_free) = secret_copy(SPAN("abc")), *b owned(secret_free) = secret_copy(SPAN("abc"));
    struct secret *c owned(secret_free) = secret_copy(SPAN("abd")), *d owned(secret_free) = secret_copy(SPAN("ab"));
    struct secret *e owned(secret_free) = secret_new(0), *f owned(secret_free) = secret_new(0);

    assert_true(secret_equal(a, b) && secret_equal(e, f));
    assert_false(secret_equal(a, c) || secret_equal(a, d) || secret_equal(d, a) || secret_equal(a, e));
}

/* L49, L50: private from the start; what others can read is refused. */
static void files(void **state)
{
    (void)state;
    char folder[] = "/tmp/warder-secret-XXXXXX";
    char path[64];
    struct secret *s owned(secret_free) = NULL, *back owned(secret_free) = NULL, *none = NULL;
    struct stat st;
    static const mode_t open_modes[] = { 0640, 0604, 0601, 0660, 0666 };
    mode_t mask = umask(0);

    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/s", folder);
    assert_false(failed(random_secret(100, &s)));
    assert_false(failed(secret_save(path, s)));
    umask(mask);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(secret_save(path, s).kind, FAIL_CONFLICT);
    assert_false(failed(secret_load(path, &back)));
    assert_true(secret_equal(s, back));
    for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
        assert_int_equal(chmod(path, open_modes[i]), 0);
        assert_int_equal(secret_load(path, &none).kind, FAIL_DENIED);
    }
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, SECRET_MAX + 1), 0);
    assert_int_equal(secret_load(path, &none).kind, FAIL_LIMIT);
    assert_int_equal(truncate(path, SECRET_MAX - 1), 0);
    struct secret *large owned(secret_free) = NULL;
    assert_false(failed(secret_load(path, &large)));
    assert_int_equal(secret_len(large), SECRET_MAX - 1);
    assert_int_equal(secret_load(folder, &none).kind, FAIL_SYSTEM);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(secret_load(path, &none).kind, FAIL_ABSENT);
    assert_int_equal(rmdir(folder), 0);
    assert_null(none);
}

/* L2: all different. */
static void random_values(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    static char seen[MANY][UUID_TEXT_SIZE];

    for (size_t i = 0; i < MANY; i++) {
        assert_false(failed(random_uuid(seen[i])));
        assert_true(uuid_valid(span_str(seen[i])));
        assert_true(seen[i][14] == '4' && strchr("89ab", seen[i][19]));
    }
    qsort(seen, MANY, sizeof *seen, (int (*)(const void *, const void *))strcmp);
    for (size_t i = 1; i < MANY; i++)
        assert_string_not_equal(seen[i - 1], seen[i]);
}

/* RFC 9562 A.6: 2022-02-22 19:22:22 UTC is 017F22E2-79B0-7. */
static void ordered_uuids(void **state)
{
    (void)state;
    static const int64_t rfc = 1645557742000000;
    char before[UUID_TEXT_SIZE] = "", now[UUID_TEXT_SIZE];

    assert_false(failed(random_uuid_ordered(rfc, now)));
    assert_memory_equal(now, "017f22e2-79b0-7000-", 19);
    for (int64_t i = 0; i < 3000; i++) {
        assert_false(failed(random_uuid_ordered(rfc + i, now)));
        assert_true(uuid_valid(span_str(now)));
        assert_true(now[14] == '7' && strchr("89ab", now[19]));
        assert_true(strcmp(before, now) < 0);
        memcpy(before, now, sizeof before);
    }
    assert_false(failed(random_uuid_ordered(rfc, before)));
    assert_false(failed(random_uuid_ordered(rfc, now)));
    assert_string_not_equal(before, now);
}

static void uuids(void **state)
{
    (void)state;
    assert_true(uuid_valid(SPAN("01234567-89ab-CDEF-0123-456789abcdef")));
    static const char *const bad[] = {
        "", "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdeff",
        "01234567-89ab-cdef-0123-456789abcdeg", "0123456-789ab-cdef-0123-456789abcdef", "01234567_89ab-cdef-0123-456789abcdef",
        "{1234567-89ab-cdef-0123-456789abcde}", "../../..-....-....-....-............",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(uuid_valid(span_str(bad[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_without_start),
        cmocka_unit_test(exhausted_arena),
        cmocka_unit_test(large_ones),
        cmocka_unit_test(from_a_descriptor),
        cmocka_unit_test(wiped_on_free_and_when_shortened),
        cmocka_unit_test(comparison),
        cmocka_unit_test(files),
        cmocka_unit_test(random_values),
        cmocka_unit_test(ordered_uuids),
        cmocka_unit_test(uuids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
