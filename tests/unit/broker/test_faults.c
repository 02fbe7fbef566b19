// SPDX-License-Identifier: Apache-2.0
/*
 * Planted faults: genuine claims of every kind of evidence, a policy that they satisfy, and one
 * claim turned wrong. For every operator the explanation names the planted one and nothing else,
 * and the request as its record has it is decided the same way again.
 */
#include "broker/release_internal.h"
#include "fault.h"
#include "real_claims.h"

#include "base/clock.h"
#include "crypto/crypto.h"
#include "unit.h"

#define FAULTS_LEAST 500
#define OTHERS 4 /* further conditions in the alternative that is nearly met */
#define PLACES (OTHERS + 1)

static struct {
    unsigned all, of_operator[32], of_tee[8];
} planted;

static const char *const tees[] = { "sgx", "tdx", "snp", "tpm", "azure-vtpm" };

static json_t *condition(const char *claim, const char *op, json_t *value)
{
    json_t *c = json_object();

    json_set_str(c, "claim", claim);
    json_object_set_new(c, op, value);
    return c;
}

static bool is_plain(const char *name)
{
    const struct claim_row *row = claim_find(span_str(name));
    return row && strcmp(name, "tee") &&
           (row->type == CLAIM_BOOL || row->type == CLAIM_NUMBER || row->type == CLAIM_HEX);
}

/* Other claims with the values that they have, and in `far` with others. */
static void add_others(const json_t *claims, const char *but, size_t from, json_t *near,
                       json_t *far)
{
    size_t left = OTHERS, at = 0;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)claims, name, value)
    {
        if (!left || at++ < from || !strcmp(name, but) || !is_plain(name))
            continue;
        json_t *other = fault_other(claim_find(span_str(name)), value);
        if (!other)
            continue;
        json_array_append_new(near, condition(name, "equals", json_deep_copy(value)));
        json_array_append_new(far, condition(name, "equals", other));
        left--;
    }
}

/* The planted condition among others, in one of two alternatives; the other is far from met. */
static json_t *policy_of(const json_t *claims, const char *name, const char *op,
                         const json_t *expected, size_t turn)
{
    json_t *near = json_array(), *far = json_array(), *any = json_array();

    add_others(claims, name, turn % 3, near, far);
    size_t place = json_array_size(near) ? turn % json_array_size(near) : 0;
    json_array_insert_new(near, place, condition(name, op, json_deep_copy(expected)));
    json_array_append_new(any, json_pack("{s:o}", "allOf", turn % 2 ? near : far));
    json_array_append_new(any, json_pack("{s:o}", "allOf", turn % 2 ? far : near));
    return json_pack("{s:[O],s:{s:s,s:o}}", "attestation_types", json_object_get(claims, "tee"),
                     "conditions", "version", "1.0.0", "anyOf", any);
}

struct judged {
    struct release r;
    struct broker_request q;
    struct outcome o;
};

static void judged_done(struct judged *j)
{
    release_done(&j->r);
    outcome_done(&j->o);
}
static inline void judged_donep(struct judged *j)
{
    judged_done(j);
}

static void start(struct judged *j, struct transfer_policy *p, int64_t now)
{
    *j = (struct judged){ .q = { .now = now } };
    j->r = (struct release){ .q = &j->q, .o = &j->o, .has_policy = true, .at = now };
    j->r.policy.policy = transfer_policy_ref(p);
}

static void judge(struct judged *j, struct transfer_policy *p, const json_t *claims, int64_t now)
{
    start(j, p, now);
    j->r.attestation.all = json_pack("{s:{s:{s:s}},s:O,s:[{s:s}]}", "submods", "tee", "ear.status",
                                     "affirming", "claims", claims, "policies", "id", "default");
    j->r.attestation.claims = json_object_get(j->r.attestation.all, "claims");
    j->r.attestation.policies = json_object_get(j->r.attestation.all, "policies");
    j->r.attestation.verified = j->r.attested = true;
    assert_ok(release_judge(&j->r));
}

/* What the audit log would keep, through its text. */
static json_t *record_of(const struct judged *j)
{
    json_t *record owned(json_free) = json_object(), *again = NULL;
    char time[CLOCK_TEXT_MAX];

    json_set_str(record, "time", clock_format(j->q.now, time));
    record_attestation(record, &j->r.attestation);
    json_object_set_new(record, "facts", release_facts(&j->r, record));
    char *text owned(free) = json_text(record);
    assert_ok(json_parse_object(span_str(text), &again));
    return again;
}

