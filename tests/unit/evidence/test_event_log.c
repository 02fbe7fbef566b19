// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/file.h"
#include "base/options.h"
#include "base/writer.h"
#include "evidence/event_log.h"
#include "evidence/tpm_structures.h"

static struct buf log_file(const char *folder, const char *name)
{
    char path[1024];
    struct buf out = buf_of(EVENT_LOG_MAX);

    snprintf(path, sizeof(path), "%s/tpm/%s/%s", options_env("WARDER_VECTORS"), folder, name);
    assert_ok(file_read(path, &out));
    return out;
}

static bool padding_all(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != 0 && s.at[i] != 0xff)
            return false;
    return true;
}

/* A prefix is a log of its own only where it ends with a record, or in bytes that read as padding. */
static void a_prefix_passes_only_at_the_end_of_a_record(void **state)
{
    (void)state;
    static const char *const names[] = { "event-sd-boot-fedora37.bin", "event-uefi-sha1-log.bin" };
    for (size_t i = 0; i < 2; i++) {
        struct buf log owned(buf_done) = log_file("eventlogs", names[i]);
        struct event_log whole;
        assert_ok(event_log_parse(buf_span(&log), &whole));
        for (size_t len = 0; len < log.len; len++) {
            struct event_log part;
            struct span prefix = span_head(buf_span(&log), len);
            if (failed(event_log_parse(prefix, &part)))
                continue;
            assert_true(part.count < whole.count);
            size_t used = (size_t)(part.records.at - prefix.at) + part.records.len;
            assert_true(padding_all(span_tail(prefix, used)));
        }
    }
}

static void what_follows_the_last_record_is_padding_or_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t bytes[3];
        bool good;
    } rows[] = { { { 0, 0, 0 }, true }, { { 0xff, 0xff, 0xff }, true }, { { 0, 0, 1 }, false }, { { 0xfe, 0, 0 }, false } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf log owned(buf_done) = log_file("eventlogs", "event-sd-boot-fedora37.bin");
        struct event_log parsed;
        buf_add(&log, SPAN_OF(rows[i].bytes));
        assert_int_equal(!failed(event_log_parse(buf_span(&log), &parsed)), rows[i].good);
        if (rows[i].good)
            assert_int_equal(parsed.count, 27);
    }
}

/* A header of one SHA-256 bank. */
static void header_add(struct buf *b, uint32_t banks, uint16_t alg, uint16_t size)
{
    write_u32le(b, 0);
    write_u32le(b, EV_NO_ACTION);
    buf_extend(b, 20);
    write_u32le(b, 16 + 4 + 4 + 4 + 4 * banks + 1);
    buf_add(b, SPAN("Spec ID Event03\0"));
    write_u32le(b, 0);
    write_u32le(b, 0x02000200);
    write_u32le(b, banks);
    for (uint32_t i = 0; i < banks; i++) {
        write_u16le(b, (uint16_t)(alg + i));
        write_u16le(b, size);
    }
    write_u8(b, 0);
}

static void event_add(struct buf *b, uint32_t index, uint32_t type, uint32_t digests, uint16_t alg, uint32_t data)
{
    write_u32le(b, index);
    write_u32le(b, type);
    write_u32le(b, digests);
    for (uint32_t i = 0; i < digests; i++) {
        write_u16le(b, alg);
        buf_extend(b, 32);
    }
    write_u32le(b, data);
    write_u8(b, 'x');
}

