// SPDX-License-Identifier: Apache-2.0
/* The cache's rules against an upstream that does what each test wants. */
#include "attestd/tcs_cache.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/clock.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"

#define NOW 1795435200
#define DAY 86400
#define REFRESH 3600

struct upstream {
    atomic_int calls;
    struct err result;
    int64_t issued, next_update;
    uint64_t evaluation;
    const char *fmspc;
    bool slow;
    char *chain;
};

struct fixture {
    struct upstream upstream;
    struct store *store;
    struct tcs_cache *cache;
};

static const struct tcs_id tcb = { .kind = TCS_TCB_INFO, .tdx = true, .fmspc = "00806F050000" };

/* Percent-encoded PEM of two certificates: the cache checks form, verifiers check signatures. */
static char *make_chain(void)
{
    owned(key_free) struct key *k = NULL;
    owned(cert_free) struct cert *c = NULL;
    struct buf pem owned(buf_done) = buf_of(8192), out owned(buf_done) = buf_of(32768);
    assert_false(failed(key_make_ec(KEY_P256, &k)));
    const struct cert_request r = {
        .common_name = "signer", .key = k, .not_after = NOW + 900 * DAY, .ca = true, .path_len = -1
    };
    assert_false(failed(cert_issue(&r, NULL, k, &c)));
    assert_false(failed(cert_to_pem(c, &pem)));
    for (int twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < pem.len; i++)
            buf_addf(&out, "%%%02X", pem.at[i]);
    return buf_take_str(&out);
}

static fallible fetch(void *context, const struct tcs_id *id, struct tcs_item *out)
{
    struct upstream *u = context;
    char issued[CLOCK_TEXT_MAX], next[CLOCK_TEXT_MAX];
    atomic_fetch_add(&u->calls, 1);
    if (u->slow) {
        const struct timespec t = { .tv_nsec = 200000000 };
        nanosleep(&t, NULL);
    }
    if (failed(u->result))
        return u->result;
    (void)id;
    buf_addf(
        &out->body,
        "{\"tcbInfo\":{\"id\":\"TDX\",\"fmspc\":\"%s\",\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"tcbEvaluationDataNumber\":%d},\"signature\":\"00\"}",
        u->fmspc, clock_format(u->issued, issued), clock_format(u->next_update, next),
        (int)u->evaluation);
    out->chain = strdup(u->chain);
    return buf_check(&out->body);
}

static fallible open_cache(struct fixture *f)
{
    const struct tcs_upstream u = { .fetch = fetch,
                                    .context = &f->upstream,
                                    .refresh_seconds = REFRESH };
    return tcs_cache_new(&u, f->store, &f->cache);
}

static int set_up(void **state)
{
    static struct fixture f;
    static char *chain;
    if (!chain)
        chain = make_chain();
    f = (struct fixture){ .upstream = { .issued = NOW - DAY,
                                        .next_update = NOW + 30 * DAY,
                                        .evaluation = 18,
                                        .fmspc = "00806F050000",
                                        .chain = chain } };
    *state = &f;
    return failed(store_open("sqlite::memory:", &f.store)) || failed(open_cache(&f));
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tcs_cache_free(f->cache);
    store_close(f->store);
    return 0;
}

static struct err get(struct fixture *f, int64_t now, struct tcs_item *out)
{
    tcs_item_done(out);
    *out = tcs_item_of();
    return tcs_cache_get(f->cache, &tcb, now, out);
}

static void test_fetches_once_until_refresh(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    for (int i = 0; i < 5; i++)
        assert_false(failed(get(f, NOW + i, &t)));
    assert_int_equal(f->upstream.calls, 1);
    assert_int_equal(t.evaluation, 18);
    assert_string_equal(t.chain, f->upstream.chain);
    assert_false(failed(get(f, NOW + REFRESH, &t)));
    assert_int_equal(f->upstream.calls, 2);
}

static void test_date_is_the_limit(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    assert_false(failed(get(f, NOW, &t)));
    f->upstream.result = FAIL(UPSTREAM, "down");
    int64_t end = f->upstream.next_update;
    assert_false(failed(get(f, end, &t)));
    assert_int_equal(f->upstream.calls, 2); /* it was asked */
    assert_int_equal(get(f, end + 1, &t).kind, FAIL_UPSTREAM);
    assert_int_equal(t.body.len, 0);
}

