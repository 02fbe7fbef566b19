// SPDX-License-Identifier: Apache-2.0
/* POST /kbs/v1/keys/{id}/transfer, and /use, which keyd tells apart by the path that the proof
 * covers: first a challenge, then evidence or a token with the proof. POST /kbs/v1/leases: the same
 * two rounds for what is held. POST /kbs/v1/keys/{id}/policy-test: what a release would be decided
 * on, and how. */
#include "base/log.h"
#include "kbsd/kbs.h"

#define STATEMENT_MAX (128U << 10)

static struct broker_request transfer_question(const struct http_exchange *x)
{
    struct broker_request q = kbs_question(x);
    q.path = http_path(x);
    q.proof = http_header(x, "Warder-Proof");
    q.certificate = http_client_cert_der(x);
    q.source = span_str(http_peer(x));
    return q;
}

static bool plan_says(const json_t *plan, const char *level)
{
    const char *text = json_string_value(json_object_get(plan, "attestation"));
    return text && !strcmp(text, level);
}

/* keyd puts its refusal on record, of a release. */
static void refuse_without_policy(struct http_exchange *x, struct kbs *k,
                                  const struct broker_request *q, bool trial)
{
    if (trial)
        http_answer_problem(x, 404, "policy_not_found",
                            "the policy names an appraisal policy that does not exist");
    else
        kbs_forward(x, k, OPERATION_RELEASE_WITHOUT_POLICY, q, 200);
}

/* Has the evidence appraised; q gets the service's signed word. False: the exchange has been
 * answered. */
static bool get_statement(struct http_exchange *x, struct kbs *k, const json_t *body,
                          const json_t *plan, bool trial, struct buf *statement,
                          struct broker_request *q)
{
    enum appraisal result;

    if (plan_says(plan, "none"))
        return true;
    if (failed(appraise(k->as, body, plan, &result, statement)))
        result = APPRAISAL_UNAVAILABLE;
    switch (result) {
    case APPRAISED:
        q->attestation = buf_span(statement);
        return true;
    case APPRAISAL_REFUSED:
        q->refusal = buf_span(statement);
        return true;
    case APPRAISAL_UNAVAILABLE:
        if (plan_says(plan, "observe")) /* is noted, and costs nobody a key */
            return true;
        http_answer_problem(x, 503, "attestation_service_unavailable",
                            "the evidence cannot be appraised now: try again");
        return false;
    case APPRAISAL_POLICY_UNKNOWN:
        if (plan_says(plan, "observe"))
            return true;
        refuse_without_policy(x, k, q, trial);
        return false;
    }
    return false;
}

/* The evidence goes to the attestation service, its word with the same request to keyd. */
static void appraise_and_ask(struct http_exchange *x, struct kbs *k,
                             const struct operation_answer *a, enum operation appraised)
{
    struct broker_request q = transfer_question(x);
    bool trial = appraised == OPERATION_POLICY_TEST_APPRAISED;
    struct buf statement owned(buf_done) = buf_of(STATEMENT_MAX);
    json_t *plan owned(json_free) = NULL, *body owned(json_free) = NULL;

    if (failed(json_parse_object(a->body, &plan)))
        kbs_unavailable(x);
    else if (http_json_body(x, &body) && get_statement(x, k, body, plan, trial, &statement, &q))
        kbs_forward(x, k, appraised, &q, 200);
}

/* keyd first says whether, and by what, the evidence is to be appraised. */
static void ask(struct http_exchange *x, struct kbs *k, enum operation first,
                enum operation appraised)
{
    struct broker_request q = transfer_question(x);
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct operation_answer a;

    if (failed(key_side_ask(k->keyd, first, &q, &m, &a)))
        kbs_unavailable(x);
    else if (a.kind == FAIL_NONE && span_equal_str(a.code, "appraise"))
        appraise_and_ask(x, k, &a, appraised);
    else
        kbs_answer(x, &a, 200);
}

static bool asks_challenge(const struct http_exchange *x)
{
    return !http_body(x).len || span_equal_str(http_body(x), "{}");
}

/* keyd reads the body: it is what the proof is over. An empty one asks for a challenge. */
void kbs_transfer(struct http_exchange *x, void *context)
{
    struct kbs *k = context;

    if (asks_challenge(x)) {
        struct broker_request q = transfer_question(x);
        kbs_forward(x, k, OPERATION_CHALLENGE, &q, 200);
        return;
    }
    ask(x, k, OPERATION_RELEASE, OPERATION_RELEASE_APPRAISED);
}

void kbs_policy_test(struct http_exchange *x, void *context)
{
    ask(x, context, OPERATION_POLICY_TEST, OPERATION_POLICY_TEST_APPRAISED);
}

void kbs_leases(struct http_exchange *x, void *context)
{
    struct broker_request q = transfer_question(x);

    kbs_forward(x, context, asks_challenge(x) ? OPERATION_LEASE_CHALLENGE : OPERATION_LEASE_RENEW,
                &q, 200);
}
