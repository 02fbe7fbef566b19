// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "evidence/ima_log.h"

#define HASH "0123456789abcdef0123456789abcdef01234567"

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool good;
        const char *digest, *name, *rest; /* of a good line */
    } rows[] = {
        { "10 " HASH " ima-ng sha256:aa /bin/a file\n", true, "sha256:aa", "/bin/a file", "" },
        { "10 " HASH " ima-sig sha256:aa /bin/a file 0302\n", true, "sha256:aa", "/bin/a file", "0302" },
        { "10 " HASH " ima-sig sha256:aa /bin/a \n", true, "sha256:aa", "/bin/a", "" },
        { "10 " HASH " ima-sig sha256:aa /bin/a\n", true, "sha256:aa", "/bin/a", "" },
        { "10 " HASH " ima-sig sha256:aa /bin/a file\n", true, "sha256:aa", "/bin/a file", "" },
        { "10 " HASH " ima-buf sha256:aa .ima 3082\n", true, "sha256:aa", ".ima", "3082" },
        { "23 " HASH " ima-ng sha256:aa /x\n", true, "sha256:aa", "/x", "" },
        { "24 " HASH " ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "100 " HASH " ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "-1 " HASH " ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { " " HASH " ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10  " HASH " ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10 " HASH "0 ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10 " HASH "00 ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10 0123456789abcdef0123456789abcdef0123456g ima-ng sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10 " HASH " ima-ng\n", false, NULL, NULL, NULL },
        { "10 " HASH " ima-ng \n", false, NULL, NULL, NULL },
        { "10 " HASH "  sha256:aa /x\n", false, NULL, NULL, NULL },
        { "10 " HASH " ima-ng sha256:aa /x", false, NULL, NULL, NULL }, /* cut: no end of line */
        { "\n", false, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ima_cursor c;
        struct ima_entry e;
        struct ima_file f;
        bool end = true;
        assert_ok(ima_log_open(span_str(rows[i].line), &c));
        if (failed(ima_next(&c, &e, &end)) == rows[i].good)
            fail_msg("%s", rows[i].line);
        if (!rows[i].good)
            continue;
        assert_false(end);
        assert_ok(ima_file_parse(&e, &f));
        assert_true(span_equal_str(f.digest, rows[i].digest));
        assert_true(span_equal_str(f.name, rows[i].name));
        assert_true(span_equal_str(f.rest, rows[i].rest));
        assert_ok(ima_next(&c, &e, &end));
        assert_true(end);
    }
}

static void template_data(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        struct span data; /* empty: none can be given */
    } rows[] = {
        { "10 " HASH " ima-ng sha1:ab12 /x\n", SPAN("\x08\0\0\0sha1:\0\xab\x12\x03\0\0\0/x\0") },
        { "10 " HASH " ima-sig sha1:ab12 /x 03\n", SPAN("\x08\0\0\0sha1:\0\xab\x12\x03\0\0\0/x\0\x01\0\0\0\x03") },
        { "10 " HASH " ima-sig sha1:ab12 /x \n", SPAN("\x08\0\0\0sha1:\0\xab\x12\x03\0\0\0/x\0\0\0\0\0") },
        { "10 " HASH " ima-ng sha1:ag12 /x\n", { 0 } },
        { "10 " HASH " ima-ng sha1 /x\n", { 0 } },
        { "10 " HASH " ima-unheard sha1:ab12 /x\n", { 0 } },
        { "10 " HASH " ima-ng sha1:ab12\n", { 0 } },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf data owned(buf_done) = buf_of(2 * IMA_LINE_MAX);
        struct ima_cursor c;
        struct ima_entry e;
        bool end = true;
        assert_ok(ima_log_open(span_str(rows[i].line), &c));
        assert_ok(ima_next(&c, &e, &end));
        if (failed(ima_template_data(&e, &data)) != !rows[i].data.len)
            fail_msg("%s", rows[i].line);
        if (rows[i].data.len)
            assert_true(span_equal(buf_span(&data), rows[i].data));
    }
}

static void a_violation_is_told(void **state)
{
    (void)state;
    struct ima_cursor c;
    struct ima_entry e;
    bool end = true;

    assert_ok(ima_log_open(SPAN("10 0000000000000000000000000000000000000000 ima-ng sha1:00 /x\n"), &c));
    assert_ok(ima_next(&c, &e, &end));
    assert_true(e.violation);
}

static void more_than_the_maximum_is_refused(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(IMA_LOG_MAX + 1), wide owned(buf_done) = buf_of(2 * IMA_LINE_MAX);
    struct ima_cursor c;
    struct ima_entry e;
    bool end = false;
    struct err last = OK;

    for (size_t i = 0; i <= IMA_ENTRIES_MAX; i++)
        buf_add_str(&text, "10 " HASH " ima-ng sha1:ab12 /x\n");
    assert_ok(buf_check(&text));
    assert_ok(ima_log_open(buf_span(&text), &c));
    for (size_t i = 0; i <= IMA_ENTRIES_MAX && !failed(last); i++)
        last = ima_next(&c, &e, &end);
    assert_int_equal(last.kind, FAIL_LIMIT);
    buf_extend(&text, IMA_LOG_MAX + 1 - text.len);
    assert_fails(ima_log_open(buf_span(&text), &c), FAIL_LIMIT);

    buf_add_str(&wide, "10 " HASH " ima-ng sha1:ab12 /");
    while (wide.len < IMA_LINE_MAX)
        buf_add_u8(&wide, 'x');
    buf_add_u8(&wide, '\n');
    assert_ok(ima_log_open(buf_span(&wide), &c));
    assert_fails(ima_next(&c, &e, &end), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(template_data),
        cmocka_unit_test(a_violation_is_told),
        cmocka_unit_test(more_than_the_maximum_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