static void records_at_their_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t banks, index, type, digests, data;
        uint16_t alg, size, event_alg;
        bool good;
    } rows[] = {
        { "plain", 1, 7, 1, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, true },
        { "last register", 1, 23, 1, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, true },
        { "register above", 1, 24, 1, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "no register", 1, UINT32_MAX, 1, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "no register, no action", 1, UINT32_MAX, 3, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, true },
        { "more digests than banks", 1, 7, 1, 2, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "the same digest twice", 2, 7, 1, 2, 1, 0x100, 32, 0x100, false },
        { "a bank that the header lacks", 1, 7, 1, 1, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA384, false },
        { "data beyond the end", 1, 7, 1, 1, 2, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "data of 2^32 - 1", 1, 7, 1, 1, UINT32_MAX, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "no bank", 0, 7, 1, 0, 1, TPM_ALG_SHA256, 32, TPM_ALG_SHA256, false },
        { "as many banks as there may be", 8, 7, 1, 1, 1, 0x100, 32, 0x100, true },
        { "a bank too many", 9, 7, 1, 1, 1, 0x100, 32, 0x100, false },
        { "SHA-256 of another size", 1, 7, 1, 1, 1, TPM_ALG_SHA256, 31, TPM_ALG_SHA256, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf b owned(buf_done) = buf_of(4096);
        struct event_log log;
        header_add(&b, rows[i].banks, rows[i].alg, rows[i].size);
        event_add(&b, rows[i].index, rows[i].type, rows[i].digests, rows[i].event_alg, rows[i].data);
        if (failed(event_log_parse(buf_span(&b), &log)) == rows[i].good)
            fail_msg("%s", rows[i].name);
    }
}

static void more_events_or_bytes_than_the_maximum_are_refused(void **state)
{
    (void)state;
    for (size_t count = EVENTS_MAX; count <= EVENTS_MAX + 1; count++) {
        struct buf b owned(buf_done) = buf_of(EVENT_LOG_MAX);
        struct event_log log;
        header_add(&b, 1, TPM_ALG_SHA256, 32);
        for (size_t i = 0; i < count; i++)
            event_add(&b, 7, 1, 1, TPM_ALG_SHA256, 1);
        struct err e = event_log_parse(buf_span(&b), &log);
        assert_int_equal(e.kind, count > EVENTS_MAX ? FAIL_LIMIT : FAIL_NONE);
    }
    struct buf b owned(buf_done) = buf_of(EVENT_LOG_MAX + 1);
    struct event_log log;
    header_add(&b, 1, TPM_ALG_SHA256, 32);
    buf_extend(&b, EVENT_LOG_MAX + 1 - b.len);
    assert_fails(event_log_parse(buf_span(&b), &log), FAIL_LIMIT);
}

static void startup_locality_is_read_from_its_event_alone(void **state)
{
    (void)state;
    static const struct {
        struct span data;
        uint32_t index, type;
        uint8_t locality;
    } rows[] = {
        { SPAN("StartupLocality\0\x03"), 0, EV_NO_ACTION, 3 },
        { SPAN("StartupLocality\0\x03"), 1, EV_NO_ACTION, 0 },
        { SPAN("StartupLocality\0\x03"), 0, EV_SEPARATOR, 0 },
        { SPAN("StartupLocality\0\x03\x00"), 0, EV_NO_ACTION, 0 },
        { SPAN("StartupLocality\0"), 0, EV_NO_ACTION, 0 },
        { SPAN("startupLocality\0\x03"), 0, EV_NO_ACTION, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct event e = { .index = rows[i].index, .type = rows[i].type, .data = rows[i].data };
        assert_int_equal(event_startup_locality(&e), rows[i].locality);
    }
}

static void a_variable_is_read_whole(void **state)
{
    (void)state;
    struct buf log owned(buf_done) = log_file("eventlogs", "event-uefivar.bin");
    struct event_log parsed;
    struct event_variable v;
    struct event e;

    assert_ok(event_log_parse(buf_span(&log), &parsed));
    assert_true(!parsed.count || parsed.bank_count == 4);
    struct event_cursor c = event_log_events(&parsed);
    assert_true(event_next(&c, &e));
    assert_int_equal(e.index, 7);
    assert_string_equal(event_type_name(e.type), "efi_variable_driver_config");
    assert_ok(event_variable_parse(e.data, &v));
    assert_true(span_equal(v.name, SPAN("S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0")));
    assert_true(span_equal(v.value, SPAN("\x01")));
    for (size_t len = 0; len < e.data.len; len++)
        assert_true(failed(event_variable_parse(span_head(e.data, len), &v)));
    assert_false(event_next(&c, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_passes_only_at_the_end_of_a_record),
        cmocka_unit_test(what_follows_the_last_record_is_padding_or_refused),
        cmocka_unit_test(records_at_their_limits),
        cmocka_unit_test(more_events_or_bytes_than_the_maximum_are_refused),
        cmocka_unit_test(startup_locality_is_read_from_its_event_alone),
        cmocka_unit_test(a_variable_is_read_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
