// SPDX-License-Identifier: Apache-2.0
#include "attestd/policy_request.h"

#include "http/problem.h"

#define VERSION_MAX INT32_MAX

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

/* The first error in words, all of them as they are. */
static void answer_errors(struct http_exchange *x, const json_t *remarks)
{
    struct buf detail owned(buf_done) = buf_of(1024);
    size_t i;
    const json_t *r;
    json_array_foreach(remarks, i, r)
    {
        if (strcmp(text_of(r, "level"), "error") != 0)
            continue;
        buf_addf(&detail, "%s: %s", text_of(r, "path"), text_of(r, "message"));
        break;
    }
    json_t *p = problem_json(400, "policy_invalid", buf_str(&detail), http_request_id(x));
    json_object_set(p, "remarks", (json_t *)remarks);
    http_answer_problem_json(x, 400, p);
}

bool policy_document_good(struct http_exchange *x, const json_t *document, struct policy **p)
{
    owned(json_free) json_t *remarks = NULL;
    if (failed(policy_check(document, p, &remarks))) {
        http_answer_problem(x, 500, "internal_error", NULL);
        return false;
    }
    if (policy_check_good(remarks))
        return true;
    answer_errors(x, remarks);
    return false;
}

/* 1 to VERSION_MAX, in digits. */
static bool parse_version(struct span text, int64_t *out)
{
    int64_t n = 0;
    if (!text.len || text.len > 10)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        n = 10 * n + text.at[i] - '0';
    }
    *out = n;
    return n > 0 && n <= VERSION_MAX;
}

static bool version_asked(struct http_exchange *x, int64_t *version)
{
    *version = 0;
    if (!http_has_query(x, "version") || parse_version(http_query(x, "version"), version))
        return true;
    http_answer_problem(x, 400, "malformed_request", "version: a number from 1 on");
    return false;
}

bool policy_row_asked(struct http_exchange *x, const struct as_service *s, struct span tenant,
                      json_t **row)
{
    struct span id = http_param(x, "id");
    int64_t version;

    if (!version_asked(x, &version))
        return false;
    struct err e = version ? policy_store_version(s->policies, tenant, id, version, row)
                           : policy_store_get(s->policies, tenant, id, row);
    if (failed(e))
        policy_answer_row(x, e, 0, NULL);
    return !failed(e);
}

void policy_answer_row(struct http_exchange *x, struct err e, int status, json_t *row)
{
    if (!failed(e))
        http_answer_json(x, status, row);
    else
        http_answer_failure(x, e,
                            e.kind == FAIL_ABSENT     ? "policy_not_found"
                            : e.kind == FAIL_CONFLICT ? "policy_exists"
                                                      : "policy_store_failed");
}

bool policy_meant(struct http_exchange *x, const struct as_service *s, struct span tenant,
                  const json_t *given, json_t **document)
{
    struct span text = span_from(json_string_value(given), json_string_length(given));
    size_t at = span_find(text, SPAN("@"));
    int64_t version = 0;
    owned(json_free) json_t *row = NULL;
    if (json_is_object(given)) {
        *document = json_incref((json_t *)given);
        return true;
    }
    if (!text.len || (at < text.len && !parse_version(span_tail(text, at + 1), &version))) {
        http_answer_problem(x, 400, "malformed_request",
                            "a policy is a document, a name or NAME@VERSION");
        return false;
    }
    struct err e =
        version ? policy_store_version(s->policies, tenant, span_head(text, at), version, &row)
                : policy_store_get(s->policies, tenant, text, &row);
    if (failed(e)) {
        policy_answer_row(x, e, 0, NULL);
        return false;
    }
    *document = json_incref(json_object_get(row, "policy"));
    return true;
}
