// SPDX-License-Identifier: Apache-2.0
/*
 * Conditions on claims: the one policy language of appraisal and transfer policies
 * (docs/policy-language.md). A closed grammar in JSON, in the shape of Azure's secure key release
 * policies:
 *   {"version":"1.0.0","anyOf":[{"allOf":[{"claim":"debug","equals":false},{"claim":"isvsvn","min":3}]}]}
 *
 * Everything that can be known when a policy is written is an error then: unknown claims and
 * operators, values that the claim cannot have, empty sets. A claim that is absent satisfies
 * nothing but {"exists": false}. Every decision explains itself, condition by condition.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/bounds.h"
#include "base/json.h"

struct policy;

/* FAIL_INPUT: `*message` (malloc'ed, may be NULL when memory is short) says where and what:
 * `anyOf[0].allOf[2]: unknown claim "mrtdd"`. */
fallible policy_parse(struct span text, struct policy **out, char **message);
fallible policy_from_json(const json_t *document, struct policy **out, char **message);
void policy_free(struct policy *p);
OWNED_TYPE(struct policy, policy_free)

/* Canonical JSON of the document as it was written: what a policy's digest is made of
 * (digest_text() of it). */
fallible policy_canonical(const struct policy *p, struct buf *out);
/* The document, borrowed. */
const json_t *policy_document(const struct policy *p);

/* The claims that its conditions name, one after another, from *at 0 on; NULL past the last. */
const char *policy_next_claim(const struct policy *p, size_t *at);

/* What parsing cannot say: alternatives that can never be true (errors: do not store such a
 * policy), and what has no effect or is covered by something else (warnings). */
struct policy_remark {
    bool error;
    const char *path;    /* "anyOf[0].allOf[2]", lives as long as the policy */
    const char *message; /* literal */
    const char *advice;  /* what to do; literal */
    const char *other;   /* path of what it is about besides; NULL: nothing */
};
struct policy_remarks {
    struct policy_remark *at; /* owned */
    size_t count;
};
json_t *policy_remark_json(const struct policy_remark *r);
fallible policy_lint(const struct policy *p, struct policy_remarks *out);
void policy_remarks_done(struct policy_remarks *r);
static inline void policy_remarks_donep(struct policy_remarks *r)
{
    policy_remarks_done(r);
}

/* Parsing and lint in one, for those who write policies: every place that is wrong, not only the
 * first. *remarks: [{"level":"error"|"warning","path","message","advice"?,"other"?}]. *out is NULL
 * where the document has an error; `out` may be NULL. A failure is of memory alone. */
fallible policy_check(const json_t *document, struct policy **out, json_t **remarks);
/* The same of its text: JSON that cannot be read is an error among the remarks. */
fallible policy_check_text(struct span text, struct policy **out, json_t **remarks);
bool policy_check_good(const json_t *remarks); /* no error among them */

/* The policy in plain words, one line each: [{"path","depth","text"}]. */
fallible policy_words(const struct policy *p, json_t **out);

/* What `after` changes, in meaning and not in form:
 * {"effect":"same"|"looser"|"tighter"|"different",
 * "identical","changes":[{"kind":"added"|"removed"|"tightened"|"loosened"|"changed"|
 * "alternative added"|"alternative
 * removed","claim","before","after","text","alternatives":[path]}]}. FAIL_LIMIT: more than 64
 * alternatives in one of them. */
fallible policy_diff(const struct policy *before, const struct policy *after, json_t **out);

/* One condition with what was found. Borrows from the policy and from the claims. */
struct policy_finding {
    const char *path;
    const char *claim;
    const char *op;
    const json_t *expected;
    const json_t *actual; /* NULL: the claim is absent */
    bool passed;
    bool blocks; /* it did not pass, and nothing around it passed without it: a reason for the
                    refusal */
    const char *alternative; /* path of the top group's member that it belongs to, "allOf" where the
                                top group has no alternatives */
    bool nearest;            /* of a refusal: it is part of the smallest change that would pass */
};
struct policy_result {
    bool met;
    struct policy_finding *findings; /* owned; every condition, in the order of the document */
    size_t count;
};
/* `claims`: one flat object. `now`: for within_days. All conditions are looked at, whatever the
 * earlier ones said. */
fallible policy_evaluate(const struct policy *p, const json_t *claims, int64_t now,
                         struct policy_result *out);
void policy_result_done(struct policy_result *r);
static inline void policy_result_donep(struct policy_result *r)
{
    policy_result_done(r);
}

/* {"met","findings":[{path,claim,operator,expected,actual,passed}],
 *  "alternatives":[{"path","met","failed":[finding]}]}. The alternatives are the top group's
 * members, with what blocks each. Of a refusal also "nearest", the alternative that the fewest
 * changed conditions would make pass, and "smallest_change":[{"path","claim","needed"}], in words.
 * Copies. */
fallible policy_explain(const struct policy *p, const struct policy_result *r, json_t **out);

/* The condition that would accept what was found, loosened no further than that:
 * {"claim",operator}; NULL where nothing was found, or nothing sensible accepts it. */
json_t *policy_finding_loosened(const struct policy_finding *f, int64_t now);
/* What the policy says of these claims: as policy_explain(), and of a refusal "policy_change":
 * [{"path","instead"}], what would have to stand at each place of the smallest change. */
fallible policy_trial(const struct policy *p, const json_t *claims, int64_t now, json_t **out);

#endif
