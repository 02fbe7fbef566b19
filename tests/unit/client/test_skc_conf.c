// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "base/buf.h"
#include "client/skc_conf.h"

#define WHOLE                                                                                      \
    "KBS_HOSTNAME=kbs.example\nKBS_IP=10.0.0.1\nKBS_PORT=9443\nCMS_IP=10.0.0.2\nCMS_PORT=8445\n"   \
    "CSP_SCS_IP=10.0.0.3\nCSP_SCS_PORT=9000\nCSP_CMS_IP=10.0.0.2\nCSP_CMS_PORT=8445\n"             \
    "SKC_USER=skcuser\nSKC_TOKEN=eyJ.a.b\n"

static void whole_file(void **state)
{
    (void)state;
    struct skc_conf c owned(skc_conf_done) = { 0 };
    unsigned line = 0;

    assert_ok(skc_conf_parse(SPAN(WHOLE), &c, &line));
    assert_string_equal(c.kbs_hostname, "kbs.example");
    assert_string_equal(c.kbs_ip, "10.0.0.1");
    assert_int_equal(c.kbs_port, 9443);
    assert_int_equal(c.csp_scs_port, 9000);
    assert_string_equal(c.skc_user, "skcuser");
    assert_string_equal((const char *)secret_expose(c.token).at, "eyJ.a.b");
}

static void forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned line;
        bool good;
    } rows[] = {
        { "", 0, true },
        { "# only this\n\n", 0, true },
        { "KBS_HOSTNAME = \"kbs.example\" \r\n", 0, true },
        { "KBS_PORT=65535", 0, true },
        { "KBS_PORT=0\n", 1, false },
        { "KBS_PORT=65536\n", 1, false },
        { "KBS_PORT=99999999999999999999\n", 1, false },
        { "KBS_PORT=94x3\n", 1, false },
        { "KBS_PORT=-1\n", 1, false },
        { "KBS_HOSTNAME=\n", 1, false },
        { "KBS_HOSTNAME=\"\"\n", 1, false },
        { "KBS_HOSTNAME=\"a\n", 1, false },
        { "KBS_HOSTNAME=a b\n", 1, false },
        { "KBS_HOSTNAME\n", 1, false },
        { "KBS_IP=1\nKBS_IP=2\n", 2, false },
        { "\nSKC_TOKN=x\n", 2, false },
        { "kbs_ip=1\n", 1, false },
        { "SKC_TOKEN=a\xc3\xa4\n", 1, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct skc_conf c owned(skc_conf_done) = { 0 };
        unsigned line = 99;
        struct err e = skc_conf_parse(span_str(rows[i].text), &c, &line);
        if (failed(e) == rows[i].good)
            fail_msg("row %zu: %s", i, failed(e) ? e.what : "taken");
        assert_int_equal(line, rows[i].line);
    }
}

static void long_values_fail(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = buf_of(1U << 20);
    struct skc_conf c owned(skc_conf_done) = { 0 };
    unsigned line;

    buf_add_str(&text, "SKC_TOKEN=");
    for (int i = 0; i < 8193; i++)
        buf_add_u8(&text, 'a');
    assert_fails(skc_conf_parse(buf_span(&text), &c, &line), FAIL_INPUT);
    assert_fails(skc_conf_parse(span_head(buf_span(&text), 9), &c, &line), FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_file),
        cmocka_unit_test(forms),
        cmocka_unit_test(long_values_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
