// SPDX-License-Identifier: Apache-2.0
/* libwarder-verify as another program has it: no I/O, many threads, arguments that are wrong. */
#include "../verify/vector_set.h"

#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "warder/verify.h"

#define ITEMS_MAX COLLATERAL_PARTS
#define THREADS 8
#define ROUNDS 12

/* A vector as the library takes it. */
struct sample {
    struct vector_set set;
    struct warder_item items[ITEMS_MAX];
    size_t count;
    struct warder_collateral *collateral;
    bool verified;
};

static struct sample samples[3];
static const char *const names[] = { "sgx3-plat-00606a000000-77bcbd-ev15-2759",
                                     "tdx4-plat-50806f000000-12b401-ev15-1a97",
                                     "tdx4-plat-90c06f000000-cbdb5b-ev17-7d30" };

static struct warder_bytes bytes_of(struct span s)
{
    return (struct warder_bytes){ s.at, s.len };
}

static int samples_open(void **state)
{
    char folder[VECTOR_PATH_MAX];

    (void)state;
    snprintf(folder, sizeof(folder), "%s/intel", vector_root());
    for (size_t i = 0; i < 3; i++) {
        struct sample *s = &samples[i];
        assert_true(vector_set_load(folder, names[i], &s->set));
        s->verified = !strcmp(
            json_string_value(json_object_get(json_object_get(s->set.meta, "expect"), "verdict")),
            "verified");
        for (size_t part = 0; part < COLLATERAL_PARTS; part++)
            if (s->set.collateral.parts[part].len)
                s->items[s->count++] =
                    (struct warder_item){ collateral_part_name(part),
                                          bytes_of(buf_span(&s->set.collateral.parts[part])) };
    }
    return 0;
}

static int samples_close(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3; i++)
        vector_set_done(&samples[i].set);
    return 0;
}

static struct warder_verifier *opened(void)
{
    struct warder_verifier *v = NULL;
    assert_int_equal(warder_verifier_new(NULL, 0, &v), WARDER_OK);
    return v;
}

static bool right(struct warder_verifier *v, const struct sample *s,
                  const struct warder_collateral *c)
{
    char *json = NULL;
    enum warder_verdict verdict =
        warder_verify(v, bytes_of(buf_span(&s->set.quote)), c, s->set.verify_at, NULL, &json);
    bool said =
        json && strstr(json, s->verified ? "\"verdict\":\"verified\"" : "\"verdict\":\"refused\"");

    free(json);
    return said && verdict == (s->verified ? WARDER_VERIFIED : WARDER_REFUSED);
}

static void verdicts(void **state)
{
    struct warder_verifier *v = opened();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct warder_collateral *c = NULL;
        assert_int_equal(warder_collateral_load(v, samples[i].items, samples[i].count, &c),
                         WARDER_OK);
        assert_true(warder_collateral_expires(c) > samples[i].set.verify_at);
        assert_true(right(v, &samples[i], c) &&
                    right(v, &samples[i], c)); /* the second time the platform is known */
        assert_int_equal(warder_verify(v, bytes_of(buf_span(&samples[i].set.quote)), NULL,
                                       samples[i].set.verify_at, NULL, NULL),
                         WARDER_REFUSED);
        warder_collateral_free(c);
    }
    warder_verifier_free(v);
}

