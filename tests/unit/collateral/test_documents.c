// SPDX-License-Identifier: Apache-2.0
/* TCB info and QE identity as served: envelope, content, limits; and other projects' malformed ones. */
#include <dirent.h>

#include "unit.h"

#include "base/file.h"
#include "base/options.h"
#include "collateral/qe_identity.h"
#include "collateral/signed_json.h"
#include "collateral/tcb_info.h"

#define PATH_LEN 1024
#define DOCUMENT_MAX (256U << 10)

static struct buf vector_file(const char *set, const char *name)
{
    char path[PATH_LEN];
    struct buf out = buf_of(DOCUMENT_MAX);

    snprintf(path, sizeof(path), "%s/intel/%s/%s", options_env("WARDER_VECTORS"), set, name);
    assert_ok(file_read(path, &out));
    return out;
}

static void genuine_tcb_infos(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        bool is_tdx;
        uint32_t version, number;
        size_t modules;
    } rows[] = {
        { "sgx3-plat-00606a000000-77bcbd-ev15-2759", false, 3, 15, 0 },
        { "sgx3-plat-00606a000000-77bcbd-ev17-36d3", false, 2, 17, 0 },
        { "tdx4-plat-50806f000000-12b401-ev15-1a97", true, 3, 15, 0 },
        { "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", true, 3, 20, 2 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf text owned(buf_done) = vector_file(rows[i].set, "tcb_info.json");
        struct tcb_info *info owned(tcb_info_free) = NULL;
        struct signed_json split;

        assert_ok(signed_json_split(buf_span(&text), "tcbInfo", &split));
        assert_ok(tcb_info_parse(split.inner, &info));
        assert_int_equal(info->is_tdx, rows[i].is_tdx);
        assert_int_equal(info->version, rows[i].version);
        assert_int_equal(info->evaluation_number, rows[i].number);
        assert_true(info->level_count > 1 && info->issue_date < info->next_update);
        if (rows[i].modules)
            assert_int_equal(info->identity_count, rows[i].modules);
    }
}

static void genuine_identity(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = vector_file("tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", "qe_identity.json");
    struct qe_identity *identity owned(qe_identity_free) = NULL;
    struct signed_json split;

    assert_ok(signed_json_split(buf_span(&text), "enclaveIdentity", &split));
    assert_ok(qe_identity_parse(split.inner, &identity));
    assert_int_equal(identity->id, ENCLAVE_TD_QE);
    assert_int_equal(identity->isvprodid, 2);
    assert_true(isv_levels_select(&identity->levels, 0xffff));
    assert_null(isv_levels_select(&identity->levels, 0));
    assert_fails(signed_json_split(buf_span(&text), "tcbInfo", &split), FAIL_INPUT);
}

static void every_prefix_fails(void **state)
{
    (void)state;
    struct buf text owned(buf_done) = vector_file("tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07", "tcb_info.json");
    struct span all = buf_span(&text);
    struct signed_json split;

    while (all.len && strchr(" \r\n", all.at[all.len - 1]))
        all = span_head(all, all.len - 1);
    for (size_t len = 0; len < all.len; len++)
        assert_fails(signed_json_split(span_head(all, len), "tcbInfo", &split), FAIL_INPUT);
    assert_ok(signed_json_split(all, "tcbInfo", &split));
    for (size_t len = 0; len < split.inner.len; len += 7) {
        struct tcb_info *info owned(tcb_info_free) = NULL;
        assert_true(failed(tcb_info_parse(span_head(split.inner, len), &info)));
        assert_null(info);
    }
}