static void replays(const struct judged *before, struct transfer_policy *p)
{
    json_t *record owned(json_free) = record_of(before);
    struct judged again owned(judged_done);

    start(&again, p, before->q.now + 1000);
    assert_ok(release_recall(&again.r, record));
    assert_ok(release_judge(&again.r));
    assert_int_equal(again.r.decided, before->r.decided);
    assert_int_equal(again.r.at, before->r.at);
    assert_true(json_equal(again.r.checks, before->r.checks));
    assert_true(before->r.change ? json_equal(again.r.change, before->r.change) : !again.r.change);
    json_t *unrecorded owned(json_free) = release_unrecorded(p, record);
    size_t gone = before->r.decided == CODE_OK ? 0 : json_array_size(unrecorded);
    assert_true(gone <= 1); /* a claim that was not there is not on record */
}

static const char *text_of(const json_t *j, const char *name)
{
    return json_string_value(json_object_get(j, name)) ?: "";
}

static void names_it(const struct judged *j, const char *name, const struct operator_row *op,
                     const struct fault *f)
{
    const json_t *change = json_array_get(j->r.change, 0),
                 *actual = json_object_get(change, "actual");
    char reason[OUTCOME_DETAIL_SIZE];

    if (json_array_size(j->r.change) != 1 || strcmp(text_of(change, "claim"), name) != 0)
        fail_msg("%s %s: %s", name, op->name, json_text(j->r.change));
    assert_string_equal(text_of(change, "operator"), op->name);
    assert_true(json_equal(json_object_get(change, "expected"), f->expected));
    assert_true(f->wrong ? json_equal(actual, f->wrong) : json_is_null(actual));
    assert_int_equal(strncmp(text_of(change, "rule"), "conditions.anyOf[", 17), 0);
    assert_true(*text_of(change, "needed"));
    assert_non_null(strstr(release_reason(&j->r, reason), name));
}

static void count(const char *tee, const struct operator_row *op)
{
    planted.all++;
    for (size_t i = 0; i < sizeof tees / sizeof tees[0]; i++)
        planted.of_tee[i] += !strcmp(tees[i], tee);
    for (size_t i = 0; operator_name(i); i++)
        planted.of_operator[i] += !strcmp(operator_name(i), op->name);
}

static void plant(const json_t *claims, const char *name, const struct operator_row *op,
                  const struct fault *f)
{
    json_t *document owned(json_free) = policy_of(claims, name, op->name, f->expected, planted.all);
    json_t *wrong owned(json_free) = json_copy((json_t *)claims);
    struct transfer_policy *p owned(transfer_policy_free) = NULL;
    struct judged good owned(judged_done), bad owned(judged_done);
    char *message owned(free) = NULL;

    if (failed(transfer_policy_parse(document, &p, &message)))
        fail_msg("%s %s: %s", name, op->name, message);
    judge(&good, p, claims, f->now);
    assert_int_equal(good.r.decided, CODE_OK);
    assert_null(good.r.change);
    replays(&good, p);
    if (f->wrong)
        json_object_set(wrong, name, f->wrong);
    else
        json_object_del(wrong, name);
    judge(&bad, p, wrong, f->now);
    assert_int_equal(bad.r.decided, CODE_POLICY_REFUSED);
    names_it(&bad, name, op, f);
    replays(&bad, p);
    count(text_of(claims, "tee"), op);
}

static void plant_all(const json_t *claims)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)claims, name, value)
    {
        const struct claim_row *row = claim_find(span_str(name));
        if (!row)
            fail_msg("claim %s is not in the table", name);
        for (size_t i = 0; operator_name(i) && strcmp(name, "tee");
             i++) { /* tee: attestation_types refuses it too */
            const struct operator_row *op = operator_find(span_str(operator_name(i)));
            struct fault f owned(fault_done) = { 0 };
            if (fault_make(op, row, value, &f))
                plant(claims, name, op, &f);
        }
    }
}

static void every_planted_fault_is_named_and_replayed(void **state)
{
    json_t *claims = NULL;
    const char *name;

    (void)state;
    for (size_t i = 0; real_claims(i, &name, &claims); i++) {
        if (!claims)
            continue;
        plant_all(claims);
        json_free(claims);
        claims = NULL;
    }
    printf("%u faults\n", planted.all);
    assert_true(planted.all >= FAULTS_LEAST);
    for (size_t i = 0; i < sizeof tees / sizeof tees[0]; i++)
        if (planted.of_tee[i] < 50)
            fail_msg("%s: %u faults", tees[i], planted.of_tee[i]);
    for (size_t i = 0; operator_name(i); i++)
        if (planted.of_operator[i] < 5)
            fail_msg("%s: %u faults", operator_name(i), planted.of_operator[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        every_planted_fault_is_named_and_replayed) };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
