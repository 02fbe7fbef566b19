// SPDX-License-Identifier: Apache-2.0
#include "client/fetch.h"

#include "base/clock.h"
#include "base/owned.h"
#include "client/fetch_internal.h"
#include "client/session.h"
#include "crypto/random.h"

#define TENANT_DEFAULT "default" /* which an address without one is for */
#define HTTP_OK 200
#define MILLISECOND 1000 /* microseconds */

struct fetcher {
    struct fetch_config config;
    struct session *session; /* of the newest attestation; NULL before it */
};

fallible fetcher_new(const struct fetch_config *config, struct fetcher **out)
{
    struct fetcher *f = calloc(1, sizeof(*f));

    if (!f)
        return FAIL(SYSTEM, "out of memory");
    f->config = *config;
    *out = f;
    return OK;
}

const struct fetch_config *fetcher_config(const struct fetcher *f)
{
    return &f->config;
}

struct session *fetcher_session(struct fetcher *f)
{
    return session_ref(f->session);
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    session_free(f->session);
    free(f);
}

struct err exchange_stopped(struct exchange *x, const char *code, struct err e)
{
    if (failed(e) && !x->why->code[0]) {
        snprintf(x->why->code, sizeof(x->why->code), "%s", code);
        snprintf(x->why->detail, sizeof(x->why->detail), "%s", e.what);
    }
    return e;
}

/* 0: it is over. */
static unsigned time_left(const struct exchange *x)
{
    int64_t left = (x->deadline - clock_monotonic_us()) / MILLISECOND;
    return left > 0 ? (unsigned)left : 0;
}

fallible exchange_post(struct exchange *x, struct span body, const char *const *headers,
                       struct http_reply *reply)
{
    const struct fetch_config *c = x->c;
    struct http_call call = {
        .method = "POST",
        .url = x->url,
        .body = body,
        .bearer = c->bearer ? (const char *)secret_expose(c->bearer).at : NULL,
        .headers = headers,
        .connect_to = c->connect_to,
        .timeout_ms = x->deadline ? time_left(x) : 0,
    };

    if (x->deadline && !call.timeout_ms)
        return exchange_stopped(x, "kbs_too_slow", FAIL(UPSTREAM, "no answer of the KBS in time"));
    TRY(exchange_stopped(x, "kbs_unreachable", http_send(c->http, &call, reply)));
    if (reply->status == HTTP_OK)
        return OK;
    problem_parse(reply->status, buf_span(&reply->body), x->why);
    if (reply->status >= 500 || reply->status == 429)
        return FAIL(UPSTREAM, "the KBS cannot answer now");
    return FAIL(DENIED, "the KBS refused the key");
}

fallible exchange_challenge(struct exchange *x, struct challenge *out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    TRY(exchange_post(x, SPAN("{}"), NULL, &reply));
    TRY(exchange_stopped(x, "kbs_answer_malformed", challenge_parse(buf_span(&reply.body), out)));
    if (!span_equal_str(out->tenant, x->c->tenant))
        return exchange_stopped(
            x, "tenant_mismatch",
            FAIL(DENIED, "the KBS's challenge is for another tenant than ours"));
    return OK;
}

/* Evidence bound to a fresh pair of keys. Under `observe` a platform that gives none is no
 * obstacle; a machine without a TEE asks all the same, so that the refusal is the KBS's, in its
 * words and on its record. */
static fallible attest(struct exchange *x, const struct challenge *c, json_t *body)
{
    struct session *s owned(session_free) = NULL;
    uint8_t report_data[REPORT_DATA_SIZE];
    json_t *evidence = NULL;

    TRY(session_new(&s));
    TRY(session_report_data(s, c->text, c->tenant, report_data));
    if (c->mode != ATTESTATION_NONE) {
        struct err e = attester_evidence(&x->c->attester, report_data, &evidence);
        if (failed(e) && c->mode == ATTESTATION_REQUIRE && e.kind != FAIL_ABSENT)
            return exchange_stopped(x, "evidence_unavailable", e);
    }
    if (evidence && json_object_set_new(body, "evidence", evidence))
        return FAIL(SYSTEM, "out of memory");
    session_free(x->f->session);
    x->f->session = TAKE(s);
    return OK;
}

