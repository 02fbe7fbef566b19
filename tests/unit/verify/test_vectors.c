// SPDX-License-Identifier: Apache-2.0
/*
 * Genuine evidence: each set of tests/vectors/intel, and of the folders that WARDER_MORE_VECTORS names or
 * that lie beside the repository, gives what its meta.json expects. Altered, each is refused.
 */
#include <dirent.h>
#include <stdio.h>

#include "vector_set.h"

#include "crypto/crypto.h"

#define SETS_LEAST 12

struct tally {
    unsigned sets, verified, refused;
};

static void advisories_compare(const json_t *expect, const json_t *claims)
{
    const json_t *wanted = json_object_get(expect, "advisory_ids");
    const json_t *have = json_object_get(claims, "advisory_ids");

    if (!wanted)
        return;
    assert_int_equal(json_array_size(wanted), json_array_size(have));
    for (size_t i = 0; i < json_array_size(wanted); i++) {
        bool found = false;
        for (size_t j = 0; j < json_array_size(have); j++)
            found |= json_equal(json_array_get(wanted, i), json_array_get(have, j));
        assert_true(found);
    }
}

static void claims_compare(const json_t *expect, const json_t *claims)
{
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(expect, "claims"), name, value) {
        if (!json_equal(value, json_object_get(claims, name)))
            fail_msg("claim %s differs", name);
    }
}

/* The failed checks, each with its detail, for messages. */
static void failures_print(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (checks[i].outcome != CHECK_PASSED)
            fprintf(stderr, "    %s: %s\n", checks[i].name, checks[i].detail ? checks[i].detail : "not checked");
}

static void set_compare(const char *name, const struct verify_result *r, const json_t *expect)
{
    const char *verdict = json_string_value(json_object_get(expect, "verdict"));
    const char *status = json_string_value(json_object_get(expect, "tcb_status"));
    bool verified = strcmp(verdict, "verified") == 0;

    if (verified != verify_result_verified(r)) {
        fprintf(stderr, "%s: expected %s, reason \"%s\"\n", name, verdict, verify_result_reason(r));
        failures_print(r);
    }
    assert_int_equal(verified, verify_result_verified(r));
    if (status)
        assert_string_equal(status, verify_result_status(r));
    if (!verified) {
        assert_string_not_equal(verify_result_reason(r), "");
        return;
    }
    claims_compare(expect, verify_result_claims(r));
    advisories_compare(expect, verify_result_claims(r));
}

/* The reason that meta.json gives in words, as the check that it means. */
static void reason_compare(const struct verify_result *r, const json_t *expect)
{
    const char *because = json_string_value(json_object_get(expect, "because"));

    if (!because)
        return;
    if (strstr(because, "not yet valid"))
        assert_int_equal(vector_outcome(r, "pck_validity"), CHECK_FAILED);
    if (strstr(because, "no TCB level"))
        assert_int_equal(vector_outcome(r, "tcb_level"), CHECK_FAILED);
}

static void set_run(const char *folder, const char *name, struct tally *t)
{
    struct vector_set set owned(vector_set_done) = { 0 };

    if (!vector_set_load(folder, name, &set))
        return;
    struct verify_result *r owned(verify_result_free) = vector_verify(&set);
    const json_t *expect = json_object_get(set.meta, "expect");
    set_compare(name, r, expect);
    reason_compare(r, expect);
    t->sets++;
    if (verify_result_verified(r))
        t->verified++;
    else
        t->refused++;
}

static struct tally folder_run(const char *folder)
{
    struct tally t = { 0 };
    DIR *d = opendir(folder);

    if (!d)
        return t;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            set_run(folder, e->d_name, &t);
    closedir(d);
    printf("%s: %u sets, %u verified, %u refused, as expected\n", folder, t.sets, t.verified, t.refused);
    return t;
}

static void own_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    snprintf(folder, sizeof(folder), "%s/intel", vector_root());
    struct tally t = folder_run(folder);
    assert_true(t.sets >= SETS_LEAST);
    assert_true(t.verified && t.refused);
}

static void more_vectors_give_what_they_expect(void **state)
{
    (void)state;
    char folder[VECTOR_PATH_MAX];
    if (!vector_more("intel-full", folder))
        skip();
    assert_true(folder_run(folder).sets > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_vectors_give_what_they_expect),
        cmocka_unit_test(more_vectors_give_what_they_expect),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
