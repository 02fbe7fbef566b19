// SPDX-License-Identifier: Apache-2.0
#include "token/measurements.h"

#include "signers.h"
#include "unit.h"

#define NOW 1795435200 /* 2026-11-23T12:00:00Z */
#define SETS "\"sets\":[{\"name\":\"one\",\"claims\":{\"seamsvn\":5}}]"
#define GOOD "{\"name\":\"web\",\"issued\":\"2026-11-23T11:00:00Z\"," SETS "}"

static void sign(const struct key *k, const struct key *named, const char *typ, const char *payload,
                 struct buf *out)
{
    char kid[THUMBPRINT_TEXT_SIZE];
    owned(json_free) json_t *header = json_object();
    assert_ok(key_thumbprint(named, kid));
    json_set_str(header, "typ", typ);
    json_set_str(header, "kid", kid);
    assert_ok(jws_sign(k, header, span_str(payload), out));
}

static void test_good(void **state)
{
    struct fixture *f = *state;
    struct buf jws owned(buf_done) = buf_of(8192);
    owned(json_free) json_t *bundle = NULL;
    sign(f->key, f->key, MEASUREMENTS_TYP, GOOD, &jws);
    assert_ok(measurements_verify(buf_span(&jws), f->keys, NOW, &bundle));
    assert_int_equal(json_array_size(json_object_get(bundle, "sets")), 1);
}

static void test_refused(void **state)
{
    static const struct {
        const char *typ, *payload;
        enum fail_kind kind;
        bool by_stranger, as_stranger;
    } rows[] = {
        { MEASUREMENTS_TYP, GOOD, FAIL_DENIED, .by_stranger = true },
        { MEASUREMENTS_TYP, GOOD, FAIL_DENIED, .by_stranger = true, .as_stranger = true },
        { "JWT", GOOD, FAIL_DENIED, 0, 0 },
        { NULL, GOOD, FAIL_DENIED, 0, 0 },
        { MEASUREMENTS_TYP, "{\"name\":\"web\",\"issued\":\"2026-11-24T11:00:00Z\"," SETS "}",
          FAIL_DENIED, 0, 0 },
        { MEASUREMENTS_TYP,
          "{\"name\":\"web\",\"issued\":\"2026-11-22T11:00:00Z\",\"expires\":\"2026-11-23T12:00:"
          "00Z\"," SETS "}",
          FAIL_DENIED, 0, 0 },
        { MEASUREMENTS_TYP, "{\"name\":\"web\",\"issued\":\"today\"," SETS "}", FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP, "{\"issued\":\"2026-11-23T11:00:00Z\"," SETS "}", FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP, "{\"name\":\"\",\"issued\":\"2026-11-23T11:00:00Z\"," SETS "}",
          FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP, "{\"name\":\"web\",\"issued\":\"2026-11-23T11:00:00Z\",\"sets\":[]}",
          FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP, "{\"name\":\"web\",\"issued\":\"2026-11-23T11:00:00Z\",\"sets\":[3]}",
          FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP,
          "{\"name\":\"web\",\"issued\":\"2026-11-23T11:00:00Z\",\"sets\":[{\"name\":\"a\","
          "\"claims\":{}}]}",
          FAIL_INPUT, 0, 0 },
        { MEASUREMENTS_TYP,
          "{\"name\":\"web\",\"x\":1,\"issued\":\"2026-11-23T11:00:00Z\"," SETS "}", FAIL_INPUT, 0,
          0 },
        { MEASUREMENTS_TYP, "[]", FAIL_INPUT, 0, 0 },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf jws owned(buf_done) = buf_of(8192);
        json_t *bundle = NULL;
        sign(rows[i].by_stranger ? f->stranger : f->key, rows[i].as_stranger ? f->stranger : f->key,
             rows[i].typ, rows[i].payload, &jws);
        struct err e = measurements_verify(buf_span(&jws), f->keys, NOW, &bundle);
        if (e.kind != rows[i].kind)
            fail_msg("%zu: %s: %s", i, rows[i].payload, e.what ? e.what : "taken");
        assert_null(bundle);
    }
}

static void test_prefixes(void **state)
{
    struct fixture *f = *state;
    struct buf jws owned(buf_done) = buf_of(8192);
    json_t *bundle = NULL;
    sign(f->key, f->key, MEASUREMENTS_TYP, GOOD, &jws);
    for (size_t len = 0; len < jws.len; len++)
        assert_true(
            failed(measurements_verify(span_head(buf_span(&jws), len), f->keys, NOW, &bundle)));
    assert_null(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