#define HEX_128                                                                                                       \
    "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void envelopes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *inner; /* NULL: refused */
    } rows[] = {
        { "{\"x\":{},\"signature\":\"" HEX_128 "\"}", "{}" },
        { "{\"signature\":\"" HEX_128 "\",\"x\":{}}", "{}" },
        { " { \"x\" : { } , \"signature\" : \"" HEX_128 "\" } \n", "{ }" },
        { "{\"x\":{\"a\":\"}\\\"]\\\\\"},\"signature\":\"" HEX_128 "\"}", "{\"a\":\"}\\\"]\\\\\"}" },
        { "{\"x\":{\"a\":[{},[]]},\"signature\":\"" HEX_128 "\"}", "{\"a\":[{},[]]}" },
        { "{\"x\":{\"a\":[}]},\"signature\":\"" HEX_128 "\"}", NULL },
        { "{\"x\":[],\"signature\":\"" HEX_128 "\"}", NULL },
        { "{\"x\":\"{}\",\"signature\":\"" HEX_128 "\"}", NULL },
        { "{\"x\":{},\"signature\":\"" HEX_128 "00\"}", NULL },
        { "{\"x\":{},\"signature\":\"" HEX_128 "\"}x", NULL },
        { "{\"x\":{},\"signature\":\"" HEX_128 "\"}{}", NULL },
        { "{\"x\":{},\"signature\":\"" HEX_128 "\",\"y\":1}", NULL },
        { "{\"x\":{},\"x\":{},\"signature\":\"" HEX_128 "\"}", NULL },
        { "{\"x\":{},\"signature\":\"" HEX_128 "\",\"signature\":\"" HEX_128 "\"}", NULL },
        { "{\"x\":{}}", NULL },
        { "{\"signature\":\"" HEX_128 "\"}", NULL },
        { "[{\"x\":{},\"signature\":\"" HEX_128 "\"}]", NULL },
        { "{\"\\u0078\":{},\"signature\":\"" HEX_128 "\"}", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct signed_json split;
        struct err e = signed_json_split(span_str(rows[i].text), "x", &split);
        if (failed(e) != !rows[i].inner)
            fail_msg("%s: %s", rows[i].text, failed(e) ? e.what : "accepted");
        if (rows[i].inner)
            assert_true(span_equal_str(split.inner, rows[i].inner));
    }
}

/* L22: deep nesting is refused by the scanner itself, which has a fixed stack. */
static void deep_nesting(void **state)
{
    (void)state;
    for (size_t depth = 1; depth <= SIGNED_JSON_DEPTH_MAX + 1; depth++) {
        struct buf text owned(buf_done) = buf_of(DOCUMENT_MAX);
        struct signed_json split;
        buf_add_str(&text, "{\"x\":{\"a\":");
        for (size_t i = 1; i < depth; i++)
            buf_add_str(&text, "[");
        for (size_t i = 1; i < depth; i++)
            buf_add_str(&text, "]");
        buf_add_str(&text, "},\"signature\":\"" HEX_128 "\"}");
        assert_int_equal(!failed(signed_json_split(buf_span(&text), "x", &split)), depth <= SIGNED_JSON_DEPTH_MAX);
    }
}

static bool accepted(const char *path, const char *name, bool identity)
{
    char file[2 * PATH_LEN];
    struct buf text owned(buf_done) = buf_of(DOCUMENT_MAX);
    struct tcb_info *info owned(tcb_info_free) = NULL;
    struct qe_identity *qe owned(qe_identity_free) = NULL;
    struct signed_json split;

    snprintf(file, sizeof(file), "%s/%s", path, name);
    assert_ok(file_read(file, &text));
    if (failed(signed_json_split(buf_span(&text), identity ? "enclaveIdentity" : "tcbInfo", &split)))
        return false;
    return !failed(identity ? qe_identity_parse(split.inner, &qe) : tcb_info_parse(split.inner, &info));
}

/* Files that their authors made to be parsed well; their signatures are of no key that anybody trusts. */
static bool meant_well(const char *name)
{
    return strstr(name, "_ok") || strstr(name, "_with_advisoryids") || strstr(name, "tcbinfo_sgx") || strstr(name, "tcbinfo_tdx") ||
           strstr(name, "_with_pceid") || strstr(name, "AdvisoryIds") || strstr(name, "-tcbInfo.json");
}

static void malformed_documents_of_others(void **state)
{
    (void)state;
    static const char *const folders[] = { "openenclave-tcbinfo", "openenclave-qeidentity" };
    const char *more = options_env("WARDER_MORE_VECTORS");
    size_t refused = 0;

    for (size_t i = 0; i < 2; i++) {
        char path[PATH_LEN];
        if (more)
            snprintf(path, sizeof(path), "%s/intel-negative/%s", more, folders[i]);
        else
            snprintf(path, sizeof(path), "%s/../../../shared/vectors/intel-negative/%s", options_env("WARDER_VECTORS"), folders[i]);
        DIR *d = opendir(path);
        if (!d)
            skip();
        for (struct dirent *e; (e = readdir(d));) {
            if (e->d_name[0] == '.' || meant_well(e->d_name))
                continue;
            if (accepted(path, e->d_name, i == 1))
                fail_msg("%s was accepted", e->d_name);
            refused++;
        }
        closedir(d);
    }
    printf("%zu malformed documents refused\n", refused);
    assert_true(refused > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_tcb_infos),
        cmocka_unit_test(genuine_identity),
        cmocka_unit_test(every_prefix_fails),
        cmocka_unit_test(envelopes),
        cmocka_unit_test(deep_nesting),
        cmocka_unit_test(malformed_documents_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
