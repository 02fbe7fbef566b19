// SPDX-License-Identifier: Apache-2.0
/* The cache's rules against an upstream that does what each test wants. */
#include "attestd/tcs_bring.h"
#include "attestd/tcs_refresh.h"

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
    size_t count, broken; /* upstreams; how many of them, from the first, do not answer */
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

static size_t count(void *context, const struct tcs_id *id)
{
    (void)id;
    return ((struct upstream *)context)->count;
}

static fallible fetch(void *context, size_t at, const struct tcs_id *id, struct tcs_item *out)
{
    struct upstream *u = context;
    char issued[CLOCK_TEXT_MAX], next[CLOCK_TEXT_MAX];
    atomic_fetch_add(&u->calls, 1);
    if (u->slow) {
        const struct timespec t = { .tv_nsec = 200000000 };
        nanosleep(&t, NULL);
    }
    if (failed(u->result) || at < u->broken)
        return failed(u->result) ? u->result : FAIL(UPSTREAM, "broken");
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
    const struct tcs_source u = { .fetch = fetch,
                                    .count = count,
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
                                        .chain = chain,
                                        .count = 1 } };
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
    for (int i = 0; i < TCS_ABSENT_SECONDS; i++)
        assert_int_equal(get(f, NOW + i, &t).kind, FAIL_ABSENT);
    assert_int_equal(f->upstream.calls, 1);
    f->upstream.result = OK;
    assert_false(failed(get(f, NOW + TCS_ABSENT_SECONDS, &t)));
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

/* An upstream has nothing newer: that is served to those who waited for this answer, and to nobody
 * later, not even a second. */
static void test_past_its_date_at_the_source(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.next_update = NOW - 1;
    assert_false(failed(get(f, NOW, &t)));
    assert_int_equal(t.next_update, NOW - 1);
    assert_false(failed(get(f, NOW, &t)));
    assert_int_equal(f->upstream.calls, 2); /* asked anew for each */
    f->upstream.result = FAIL(UPSTREAM, "down");
    assert_int_equal(get(f, NOW, &t).kind, FAIL_UPSTREAM);
    assert_int_equal(get(f, NOW + 1, &t).kind, FAIL_UPSTREAM);
}

/* Failures double the pause until the upstream is asked again. */
static void test_pauses_grow(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.result = FAIL(UPSTREAM, "down");
    for (int i = 0; i < 600; i++)
        assert_int_equal(get(f, NOW + i, &t).kind, FAIL_UPSTREAM);
    assert_in_range(f->upstream.calls, 5, 20);
    f->upstream.result = OK;
    assert_false(failed(get(f, NOW + 600 + TCS_RETRY_MAX, &t)));
}

static void test_upstreams_in_their_order(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.count = 3;
    f->upstream.broken = 2;
    assert_false(failed(get(f, NOW, &t)));
    assert_int_equal(f->upstream.calls, 3);
    f->upstream.broken = 3;
    assert_false(failed(get(f, NOW + REFRESH, &t))); /* what is there stays in force */
    assert_int_equal(f->upstream.calls, 6);
}

static void test_without_upstreams(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    f->upstream.count = 0;
    assert_int_equal(get(f, NOW, &t).kind, FAIL_ABSENT);
    f->upstream.count = 1;
    assert_false(failed(get(f, NOW, &t)));
    f->upstream.count = 0;
    assert_false(failed(get(f, f->upstream.next_update + 1, &t)));
}

/* A clock that is behind what was signed before is wrong; after a restart too. */
static void test_clock_behind_signed_dates(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    assert_false(failed(get(f, NOW, &t)));
    int64_t newest = f->upstream.issued;
    for (int restart = 0; restart < 2; restart++) {
        assert_false(failed(get(f, newest, &t)));
        assert_int_equal(get(f, newest - TCS_CLOCK_SKEW - 1, &t).kind, FAIL_UPSTREAM);
        tcs_cache_free(f->cache);
        assert_false(failed(open_cache(f)));
    }
}

