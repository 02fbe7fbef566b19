// SPDX-License-Identifier: Apache-2.0
/* Attested use (docs/protocol.md) as its client: what is asked of a key that stays at the KBS. */
#include "client/fetch_internal.h"
#include "client/use_answer.h"

fallible described_open(struct exchange *x, struct session *s, const struct challenge *c,
                        struct span answer, struct released *out)
{
    struct released r owned(released_done) = { .form = RELEASED_STAYS };
    struct use_said said owned(use_said_done) = { 0 };
    const struct use_question q = { .release_keys = x->c->release_keys,
                                    .session = s,
                                    .key_id = span_str(x->key_id),
                                    .challenge = c->text };

    TRY(use_answer_open(answer, &q, &said));
    TRY(use_grant_new(s, c->uses, &r.grant));
    if (said.next)
        use_grant_put(r.grant, span_str(said.next));
    r.version = said.version;
    r.spki = said.bytes;
    said.bytes = buf_of(0);
    *out = r;
    r = (struct released){ 0 };
    return OK;
}

static fallible body_of(const struct use_grant *g, struct span challenge,
                        const struct use_order *order, uint64_t version, char **text)
{
    json_t *body owned(json_free) = json_object();
    json_t *signing = NULL, *encryption = NULL;

    TRY(session_jwks(use_grant_session(g), &signing, &encryption));
    json_object_set_new(body, "signing_key", signing);
    json_object_set_new(body, "encryption_key", encryption);
    json_object_set_new(body, "operation", use_order_json(order, version));
    json_set_span(body, "challenge", challenge);
    if (use_grant_token(g))
        json_set_str(body, "attestation_token", use_grant_token(g));
    *text = json_text(body);
    return *text && json_object_get(body, "operation") ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible ask_use(struct exchange *x, struct use_grant *g, struct span challenge,
                        const struct use_order *order, uint64_t version, struct use_said *said)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct transfer t owned(transfer_done) = { 0 };
    char *body owned(free) = NULL;
    const struct use_question q = { .release_keys = x->c->release_keys,
                                    .session = use_grant_session(g),
                                    .key_id = span_str(x->key_id),
                                    .challenge = challenge,
                                    .order = order };

    TRY(body_of(g, challenge, order, version, &body));
    TRY(exchange_post_proved(x, q.session, challenge, span_str(body), &reply));
    TRY(exchange_stopped(x, "kbs_answer_malformed", transfer_parse(buf_span(&reply.body), &t)));
    TRY(exchange_stopped(x, "answer_refused", use_answer_open(t.answer, &q, said)));
    if (said->next)
        use_grant_put(g, span_str(said->next));
    return said->version == version
               ? OK
               : exchange_stopped(x, "answer_refused",
                                  FAIL(DENIED, "answer is of another version of the key"));
}

static bool challenge_is_stale(const struct refusal *why)
{
    return !strcmp(why->code, "challenge_spent") || !strcmp(why->code, "challenge_expired") ||
           !strcmp(why->code, "challenge_invalid");
}

/* By a challenge that was kept, or else a new one. */
static fallible use_once(struct exchange *x, struct use_grant *g, bool kept,
                         const struct use_order *order, uint64_t version, struct use_said *said)
{
    struct challenge c owned(challenge_done) = { 0 };
    char *text owned(free) = kept ? use_grant_take(g) : NULL;

    *x->why = (struct refusal){ 0 };
    if (!text)
        TRY(exchange_challenge(x, &c));
    return ask_use(x, g, text ? span_str(text) : c.text, order, version, said);
}

fallible fetch_use(struct fetcher *f, struct use_grant *grant, const char *key_id, uint64_t version,
                   const struct use_order *order, int64_t deadline, struct use_said *said,
                   struct refusal *why)
{
    struct exchange x = {
        .c = fetcher_config(f), .key_id = key_id, .deadline = deadline, .why = why
    };

    exchange_name(&x, "keys/", key_id, "/use");
    struct err e = use_once(&x, grant, true, order, version, said);
    if (failed(e) && challenge_is_stale(why))
        e = use_once(&x, grant, false, order, version, said);
    return exchange_stopped(&x, "agent_failure", e);
}
