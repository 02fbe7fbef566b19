// SPDX-License-Identifier: Apache-2.0
#include "policy/deny.h"
#include "unit.h"

#define HEX16 "0123456789abcdef"
#define HEX128 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16 HEX16
#define ZEROS112 "00000000000000000000000000000000000000000000000000000000" \
                 "00000000000000000000000000000000000000000000000000000000"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *value, *name; /* NULL: refused */
    } rows[] = {
        { "fmspc", "00806F050000", "fmspc:00806f050000" },
        { "fmspc", "00806F05000", NULL },
        { "fmspc", "00806F05000g", NULL },
        { "family", "Milan", "family:Milan" },
        { "family", "00806F", "family:00806f" },
        { "family", "milan", NULL },
        { "family", "0", NULL },
        { "chip", HEX16 HEX16, "chip:" HEX16 HEX16 },
        { "chip", HEX128, "chip:" HEX128 },
        { "chip", "0123456789ABCDEF", "chip:" HEX16 ZEROS112 },
        { "chip", "0123", NULL },
        { "firmware", "1.55.21", "firmware:1.55.21" },
        { "firmware", HEX16, "firmware:" HEX16 },
        { "firmware", "1.x", NULL },
        { "firmware", "55", NULL },
        { "advisory", "INTEL-SA-00615", "advisory:INTEL-SA-00615" },
        { "advisory", "INTEL SA", NULL },
        { "advisory", "", NULL },
        { "serial", "1", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[DENY_NAME_MAX + 1];
        struct err e = deny_name(span_str(rows[i].kind), span_str(rows[i].value), name);
        if (failed(e) != !rows[i].name)
            fail_msg("%s %s", rows[i].kind, rows[i].value);
        if (rows[i].name)
            assert_string_equal(name, rows[i].name);
    }
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *kind, *value, *claims;
        bool fits;
    } rows[] = {
        { "fmspc", "00806f050000", "{\"fmspc\":\"00806f050000\"}", true },
        { "fmspc", "00806f050000", "{\"fmspc\":\"00806f050001\"}", false },
        { "fmspc", "00806f050000", "{\"tdx.fmspc\":\"00806f050000\"}", true }, /* of a bundle */
        { "fmspc", "00806f050000", "{\"xfmspc\":\"00806f050000\"}", false },
        { "fmspc", "00806f050000", "{}", false },
        { "family", "00806f", "{\"fmspc\":\"00806f050000\"}", true },
        { "family", "Milan", "{\"product\":\"Milan\"}", true },
        { "family", "Milan", "{\"product\":\"Genoa\"}", false },
        { "chip", "ab", "{\"ppid\":\"ab\"}", true },
        { "chip", "ab", "{\"snp.chip_id\":\"ab\"}", true },
        { "chip", "ab", "{\"platform_instance_id\":\"ab\"}", true },
        { "firmware", "1.55.21", "{\"current_firmware\":\"1.55.21\"}", true },
        { "firmware", "1.55.2", "{\"current_firmware\":\"1.55.21\"}", false },
        { "advisory", "INTEL-SA-1", "{\"advisory_ids\":[\"INTEL-SA-2\",\"INTEL-SA-1\"]}", true },
        { "advisory", "INTEL-SA-1", "{\"advisory_ids\":[\"INTEL-SA-11\"]}", false },
        { "advisory", "INTEL-SA-1", "{\"advisory_ids\":\"INTEL-SA-1\"}", false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        owned(json_free) json_t *list = json_pack("[{s:s,s:s},{s:s,s:s}]", "kind", "fmspc", "value",
                                                  "ffffffffffff", "kind", rows[i].kind, "value", rows[i].value);
        owned(json_free) json_t *claims = json_loads(rows[i].claims, 0, NULL);
        const json_t *entry = NULL;
        assert_ok(deny_find(list, claims, &entry));
        if ((entry != NULL) != rows[i].fits)
            fail_msg("row %zu", i);
    }
}

/* Whoever cannot understand a list must not pass anything. */
static void test_unknown_entries_fail(void **state)
{
    (void)state;
    static const char *const lists[] = { "[{\"kind\":\"serial\",\"value\":\"1\"}]", "[{\"kind\":\"fmspc\"}]", "[1]", "{}" };
    owned(json_free) json_t *claims = json_object();
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        owned(json_free) json_t *list = json_loads(lists[i], 0, NULL);
        const json_t *entry = NULL;
        assert_true(failed(deny_find(list, claims, &entry)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_unknown_entries_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