static void deliver(struct fixture *f, struct tcs_delivery *d, const char *fmspc, uint64_t number)
{
    struct tcs_id id = tcb;
    memcpy(id.fmspc, fmspc, sizeof(id.fmspc));
    struct tcs_brought *b = tcs_delivery_add(d, &id);
    f->upstream.evaluation = number;
    f->upstream.fmspc = fmspc;
    assert_non_null(b);
    assert_false(failed(fetch(&f->upstream, 0, &id, &b->item)));
}

static fallible refuse(struct store *s, void *context)
{
    (void)s;
    (void)context;
    return FAIL(DENIED, "no");
}

/* All or nothing: one that is older keeps all out; so does what comes along. */
static void test_bring(void **state)
{
    struct fixture *f = *state;
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    struct tcs_id other = tcb;
    memcpy(other.fmspc, "00906ED50000", sizeof(other.fmspc));
    assert_false(failed(get(f, NOW, &t)));
    f->upstream.count = 0;
    struct tcs_delivery d owned(tcs_delivery_done) = { 0 };
    deliver(f, &d, other.fmspc, 5);
    deliver(f, &d, "00806F050000", 17);
    assert_int_equal(tcs_bring(f->cache, &d, NOW, NULL, NULL).kind, FAIL_UPSTREAM);
    assert_string_equal(d.refused, "tdx/tcb/00806F050000/standard");
    struct tcs_item none owned(tcs_item_done) = tcs_item_of();
    assert_int_equal(tcs_cache_get(f->cache, &other, NOW, &none).kind, FAIL_ABSENT);

    struct tcs_delivery good owned(tcs_delivery_done) = { 0 };
    deliver(f, &good, other.fmspc, 5);
    deliver(f, &good, "00806F050000", 19);
    assert_int_equal(tcs_bring(f->cache, &good, NOW, refuse, NULL).kind, FAIL_DENIED);
    assert_int_equal(tcs_cache_get(f->cache, &other, NOW, &none).kind, FAIL_ABSENT);
    assert_false(failed(tcs_bring(f->cache, &good, NOW, NULL, NULL)));
    assert_false(failed(tcs_cache_get(f->cache, &other, NOW, &none)));
    assert_false(failed(get(f, NOW, &t)));
    assert_int_equal(t.evaluation, 19);
    /* Ahead of the clock. */
    struct tcs_delivery early owned(tcs_delivery_done) = { 0 };
    f->upstream.issued = NOW + DAY;
    deliver(f, &early, other.fmspc, 5);
    assert_int_equal(tcs_bring(f->cache, &early, NOW, NULL, NULL).kind, FAIL_UPSTREAM);
}

static void test_when_to_refresh(void **state)
{
    (void)state;
    static const struct {
        enum tcs_kind kind;
        int64_t age, left;
        bool due;
    } rows[] = {
        { TCS_TCB_INFO, 10, 29 * DAY, false },
        { TCS_TCB_INFO, DAY, 29 * DAY, true },
        { TCS_TCB_INFO, 3599, 5 * DAY, false }, /* the last quarter of its life: hourly */
        { TCS_TCB_INFO, 3600, 5 * DAY, true },
        { TCS_TCB_INFO, 3600, -DAY, true },
        { TCS_VCEK, 300 * DAY, 365 * DAY, false },
        { TCS_VCEK, 2 * DAY, 20 * DAY, true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tcs_listed row = { .id = { .kind = rows[i].kind },
                                        .issued = NOW + rows[i].left - 30 * DAY,
                                        .next_update = NOW + rows[i].left,
                                        .fetched_at = NOW - rows[i].age };
        if (tcs_refresh_is_due(&row, DAY, NOW) != rows[i].due)
            fail_msg("row %zu", i);
    }
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
        cmocka_unit_test_setup_teardown(test_pauses_grow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_upstreams_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_upstreams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clock_behind_signed_dates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bring, set_up, tear_down),
        cmocka_unit_test(test_when_to_refresh),
        cmocka_unit_test_setup_teardown(test_single_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_names_stay_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, group_set_up, NULL);
}
