// SPDX-License-Identifier: Apache-2.0
/* Names of things, both ways. */
#include "attestd/tcs_id.h"
#include "unit.h"

#define CHIP                                                                                       \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"                             \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_keys_and_paths(void **state)
{
    (void)state;
    static const struct {
        const char *key, *path;
    } rows[] = {
        { "sgx/tcb/00806F050000/standard",
          "/sgx/certification/v4/tcb?fmspc=00806F050000&update=standard" },
        { "tdx/tcb/00806F050000/early", "/tdx/certification/v4/tcb?fmspc=00806F050000&update=early" },
        { "tdx/qe-identity/standard", "/tdx/certification/v4/qe/identity?update=standard" },
        { "sgx/qve-identity/early", "/sgx/certification/v4/qve/identity?update=early" },
        { "pckcrl/platform", "/sgx/certification/v4/pckcrl?ca=platform&encoding=der" },
        { "rootcacrl", "/sgx/certification/v4/rootcacrl" },
        { "vcek/Genoa/cert_chain", "/vcek/v1/Genoa/cert_chain" },
        { "vlek/Milan/crl", "/vlek/v1/Milan/crl" },
        { "vcek/Milan/" CHIP "/03-00-08-115-00",
          "/vcek/v1/Milan/" CHIP "?blSPL=03&teeSPL=00&snpSPL=08&ucodeSPL=115" },
        { "vcek/Turin/0123456789abcdef/01-02-03-04-05",
          "/vcek/v1/Turin/0123456789abcdef?blSPL=01&teeSPL=02&snpSPL=03&ucodeSPL=04&fmcSPL=05" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tcs_id id;
        char key[TCS_KEY_MAX];
        struct buf path owned(buf_done) = buf_of(1024);
        assert_ok(tcs_id_parse(span_str(rows[i].key), &id));
        tcs_id_key(&id, key);
        tcs_id_path(&id, &path);
        assert_string_equal(key, rows[i].key);
        assert_string_equal(buf_str(&path), rows[i].path);
    }
}

/* Archives name things: only what we would write is read. */
static void test_other_names_are_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "", "/", "rootcacrl/", "pckcrl/other", "sgx/tcb/00806f050000/standard",
        "sgx/tcb/00806F05000/standard", "sgx/tcb/00806F050000/late", "sgx/tcb/00806F050000",
        "tdx/qve-identity/standard", "vcek/Rome/crl", "vcek/milan/crl", "vcek/Milan",
        "vcek/Milan/0123456789abcdef/03-00-08-115-00", "vcek/Milan/" CHIP "/03-00-08-256-00",
        "vcek/Milan/" CHIP "/3-0-8-115-0", "vcek/Milan/" CHIP "/03-00-08-115", "vlek/Milan/" CHIP "/03-00-08-115-00",
        "a/b/c/d/e/f", "../../etc", "pckcrl/platform/x/y",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tcs_id id;
        if (!failed(tcs_id_parse(span_str(rows[i]), &id)))
            fail_msg("%s", rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_and_paths),
        cmocka_unit_test(test_other_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