static void wrong_arguments(void **state)
{
    struct warder_verifier *v = opened(), *other = opened(), *none = NULL;
    struct warder_collateral *c = NULL;
    const struct warder_bytes junk = { "junk", 4 };
    const struct warder_item unknown = { "tcb_info", junk }, nameless = { NULL, junk };
    const struct warder_item twice[] = { { "tcb_info.json", junk }, { "tcb_info.json", junk } };
    const struct warder_item large = { "tcb_info.json", { "", COLLATERAL_PART_MAX + 1 } };
    struct warder_bytes roots[17] = { { NULL, 0 } };
    char *json = NULL;

    (void)state;
    assert_int_equal(warder_collateral_load(v, &unknown, 1, &c), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_collateral_load(v, &nameless, 1, &c), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_collateral_load(v, twice, 2, &c), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_collateral_load(v, &large, 1, &c), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_collateral_load(NULL, NULL, 0, &c), WARDER_BAD_ARGUMENT);
    assert_null(c);
    assert_int_equal(warder_verifier_new(&junk, 1, &none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_new(roots, 17, &none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_new(NULL, 1, &none), WARDER_BAD_ARGUMENT);
    assert_null(none);
    assert_int_equal(warder_evidence_needs(junk, &json), WARDER_BAD_ARGUMENT);
    assert_null(json);
    assert_int_equal(warder_collateral_load(v, NULL, 0, &c),
                     WARDER_OK); /* nothing: usable for nothing */
    assert_int_equal(warder_collateral_expires(c), 0);
    json = (char *)"";
    assert_int_equal(warder_verify(other, junk, c, 0, NULL, &json),
                     WARDER_ERROR); /* another verifier's */
    assert_null(json);
    assert_int_equal(warder_verify(NULL, junk, NULL, 0, NULL, NULL), WARDER_ERROR);
    assert_int_equal(warder_verify(v, junk, c, 0, NULL, NULL), WARDER_REFUSED);
    warder_collateral_free(c);
    warder_collateral_free(NULL);
    warder_verifier_free(v);
    warder_verifier_free(other);
    warder_verifier_free(NULL);
}

static void needs(void **state)
{
    char *json = NULL;

    (void)state;
    assert_int_equal(warder_evidence_needs(bytes_of(buf_span(&samples[1].set.quote)), &json),
                     WARDER_OK);
    assert_string_equal(json, "{\"tee\":\"tdx\",\"fmspc\":\"50806f000000\",\"ca\":\"platform\"}");
    free(json);
}

static void trust_in_tpms(void **state)
{
    struct warder_verifier *v = NULL;
    const struct warder_bytes none = { NULL, 0 }, junk = { "junk", 4 };
    const struct warder_bytes empty = bytes_of(SPAN("{\"version\":1,\"keys\":[]}"));

    (void)state;
    assert_int_equal(warder_verifier_new(NULL, 0, &v), WARDER_OK);
    assert_int_equal(warder_verifier_trust_tpms(v, NULL, 0, none), WARDER_OK);
    assert_int_equal(warder_verifier_trust_tpms(v, NULL, 0, empty), WARDER_OK);
    assert_int_equal(warder_verifier_trust_tpms(v, NULL, 0, junk), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_trust_tpms(v, &junk, 1, none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_trust_tpms(v, NULL, 1, none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_trust_tpms(v, &junk, 17, none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_trust_tpms(NULL, NULL, 0, none), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_revoke_tpms(v, NULL, 0), WARDER_OK);
    assert_int_equal(warder_verifier_revoke_tpms(v, &junk, 1), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_revoke_tpms(v, NULL, 1), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_revoke_tpms(v, &junk, 17), WARDER_BAD_ARGUMENT);
    assert_int_equal(warder_verifier_revoke_tpms(NULL, NULL, 0), WARDER_BAD_ARGUMENT);
    warder_verifier_free(v);
}

static void expected_report_data(void **state)
{
    struct warder_verifier *v = opened();
    struct warder_collateral *c = NULL;
    struct sample *s = &samples[1];
    uint8_t data[64];

    (void)state;
    assert_int_equal(warder_collateral_load(v, s->items, s->count, &c), WARDER_OK);
    memcpy(data, s->set.quote.at + 48 + 520, sizeof(data));
    assert_int_equal(
        warder_verify(v, bytes_of(buf_span(&s->set.quote)), c, s->set.verify_at, data, NULL),
        WARDER_VERIFIED);
    data[63] ^= 1;
    assert_int_equal(
        warder_verify(v, bytes_of(buf_span(&s->set.quote)), c, s->set.verify_at, data, NULL),
        WARDER_REFUSED);
    warder_collateral_free(c);
    warder_verifier_free(v);
}

/* What memory and threads need; every other system call kills. */
static void sandbox_close(void)
{
    static const int allowed[] = {
        SCMP_SYS(brk),         SCMP_SYS(mmap),       SCMP_SYS(munmap),
        SCMP_SYS(mremap),      SCMP_SYS(mprotect),   SCMP_SYS(madvise),
        SCMP_SYS(futex),       SCMP_SYS(exit_group), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(sigaltstack), SCMP_SYS(getpid),     SCMP_SYS(gettid),
        SCMP_SYS(sched_yield)
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

    for (size_t i = 0; filter && i < sizeof(allowed) / sizeof(*allowed); i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0))
            _exit(3);
    if (!filter || seccomp_load(filter))
        _exit(3);
}

/* A child that can do nothing but compute: loads collateral, verifies, and says by its status
 * whether all was right. */
static int confined(bool open_a_file)
{
    struct warder_verifier *v = opened();
    bool good = true;

    sandbox_close();
    if (open_a_file)
        (void)access("/", F_OK);
    for (size_t i = 0; i < 3; i++) {
        struct warder_collateral *c = NULL;
        good = good &&
               warder_collateral_load(v, samples[i].items, samples[i].count, &c) == WARDER_OK &&
               right(v, &samples[i], c);
        warder_collateral_free(c);
    }
    return good ? 0 : 1;
}

static int child_status(bool open_a_file)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit(confined(open_a_file));
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

static void no_system_call_but_memory(void **state)
{
    (void)state;
    assert_int_equal(child_status(false), 0);
    int status = child_status(true); /* the filter does kill */
    assert_true(WIFSIGNALED(status));
}

static struct warder_verifier *shared;

/* All threads use one verifier, sets that are shared and sets of their own, good evidence and bad.
 */
static void *hammer(void *number)
{
    size_t failures = 0;

    for (size_t round = 0; round < ROUNDS; round++) {
        struct sample *s = &samples[(round + (size_t)number) % 3];
        struct warder_collateral *own = NULL;
        failures += !right(shared, s, s->collateral);
        failures += warder_collateral_load(shared, s->items, s->count, &own) != WARDER_OK ||
                    !right(shared, s, own);
        failures += warder_verify(shared, (struct warder_bytes){ "x", 1 }, own, 0, NULL, NULL) !=
                    WARDER_REFUSED;
        warder_collateral_free(own);
    }
    return (void *)failures;
}

static void many_threads(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    shared = opened();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(warder_collateral_load(shared, samples[i].items, samples[i].count,
                                                &samples[i].collateral),
                         WARDER_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failures = NULL;
        assert_int_equal(pthread_join(threads[i], &failures), 0);
        assert_null(failures);
    }
    for (size_t i = 0; i < 3; i++)
        warder_collateral_free(samples[i].collateral);
    warder_verifier_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            no_system_call_but_memory), /* first: nothing is warm but what a verifier makes warm */
        cmocka_unit_test(verdicts),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(needs),
        cmocka_unit_test(trust_in_tpms),
        cmocka_unit_test(expected_report_data),
        cmocka_unit_test(many_threads),
    };
    return cmocka_run_group_tests(tests, samples_open, samples_close);
}
