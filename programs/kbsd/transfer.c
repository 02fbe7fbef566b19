// SPDX-License-Identifier: Apache-2.0
/* POST /kbs/v1/keys/{id}/transfer: first a challenge, then evidence or a token with the proof. */
#include "base/log.h"
#include "kbsd/kbs.h"

#define STATEMENT_MAX (128U << 10)

static struct broker_request transfer_question(const struct http_exchange *x)
{
    struct broker_request q = kbs_question(x);
    q.path = http_path(x);
    q.proof = http_header(x, "Warder-Proof");
    q.certificate = http_client_cert_der(x);
    return q;
}

/* False: the exchange has been answered. */
static bool ask_plan(struct http_exchange *x, struct kbs *k, const struct broker_request *q, json_t **plan)
{
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct operation_answer a;

    struct err e = key_side_ask(k->keyd, OPERATION_PLAN, q, &m, &a);
    if (failed(e))
        kbs_unavailable(x);
    else if (a.kind != FAIL_NONE)
        kbs_refuse(x, &a);
    else if (failed(json_parse_object(a.body, plan)))
        kbs_unavailable(x);
    else
        return true;
    return false;
}

static bool plan_says(const json_t *plan, const char *level)
{
    const char *text = json_string_value(json_object_get(plan, "attestation"));
    return text && !strcmp(text, level);
}

/* Has the evidence appraised; q gets the service's signed word. False: the exchange has been answered. */
static bool get_statement(struct http_exchange *x, struct kbs *k, const json_t *body, const json_t *plan,
                          struct buf *statement, struct broker_request *q)
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
        http_answer_problem(x, 503, "attestation_service_unavailable", "the evidence cannot be appraised now: try again");
        return false;
    case APPRAISAL_POLICY_UNKNOWN:
        if (plan_says(plan, "observe"))
            return true;
        http_answer_problem(x, 404, "policy_not_found", "the key's policy names an appraisal policy that does not exist");
        return false;
    }
    return false;
}

static void release(struct http_exchange *x, struct kbs *k, const json_t *body)
{
    struct broker_request q = transfer_question(x);
    struct buf statement owned(buf_done) = buf_of(STATEMENT_MAX);
    json_t *plan owned(json_free) = NULL;

    if (json_object_get(body, "evidence") &&
        (!ask_plan(x, k, &q, &plan) || !get_statement(x, k, body, plan, &statement, &q)))
        return;
    kbs_forward(x, k, OPERATION_RELEASE, &q, 200);
}

void kbs_transfer(struct http_exchange *x, void *context)
{
    struct kbs *k = context;
    json_t *body owned(json_free) = NULL;

    if (http_body(x).len && !http_json_body(x, &body))
        return;
    if (json_object_size(body) == 0) {
        struct broker_request q = transfer_question(x);
        kbs_forward(x, k, OPERATION_CHALLENGE, &q, 200);
        return;
    }
    release(x, k, body);
}