static fallible request_body(struct exchange *x, const struct challenge *c, char **text)
{
    json_t *body owned(json_free) = json_object();
    json_t *signing = NULL, *encryption = NULL;
    const char *token = NULL;

    json_set_span(body, "challenge", c->text);
    if (x->f->session && c->mode != ATTESTATION_NONE)
        token = session_token(x->f->session, clock_now());
    x->by_token = token != NULL;
    if (token)
        json_set_str(body, "attestation_token", token);
    else
        TRY(attest(x, c, body));
    TRY(exchange_stopped(x, "challenge_repeated", session_take_challenge(x->f->session, c->text)));
    TRY(session_jwks(x->f->session, &signing, &encryption));
    if (c->uses)
        json_object_set_new(body, "operation", json_pack("{s:s}", "name", "describe"));
    int bad = json_object_set_new(body, "signing_key", signing);
    bad |= json_object_set_new(body, "encryption_key", encryption);
    *text = json_text(body);
    return !bad && *text ? OK : FAIL(SYSTEM, "out of memory");
}

fallible exchange_post_proved(struct exchange *x, const struct session *s, struct span challenge,
                              struct span body, struct http_reply *reply)
{
    struct buf proof owned(buf_done) = buf_of(PROOF_HEADER_MAX);

    buf_add_str(&proof, "Warder-Proof: ");
    TRY(exchange_stopped(x, "proof_failed",
                         session_proof(s, span_str(x->path), challenge, body, &proof)));
    const char *const headers[] = { buf_str(&proof), NULL };
    return exchange_post(x, body, headers, reply);
}

static fallible open_answer(struct exchange *x, const struct challenge *c, struct span answer,
                            struct released *out)
{
    struct session *s = x->f->session;

    if (c->uses)
        return described_open(x, s, c, answer, out);
    return answer_open(answer, x->c->release_keys, session_encryption_key(s), span_str(x->key_id),
                       c->text, out);
}

static fallible ask_key(struct exchange *x, const struct challenge *c, struct released *out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct transfer t owned(transfer_done) = { 0 };
    char *body owned(free) = NULL;

    TRY(exchange_stopped(x, "attestation_failed", request_body(x, c, &body)));
    TRY(exchange_post_proved(x, x->f->session, c->text, span_str(body), &reply));
    TRY(exchange_stopped(x, "kbs_answer_malformed", transfer_parse(buf_span(&reply.body), &t)));
    bool earned = t.token.len && t.token_expires_at;
    if (earned) /* a grant takes it along */
        session_keep_token(x->f->session, t.token, t.token_expires_at);
    struct err e = open_answer(x, c, t.answer, out);
    if (failed(e) && earned)
        session_drop_token(x->f->session);
    return exchange_stopped(x, "answer_refused", e);
}

static fallible exchange_run(struct exchange *x, struct released *out)
{
    struct challenge c owned(challenge_done) = { 0 };

    exchange_name(x, "keys/", x->key_id, "/transfer");
    TRY(exchange_challenge(x, &c));
    if (c.uses)
        exchange_name(x, "keys/", x->key_id, "/use");
    return ask_key(x, &c, out);
}

/* The address names the tenant, for a machine that has no bearer token to name it. */
void exchange_name(struct exchange *x, const char *before, const char *id, const char *behind)
{
    const char *tenant = x->c->tenant;
    bool named = strcmp(tenant, TENANT_DEFAULT);

    snprintf(x->path, sizeof(x->path), "%s%s/kbs/v1/%s%s%s", named ? "/tenants/" : "",
             named ? tenant : "", before, id, behind);
    snprintf(x->url, sizeof(x->url), "%s%s", x->c->url, x->path);
}

