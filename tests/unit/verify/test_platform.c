// SPDX-License-Identifier: Apache-2.0
/* Platforms that are remembered: shared by threads, kept over fork, bounded, and never a way around a check. */
#include <pthread.h>
#include <sys/wait.h>

#include "forge_case.h"

#include "base/owned.h"

#define THREADS 8
#define ROUNDS 12
#define MACHINES 12

struct machine {
    struct forge_set set;
    struct collateral_set *collateral;
};
static struct machine machines[MACHINES];

static int machines_open(void **state)
{
    if (world_open(state))
        return 1;
    for (size_t i = 0; i < MACHINES; i++) {
        struct forge_knobs k;
        forge_good(i % 2 ? FORGE_TDX4 : FORGE_SGX3, &k);
        k.pck.ppid[0] = (uint8_t)i; /* another certificate each */
        forge_set_init(&machines[i].set);
        assert_ok(forge_make(&k, &machines[i].set));
        struct collateral_raw raw = forge_set_raw(&machines[i].set);
        assert_ok(collateral_set_load(world.verifier, &raw, &machines[i].collateral));
    }
    return 0;
}

static int machines_close(void **state)
{
    for (size_t i = 0; i < MACHINES; i++) {
        collateral_set_free(machines[i].collateral);
        forge_set_done(&machines[i].set);
    }
    return world_close(state);
}

static bool judged_good(struct verifier *v, const struct machine *m)
{
    struct verify_result *r owned(verify_result_free) = NULL;
    return !failed(verify_evidence(v, buf_span(&m->set.quote), m->collateral, CASE_NOW, (struct span){ 0 }, &r)) &&
           verify_result_verified(r);
}

static void *thread_run(void *start)
{
    size_t wrong = 0;
    for (size_t i = 0; i < ROUNDS * MACHINES; i++)
        wrong += !judged_good(world.verifier, &machines[((size_t)start + i) % MACHINES]);
    return (void *)wrong;
}

static void many_threads_share_one_verifier(void **state)
{
    (void)state;
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, thread_run, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

/* A zygote is told of a platform, and its children know it. */
static void children_know_what_the_parent_knew(void **state)
{
    (void)state;
    struct verify_result *r owned(verify_result_free) = NULL;
    assert_ok(verify_evidence(world.verifier, buf_span(&machines[0].set.quote), machines[0].collateral, CASE_NOW,
                              (struct span){ 0 }, &r));
    assert_ok(verifier_remember(world.verifier, verify_result_pck_chain(r), SPAN("")));
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(judged_good(world.verifier, &machines[0]) && judged_good(world.verifier, &machines[1]) ? 0 : 1);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

/* More platforms than are remembered: old ones make room, and every verdict stays right. */
static void more_platforms_than_fit(void **state)
{
    (void)state;
    struct forge_knobs k;
    forge_good(FORGE_SGX3, &k);
    for (unsigned i = 0; i < 600; i++) {
        struct buf pem owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
        k.pck.ppid[1] = (uint8_t)i;
        k.pck.ppid[2] = (uint8_t)(i >> 8);
        assert_ok(forge_make_pck_chain(&k, &pem));
        assert_ok(verifier_remember(world.verifier, buf_span(&pem), SPAN("")));
    }
    for (size_t i = 0; i < MACHINES; i++)
        assert_true(judged_good(world.verifier, &machines[i]));
}

/* Collateral that was loaded under another verifier's roots is not taken. */
static void a_set_belongs_to_its_verifier(void **state)
{
    (void)state;
    struct verifier *other owned(verifier_free) = NULL;
    struct verify_result *r = NULL;

    assert_ok(verifier_new(NULL, 0, &other));
    assert_fails(verify_evidence(other, buf_span(&machines[0].set.quote), machines[0].collateral, CASE_NOW, (struct span){ 0 }, &r),
                 FAIL_INPUT);
    assert_null(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_share_one_verifier),
        cmocka_unit_test(children_know_what_the_parent_knew),
        cmocka_unit_test(more_platforms_than_fit),
        cmocka_unit_test(a_set_belongs_to_its_verifier),
    };
    return cmocka_run_group_tests(tests, machines_open, machines_close);
}
