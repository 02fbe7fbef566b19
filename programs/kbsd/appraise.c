// SPDX-License-Identifier: Apache-2.0
/* The attestation service as the broker's network side asks it. Its word is signed, and keyd
 * believes the signature alone. */
#include "base/log.h"
#include "http/client.h"
#include "kbsd/kbs.h"

struct appraiser {
    struct http_client *http;
    struct buf url;
};

fallible appraiser_open(const struct kbs_settings *s, struct crl_watch *crl, struct appraiser **out)
{
    struct http_client_config config = { .ca_file = s->as_ca,
                                         .crl = crl,
                                         .timeout_ms = (unsigned)s->as_timeout_ms };
    struct appraiser *a = calloc(1, sizeof *a);

    if (!a)
        return FAIL(SYSTEM, "out of memory");
    a->url = buf_of(4096);
    buf_addf(&a->url, "%s/as/v1/attest", s->as_url);
    struct err e = http_client_new(&config, &a->http);
    if (failed(e)) {
        appraiser_close(a);
        return e;
    }
    *out = a;
    return OK;
}

void appraiser_close(struct appraiser *a)
{
    if (!a)
        return;
    http_client_free(a->http);
    buf_done(&a->url);
    free(a);
}

static json_t *question(const json_t *body, const json_t *plan)
{
    static const char *const bound[] = { "challenge", "signing_key", "encryption_key", NULL };
    json_t *q = json_object(), *runtime = json_object_get(body, "challenge") ? json_object() : NULL;

    json_set_str(runtime, "type", "kbs-v1");
    json_object_set(runtime, "tenant", json_object_get(plan, "tenant"));
    for (const char *const *name = bound; *name; name++)
        json_object_set(runtime, *name, json_object_get(body, *name));
    json_object_set(q, "evidence", json_object_get(body, "evidence"));
    json_object_set(q, "policy_ids", json_object_get(plan, "policy_ids"));
    json_object_set(q, "tenant", json_object_get(plan, "tenant"));
    if (runtime) /* of a trial nothing answers a challenge */
        json_object_set_new(q, "runtime_data", runtime);
    return q;
}

static enum appraisal read_reply(const struct http_reply *reply, struct buf *statement)
{
    json_t *answer owned(json_free) = NULL;
    struct span text = { 0 };

    if (reply->status == 429 || reply->status >= 500 ||
        failed(json_parse_object(buf_span(&reply->body), &answer)))
        return APPRAISAL_UNAVAILABLE;
    if (reply->status == 404)
        return APPRAISAL_POLICY_UNKNOWN;
    bool good = reply->status == 200;
    if (failed(json_opt_str(answer, good ? "token" : "refusal", "statement", &text)) ||
        (good && !text.len))
        return APPRAISAL_UNAVAILABLE;
    buf_add(statement, text);
    return good ? APPRAISED : APPRAISAL_REFUSED;
}

fallible appraise(struct appraiser *a, const json_t *body, const json_t *plan, enum appraisal *out,
                  struct buf *statement)
{
    json_t *q owned(json_free) = question(body, plan);

    return appraise_question(a, q, out, statement);
}

fallible appraise_question(struct appraiser *a, const json_t *q, enum appraisal *out,
                           struct buf *statement)
{
    char *text owned(free) = json_text(q);
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct http_call call = { .method = "POST", .url = buf_str(&a->url), .body = span_str(text) };

    if (!text)
        return FAIL(SYSTEM, "out of memory");
    struct err e = http_send(a->http, &call, &reply);
    if (failed(e)) {
        log_err(e, "the attestation service does not answer");
        *out = APPRAISAL_UNAVAILABLE;
        return OK;
    }
    *out = read_reply(&reply, statement);
    if (*out == APPRAISAL_UNAVAILABLE)
        log_warn("the attestation service could not appraise");
    if (*out == APPRAISAL_POLICY_UNKNOWN)
        log_warn("a transfer policy names an appraisal policy that the attestation service does "
                 "not have");
    return buf_check(statement);
}
