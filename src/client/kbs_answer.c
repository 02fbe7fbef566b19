// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "client/fetch_internal.h"

#define CHALLENGE_MAX 4096

void challenge_done(struct challenge *c)
{
    json_free(c->json);
    *c = (struct challenge){ 0 };
}

static fallible mode_parse(struct span name, enum attestation_mode *out)
{
    static const char *const names[] = { [ATTESTATION_REQUIRE] = "require",
                                         [ATTESTATION_OBSERVE] = "observe",
                                         [ATTESTATION_NONE] = "none" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_equal_str(name, names[i])) {
            *out = (enum attestation_mode)i;
            return OK;
        }
    }
    return FAIL(INPUT, "attestation of the challenge");
}

static fallible uses_parse(const json_t *challenge, unsigned *out)
{
    static const char *const names[] = { "sign", "decrypt", "derive" };
    const json_t *list = json_object_get(challenge, "use"), *item;
    size_t i;

    if (list && (!json_is_array(list) || !json_array_size(list)))
        return FAIL(INPUT, "use of the challenge");
    json_array_foreach(list, i, item)
    {
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            if (json_is_string(item) && !strcmp(json_string_value(item), names[n]))
                *out |= 1U << n;
    }
    return OK;
}

fallible challenge_parse(struct span body, struct challenge *out)
{
    struct challenge c owned(challenge_done) = { 0 };
    struct span mode;

    TRY(json_parse_object(body, &c.json));
    TRY(json_get_str(c.json, "challenge", "challenge", &c.text));
    TRY(json_get_str(c.json, "tenant", "tenant of the challenge", &c.tenant));
    TRY(json_get_str(c.json, "attestation", "attestation of the challenge", &mode));
    TRY(mode_parse(mode, &c.mode));
    TRY(uses_parse(c.json, &c.uses));
    if (!c.text.len || c.text.len > CHALLENGE_MAX)
        return FAIL(INPUT, "challenge is empty or too long");
    *out = c;
    c = (struct challenge){ 0 };
    return OK;
}

void transfer_done(struct transfer *t)
{
    json_free(t->json);
    *t = (struct transfer){ 0 };
}

fallible transfer_parse(struct span body, struct transfer *out)
{
    struct transfer t owned(transfer_done) = { 0 };
    struct span expires = { 0 };

    TRY(json_parse_object(body, &t.json));
    TRY(json_get_str(t.json, "answer", "answer of the transfer", &t.answer));
    TRY(json_opt_str(t.json, "attestation_token", "attestation_token of the transfer", &t.token));
    TRY(json_opt_str(t.json, "attestation_token_expires_at", "attestation_token_expires_at",
                     &expires));
    if (t.token.len && expires.len)
        TRY(clock_parse_rfc3339(expires, &t.token_expires_at));
    *out = t;
    t = (struct transfer){ 0 };
    return OK;
}

static void copy_text(struct span from, char *to, size_t size)
{
    struct span head = span_head(from, size - 1);

    if (head.len)
        memcpy(to, head.at, head.len);
    to[head.len] = 0;
}

void problem_parse(int status, struct span body, struct refusal *out)
{
    json_t *json owned(json_free) = NULL;
    struct span code = SPAN("unexpected_answer"), detail = { 0 };

    *out = (struct refusal){ .status = status };
    if (!failed(json_parse_object(body, &json))) {
        struct err e = json_opt_str(json, "code", "code", &code);
        if (!failed(e))
            e = json_opt_str(json, "detail", "detail", &detail);
        if (!failed(e) && !detail.len)
            e = json_opt_str(json, "title", "title", &detail);
        if (failed(e))
            detail = span_str(e.what);
    }
    copy_text(code, out->code, sizeof(out->code));
    copy_text(detail, out->detail, sizeof(out->detail));
}
