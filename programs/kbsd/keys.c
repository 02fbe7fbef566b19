// SPDX-License-Identifier: Apache-2.0
/* /kbs/v1/keys: keyd's answers, with the link that only this side knows. */
#include "kbsd/kbs.h"

static void add_link(const struct kbs *k, json_t *key)
{
    struct buf link owned(buf_done) = buf_of(4096);
    const char *id =
        json_string_value(json_object_get(json_object_get(key, "key_information"), "id"));

    if (!id || !k->settings->endpoint_url)
        return;
    buf_addf(&link, "%s/keys/%s/transfer", k->settings->endpoint_url, id);
    json_set_str(key, "transfer_link", buf_str(&link));
}

static void add_links(const struct kbs *k, json_t *answer)
{
    json_t *key;
    size_t i;

    if (json_is_object(answer))
        add_link(k, answer);
    json_array_foreach(answer, i, key) add_link(k, key);
}

static void answer_keys(struct http_exchange *x, struct kbs *k, enum operation operation,
                        const struct broker_request *q, int status)
{
    struct ipc_message m owned(ipc_message_done) = { 0 };
    struct operation_answer a;
    json_t *body = NULL;

    if (failed(key_side_ask(k->keyd, operation, q, &m, &a))) {
        kbs_unavailable(x);
    } else if (a.kind != FAIL_NONE) {
        kbs_refuse(x, &a);
    } else if (failed(json_parse(a.body, &body))) {
        kbs_unavailable(x);
    } else {
        add_links(k, body);
        http_answer_json(x, span_equal_str(a.code, KBS_PENDING) ? 202 : status, body);
    }
}

void kbs_key_create(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_CREATE, &q, 201);
}

void kbs_key_show(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_SHOW, &q, 200);
}

void kbs_key_rotate(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_ROTATE, &q, 200);
}

void kbs_key_resource_path(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_RESOURCE_PATH, &q, 200);
}

void kbs_key_disable(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_DISABLE, &q, 200);
}

void kbs_key_enable(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_ENABLE, &q, 200);
}

void kbs_key_describe(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    answer_keys(x, context, OPERATION_KEY_DESCRIBE, &q, 200);
}

void kbs_key_delete(struct http_exchange *x, void *context)
{
    struct broker_request q = kbs_question(x);
    kbs_forward(x, context, OPERATION_KEY_DELETE, &q, 204);
}

void kbs_key_list(struct http_exchange *x, void *context)
{
    static const char *const filters[] = { "algorithm",        "keyLength", "curveType",
                                           "transferPolicyId", "after",     NULL };
    struct broker_request q = kbs_question(x);
    json_t *options owned(json_free) = json_object();

    for (const char *const *name = filters; *name; name++)
        if (http_has_query(x, *name))
            json_set_span(options, *name, http_query(x, *name));
    char *text owned(free) = json_text(options);
    q.options = span_str(text);
    answer_keys(x, context, OPERATION_KEY_LIST, &q, 200);
}