static void test_failure_is_not_asked_again_at_once(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.result = FAIL(ABSENT, "no such");
    for (int i = 0; i < TCS_RETRY_SECONDS; i++)
        assert_int_equal(get(f, NOW + i, &t).kind, FAIL_ABSENT);
    assert_int_equal(f->upstream.calls, 1);
    f->upstream.result = OK;
    assert_false(failed(get(f, NOW + TCS_RETRY_SECONDS, &t)));
}

static void test_outlives_restart(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of(),
                      again owned(tcs_item_done) = tcs_item_of();
    assert_false(failed(get(f, NOW, &t)));
    tcs_cache_free(f->cache);
    assert_false(failed(open_cache(f)));
    f->upstream.result = FAIL(UPSTREAM, "down");
    assert_false(failed(get(f, NOW + 1, &again)));
    assert_int_equal(f->upstream.calls, 1);
    assert_true(span_equal(buf_span(&t.body), buf_span(&again.body)));
    assert_string_equal(t.chain, again.chain);
}

/* L42: older than one already seen, however well signed; over a restart too. */
static void test_rollback_is_refused(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    assert_false(failed(get(f, NOW, &t)));
    f->upstream.evaluation = 17;
    assert_false(failed(get(f, NOW + REFRESH, &t)));
    assert_int_equal(t.evaluation, 18);
    tcs_cache_free(f->cache);
    assert_false(failed(open_cache(f)));
    f->upstream.evaluation = 18;
    f->upstream.issued -= DAY;
    assert_false(failed(get(f, NOW + 2 * REFRESH, &t)));
    assert_int_equal(t.issued, NOW - DAY);
    assert_int_equal(get(f, NOW + 31 * DAY, &t).kind, FAIL_UPSTREAM);
    f->upstream.evaluation = 19;
    f->upstream.issued = NOW + 30 * DAY;
    f->upstream.next_update = NOW + 60 * DAY;
    assert_false(failed(get(f, NOW + 32 * DAY, &t)));
    assert_int_equal(t.evaluation, 19);
}

static void test_refuses_what_it_did_not_ask_for(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.fmspc = "00806F050001";
    assert_int_equal(get(f, NOW, &t).kind, FAIL_UPSTREAM);
    f->upstream.fmspc = "00806f050000"; /* either case */
    assert_false(failed(get(f, NOW + 100, &t)));
}

/* The upstream has nothing newer: it is served, asked for again soon, and gone when the upstream
 * fails. */
static void test_past_its_date_at_the_source(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.next_update = NOW - 1;
    assert_false(failed(get(f, NOW, &t)));
    assert_int_equal(t.next_update, NOW - 1);
    assert_false(failed(get(f, NOW + TCS_RETRY_SECONDS - 1, &t)));
    assert_int_equal(f->upstream.calls, 1);
    assert_false(failed(get(f, NOW + TCS_RETRY_SECONDS, &t)));
    assert_int_equal(f->upstream.calls, 2);
    f->upstream.result = FAIL(UPSTREAM, "down");
    assert_int_equal(get(f, NOW + 2 * TCS_RETRY_SECONDS, &t).kind, FAIL_UPSTREAM);
}

static void *ask(void *context)
{
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    return failed(tcs_cache_get(((struct fixture *)context)->cache, &tcb, NOW, &t)) ? context
                                                                                    : NULL;
}

static void test_single_flight(void **state)
{
    struct fixture *f = *state;
    pthread_t threads[64];
    f->upstream.slow = true;
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, f), 0);
    for (size_t i = 0; i < 64; i++) {
        void *bad = NULL;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    assert_int_equal(f->upstream.calls, 1);
}

static void test_many_names_stay_bounded(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    assert_false(failed(get(f, NOW, &t)));
    f->upstream.result = FAIL(ABSENT, "no such");
    for (int i = 0; i < 3 * TCS_ENTRIES_MAX; i++) {
        struct tcs_id id = tcb;
        struct tcs_item none owned(tcs_item_done) = tcs_item_of();
        snprintf(id.fmspc, sizeof(id.fmspc), "%012X", i);
        assert_int_equal(tcs_cache_get(f->cache, &id, NOW, &none).kind, FAIL_ABSENT);
    }
    int calls = f->upstream.calls;
    assert_false(failed(get(f, NOW, &t))); /* the store still has it */
    assert_int_equal(f->upstream.calls, calls);
}

static int group_set_up(void **state)
{
    (void)state;
    return failed(crypto_start(CRYPTO_MEMORY_PLAIN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fetches_once_until_refresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_date_is_the_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failure_is_not_asked_again_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outlives_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rollback_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_what_it_did_not_ask_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_past_its_date_at_the_source, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_single_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_names_stay_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, group_set_up, NULL);
}
