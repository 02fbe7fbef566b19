// SPDX-License-Identifier: Apache-2.0
/* Past decisions: what was claimed, and the evidence judged anew. */
#include "attestd/attest_routes.h"
#include "attestd/bearer_gate.h"
#include "attestd/verify_routes.h"
#include "base/clock.h"

/* Those in memory, with whether their evidence is kept; then those whose evidence alone is. */
static fallible join_kept(json_t *list, const json_t *kept)
{
    owned(json_free) json_t *ids = json_object();
    json_t *one;
    size_t i, remembered = json_array_size(list);
    json_array_foreach((json_t *)kept, i, one)
        json_object_set_new(ids, json_string_value(json_object_get(one, "id")), json_true());
    for (i = 0; i < remembered; i++) {
        one = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(one, "id"));
        json_set_bool(one, "evidence_kept", id && json_object_del(ids, id) == 0);
    }
    json_array_foreach((json_t *)kept, i, one)
    {
        if (!json_object_get(ids, json_string_value(json_object_get(one, "id"))))
            continue;
        json_set_bool(one, "evidence_kept", true);
        if (json_array_append(list, one))
            return FAIL(SYSTEM, "memory for decisions");
    }
    return OK;
}

static fallible list_all(const struct as_service *s, struct span tenant, json_t **out)
{
    struct evidence_store *store = evidence_record_store(s->evidence);
    owned(json_free) json_t *list = NULL, *kept = json_array();
    TRY(recent_list(s->recent, tenant, &list));
    if (store) {
        json_free(kept);
        kept = NULL;
        TRY(evidence_store_list(store, tenant, clock_now(), &kept));
    }
    TRY(join_kept(list, kept));
    *out = TAKE(list);
    return OK;
}

void decisions_list(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *list = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = list_all(s, span_str(b.tenant), &list);
    if (failed(e))
        http_answer_failure(x, e, "internal_error");
    else
        http_answer_json(x, 200, json_pack("{s:o}", "decisions", list));
}

void decisions_show(struct http_exchange *x, void *context)
{
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    json_t *decision = NULL;
    if (!bearer_gate(x, s->aas_keys, &b))
        return;
    struct err e = recent_find(s->recent, span_str(b.tenant), http_param(x, "id"), &decision);
    if (failed(e))
        http_answer_failure(x, e, "decision_not_found");
    else
        http_answer_json(x, 200, decision);
}

/* FAIL_ABSENT, and its word. */
static fallible find_kept(const struct as_service *s, struct span tenant, struct span id, bool then,
                          struct evidence_kept *k, const char **code)
{
    struct evidence_store *store = evidence_record_store(s->evidence);
    *code = "evidence_not_kept";
    if (!store)
        return FAIL(ABSENT, "the service keeps no evidence");
    TRY(evidence_store_find(store, tenant, id, clock_now(), k));
    *code = "collateral_not_kept";
    if (then && k->collateral_digest.len && !k->collateral.len)
        return FAIL(ABSENT, "the evidence is kept, but the collateral of that day is not: verify "
                            "it as of now");
    return OK;
}

static bool ask_anew(struct http_exchange *x, const struct as_service *s,
                     const struct work_request *q, json_t **result)
{
    struct answer a owned(answer_done) = { .body = buf_of(0) };
    const char *code;
    struct err e = verifier_link_ask(s->link, q, &a, &code);
    if (answer_failed_ask(x, e, &a, code))
        return false;
    if (a.type == ANSWER_RESULT && !failed(json_parse_object(buf_span(&a.body), result)))
        return true;
    http_answer_problem(x, 503, "verification_failed", "the worker's answer is of another kind");
    return false;
}

bool decision_verify_anew(struct http_exchange *x, const struct as_service *s, struct span tenant,
                          struct span id, bool then, json_t **result)
{
    struct evidence_kept k owned(evidence_kept_done) = { 0 };
    char *denied owned(free) = NULL, when[CLOCK_TEXT_MAX];
    const char *code;
    struct err e = find_kept(s, tenant, id, then, &k, &code);
    if (failed(e)) {
        http_answer_failure(x, e, e.kind == FAIL_ABSENT ? code : "internal_error");
        return false;
    }
    struct work_request q = { .kind = WORK_VERIFY,
                              .form = k.form,
                              .media_type = buf_span(&k.media_type),
                              .evidence = buf_span(&k.evidence),
                              .runtime_data = buf_span(&k.runtime_data),
                              .tenant = tenant };
    if (then) {
        q.at = k.at;
        q.collateral = buf_span(&k.collateral);
    } else {
        e = deny_store_in_force_text(s->denials, tenant, &denied);
        q.denied = span_str(denied ? denied : "");
    }
    if (failed(e)) {
        answer_denials_unknown(x, e);
        return false;
    }
    if (!ask_anew(x, s, &q, result))
        return false;
    json_set_str(*result, "at", clock_format(then ? k.at : clock_now(), when));
    return true;
}

void decisions_verify(struct http_exchange *x, void *context)
{
    static const char *const members[] = { "at", NULL };
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    owned(json_free) json_t *body = NULL, *result = NULL;
    struct span at = SPAN("then");
    if (!bearer_gate(x, s->aas_keys, &b) || !http_json_body(x, &body))
        return;
    struct err e = json_only(body, members);
    if (!failed(e))
        e = json_opt_str(body, "at", "at", &at);
    bool then = span_equal_str(at, "then");
    if (failed(e) || (!then && !span_equal_str(at, "now")))
        http_answer_problem(x, 400, "malformed_request", "\"at\" is then or now");
    else if (decision_verify_anew(x, s, span_str(b.tenant), http_param(x, "id"), then, &result))
        http_answer_json(x, 200, TAKE(result));
}