fallible fetch_key(struct fetcher *f, const char *key_id, struct released *out, struct refusal *why)
{
    struct exchange x = { .c = &f->config, .f = f, .key_id = key_id, .why = why };

    *why = (struct refusal){ 0 };
    struct err e = exchange_run(&x, out);
    if (e.kind == FAIL_DENIED && x.by_token) {
        /* The token may be what displeased (another policy, revoked, key rotated): once more with
         * evidence. */
        session_drop_token(f->session);
        *why = (struct refusal){ 0 };
        e = exchange_run(&x, out);
    }
    return exchange_stopped(&x, "agent_failure", e);
}

static fallible ask_lease_challenge(struct exchange *x, json_t **json, struct span *challenge)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct span tenant;

    TRY(exchange_post(x, SPAN("{}"), NULL, &reply));
    struct err e = json_parse_object(buf_span(&reply.body), json);
    if (!failed(e))
        e = json_get_str(*json, "challenge", "challenge", challenge);
    if (!failed(e))
        e = json_get_str(*json, "tenant", "tenant of the challenge", &tenant);
    TRY(exchange_stopped(x, "kbs_answer_malformed", e));
    return span_equal_str(tenant, x->c->tenant)
               ? OK
               : exchange_stopped(
                     x, "tenant_mismatch",
                     FAIL(DENIED, "the KBS's challenge is for another tenant than ours"));
}

static fallible lease_body(const struct session *s, const struct lease_question *q,
                           const struct lease_item *items, size_t count, char **text)
{
    json_t *body owned(json_free) = json_object(), *keys = json_array();
    json_t *signing = NULL, *encryption owned(json_free) = NULL;

    json_object_set_new(body, "keys", keys);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            keys, json_pack("{s:s,s:s}", "key_id", items[i].key_id, "audit_id", items[i].audit_id));
    TRY(session_jwks(s, &signing, &encryption));
    json_object_set_new(body, "signing_key", signing);
    json_set_span(body, "challenge", q->challenge);
    json_set_str(body, "nonce", q->nonce);
    *text = json_text(body);
    return *text && json_array_size(keys) == count ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible ask_leases(struct exchange *x, const struct session *s, struct lease_question *q,
                           struct lease_item *items, size_t count)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    json_t *json owned(json_free) = NULL;
    char *body owned(free) = NULL;
    struct span answer;

    TRY(lease_body(s, q, items, count, &body));
    TRY(exchange_post_proved(x, s, q->challenge, span_str(body), &reply));
    struct err e = json_parse_object(buf_span(&reply.body), &json);
    if (!failed(e))
        e = json_get_str(json, "answer", "answer of the renewal", &answer);
    TRY(exchange_stopped(x, "kbs_answer_malformed", e));
    return exchange_stopped(x, "answer_refused",
                            lease_answer_open(answer, x->c->release_keys, q, items, count));
}

fallible fetch_leases(struct fetcher *f, const struct session *s, struct lease_item *items,
                      size_t count, struct refusal *why)
{
    struct exchange x = { .c = &f->config, .f = f, .why = why };
    char nonce[UUID_TEXT_SIZE], thumbprint[THUMBPRINT_TEXT_SIZE];
    struct lease_question q = { .nonce = nonce, .thumbprint = thumbprint };
    json_t *json owned(json_free) = NULL;

    *why = (struct refusal){ 0 };
    exchange_name(&x, "leases", "", "");
    struct err e = random_uuid(nonce);
    if (!failed(e))
        e = session_thumbprint(s, thumbprint);
    if (!failed(e))
        e = ask_lease_challenge(&x, &json, &q.challenge);
    if (!failed(e))
        e = ask_leases(&x, s, &q, items, count);
    return exchange_stopped(&x, "agent_failure", e);
}
