// SPDX-License-Identifier: Apache-2.0
#include "attestd/evidence_record.h"
#include "base/base64.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "unit.h"

#define FLOOD 200
#define QUEUE 64 /* of the record, and no more than so many wait */

/* As an issuer's, but for the signature, which nobody looks at here. */
static void statement(struct buf *out, int nth, int64_t now)
{
    struct buf payload owned(buf_done) = buf_of(1024);
    buf_addf(&payload, "{\"jti\":\"id-%d\",\"iat\":%lld,\"warder\":{\"tenant\":\"default\",\"collateral_digest\":\"sha256:aa\"}}", nth,
             (long long)now);
    *out = buf_of(4096);
    buf_add_str(out, "e30.");
    base64url_add(out, buf_span(&payload));
    buf_add_str(out, ".sig");
    assert_ok(buf_check(out));
}

static void keep(struct evidence_record *r, int nth)
{
    const struct work_request q = { .form = EVIDENCE_RECORD, .media_type = SPAN("m"), .evidence = SPAN("quote"), .runtime_data = SPAN("{}") };
    struct buf jws owned(buf_done) = buf_of(0);
    statement(&jws, nth, clock_now());
    evidence_record_keep(r, buf_span(&jws), nth % 2, &q);
}

static size_t kept(struct evidence_store *s)
{
    owned(json_free) json_t *list = NULL;
    assert_ok(evidence_store_list(s, SPAN("default"), clock_now(), &list));
    return json_array_size(list);
}

static fallible opened(const char *url, struct evidence_record **out)
{
    const struct evidence_limits limits = { .count = 1000, .bytes = 1 << 20, .seconds = 3600 };
    return evidence_record_open(url, &limits, out);
}

/* What comes faster than it is written is not kept; what was taken is, at the latest at the end. */
static void test_a_flood_costs_no_more(void **state)
{
    char path[] = "/tmp/warder-record-XXXXXX", url[128];
    owned(evidence_store_close) struct evidence_store *again = NULL;
    const struct evidence_limits limits = { .count = 1000, .bytes = 1 << 20, .seconds = 3600 };
    struct evidence_record *r = NULL;
    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(url, sizeof(url), "sqlite:%s/evidence.db", path);
    assert_ok(opened(url, &r));
    for (int i = 0; i < FLOOD; i++)
        keep(r, i);
    assert_int_equal(kept(evidence_record_store(r)), 0);
    assert_ok(evidence_record_start(r));
    evidence_record_close(r);
    assert_ok(evidence_store_open(url, &limits, &again));
    assert_int_equal(kept(again), QUEUE);
    evidence_store_close(TAKE(again));
    assert_int_equal(unlink(strchr(url, '/')), 0);
    assert_int_equal(rmdir(path), 0);
}

static void test_what_is_kept(void **state)
{
    struct evidence_record *r = NULL;
    struct evidence_kept k owned(evidence_kept_done) = { 0 };
    const uint8_t digest[SHA256_SIZE] = { 0xaa };
    (void)state;
    assert_ok(opened("sqlite::memory:", &r));
    assert_ok(evidence_record_start(r));
    evidence_record_collateral(r, SPAN_OF(digest), SPAN("set"));
    evidence_record_collateral(r, SPAN("short"), SPAN("set"));
    evidence_record_keep(r, SPAN("not a statement"), false, &(struct work_request){ .form = EVIDENCE_RECORD });
    keep(r, 1);
    assert_int_equal(kept(evidence_record_store(r)), 1);
    keep(r, 2);
    assert_int_equal(kept(evidence_record_store(r)), 2); /* who reads waits for what was taken before */
    assert_ok(evidence_store_find(evidence_record_store(r), SPAN("default"), SPAN("id-1"), clock_now(), &k));
    assert_true(span_equal_str(buf_span(&k.evidence), "quote"));
    assert_int_equal(k.collateral.len, 0); /* of another digest */
    evidence_record_close(r);
}

static void test_nothing_is_kept_where_none_shall_be(void **state)
{
    (void)state;
    evidence_record_keep(NULL, SPAN("x"), true, &(struct work_request){ 0 });
    evidence_record_collateral(NULL, SPAN("x"), SPAN("x"));
    assert_ok(evidence_record_start(NULL));
    assert_null(evidence_record_store(NULL));
    evidence_record_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flood_costs_no_more),
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_nothing_is_kept_where_none_shall_be),
    };
    json_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
