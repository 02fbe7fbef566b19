// SPDX-License-Identifier: Apache-2.0
#include "attestd/envelope.h"

#include "attestd/runtime_data.h"
#include "token/attestation.h"

#define TENANT_MAX 64
#define REPORT_DATA_DIGITS (2 * REPORT_DATA_SIZE)

void envelope_done(struct envelope *e)
{
    free(e->evidence);
    free(e->runtime_data);
    *e = (struct envelope){ 0 };
}

static struct span text_of(const json_t *j)
{
    return span_from(json_string_value(j), json_string_length(j));
}

static fallible keep_text(const json_t *j, char **text, struct span *out)
{
    *text = json_text(j);
    if (!*text)
        return FAIL(SYSTEM, "memory for a request");
    *out = span_str(*text);
    return OK;
}

static fallible read_cmw(const json_t *cmw, struct envelope *e)
{
    const json_t *type = json_array_get(cmw, 0), *value = json_array_get(cmw, 1);
    if (!json_is_array(cmw) && !json_is_object(cmw))
        return FAIL(INPUT, "evidence must be a CMW record or collection");
    if (json_array_size(cmw) == 2 && json_is_string(type) && json_is_string(value)) {
        e->request.form = EVIDENCE_RECORD;
        e->request.media_type = text_of(type);
        e->request.evidence = text_of(value);
        return OK;
    }
    e->request.form = EVIDENCE_CMW;
    return keep_text(cmw, &e->evidence, &e->request.evidence);
}

fallible envelope_verify(const json_t *body, struct envelope *out)
{
    static const char *const members[] = { "evidence", "quote", "report_data", NULL };
    struct envelope e owned(envelope_done) = { .request.kind = WORK_VERIFY };
    const json_t *cmw = json_object_get(body, "evidence");
    struct span quote = { 0 };
    TRY(json_only(body, members));
    TRY(json_opt_str(body, "report_data", "report_data", &e.request.report_data));
    TRY(json_opt_str(body, "quote", "quote", &quote));
    if (!cmw == !json_object_get(body, "quote"))
        return FAIL(INPUT, "exactly one of evidence and quote must be there");
    if (!cmw && !quote.len)
        return FAIL(INPUT, "an empty quote");
    if (json_object_get(body, "report_data") && e.request.report_data.len != REPORT_DATA_DIGITS)
        return FAIL(INPUT, "report_data must be 128 hex digits");
    if (cmw)
        TRY(read_cmw(cmw, &e));
    if (quote.len) {
        e.request.form = EVIDENCE_BASE64;
        e.request.evidence = quote;
    }
    *out = e;
    e = (struct envelope){ 0 };
    return OK;
}

fallible envelope_attest(const json_t *body, struct envelope *out)
{
    static const char *const members[] = { "evidence", "policy_ids", "policy_ids_if_met",
                                           "tenant",   "audience",   "runtime_data",
                                           NULL };
    struct envelope e owned(
        envelope_done) = { .request = { .kind = WORK_ATTEST,
                                        .tenant = SPAN("default"),
                                        .audience = SPAN(ATTESTATION_AUDIENCE) } };
    const json_t *cmw = json_object_get(body, "evidence"),
                 *runtime = json_object_get(body, "runtime_data");
    TRY(json_only(body, members));
    TRY(json_opt_str(body, "tenant", "tenant", &e.request.tenant));
    TRY(json_opt_str(body, "audience", "audience", &e.request.audience));
    if (!e.request.tenant.len || e.request.tenant.len > TENANT_MAX || !cmw ||
        (runtime && !json_is_object(runtime)))
        return FAIL(INPUT, "evidence, tenant or runtime_data");
    TRY(read_cmw(cmw, &e));
    e.nonce = runtime_data_nonce(runtime);
    if (runtime)
        TRY(keep_text(runtime, &e.runtime_data, &e.request.runtime_data));
    *out = e;
    e = (struct envelope){ 0 };
    return OK;
}
