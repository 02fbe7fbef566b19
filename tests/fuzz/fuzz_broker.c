// SPDX-License-Identifier: Apache-2.0
/*
 * operation_run: every question that kbsd may ask keyd. First byte: the operation, from 'A' on;
 * second: who asks ('-' nobody, 'a' anna, 'b' bert, 'o' another tenant). Then three texts, each but
 * the last ended by a newline: id, options, body. In them @C is a challenge of the key, @L one for
 * leases, @S and @E the client's keys, @T its attestation token, @K the key, @P the policy, @A the
 * release, @X a pending change; the request has S's proof.
 */
#include <assert.h>
#include <stdlib.h>

#include "broker/operation.h"
#include "broker_world.h"

#define TEXT_MAX (64U << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

/* OpenSSL's random generators of threads are held from the secure heap alone, where a look for
 * leaks in the middle of a run does not see them. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

struct given {
    struct broker_world *w;
    char *challenge; /* the last that was put in */
};

static void put_challenge(struct given *g, enum operation operation, struct buf *out)
{
    free(g->challenge);
    g->challenge = world_challenge(g->w, operation);
    buf_add_str(out, g->challenge);
}

static void put(struct given *g, uint8_t what, struct buf *out)
{
    char *made owned(free) = NULL;

    if (what == 'C')
        put_challenge(g, OPERATION_CHALLENGE, out);
    else if (what == 'L')
        put_challenge(g, OPERATION_LEASE_CHALLENGE, out);
    else if (what == 'S' || what == 'E')
        made = world_jwk(what == 'S' ? g->w->s : g->w->e);
    else if (what == 'T')
        made = world_attestation(g->w, g->challenge ? g->challenge : "");
    else if (what == 'K')
        buf_add_str(out, g->w->key_id);
    else if (what == 'P')
        buf_add_str(out, g->w->policy_id);
    else if (what == 'A')
        buf_add_str(out, g->w->audit_id);
    else if (what == 'X')
        made = world_pending(g->w);
    if (made)
        buf_add_str(out, made);
}

static void expand(struct given *g, struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.at[i] == '@' && i + 1 < in.len)
            put(g, in.at[++i], out);
        else
            buf_add(out, span_from(in.at + i, 1));
}

static struct span line(struct span *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct span first = span_head(*rest, len);
    *rest = span_tail(*rest, end ? len + 1 : len);
    return first;
}

static const char *bearer_of(const struct broker_world *w, uint8_t who)
{
    return who == 'a' ? w->anna : who == 'b' ? w->bert : who == 'o' ? w->other : "";
}

static void run(struct given *g, uint16_t operation, uint8_t who, struct span rest)
{
    struct buf id owned(buf_done) = buf_of(TEXT_MAX), options owned(buf_done) = buf_of(TEXT_MAX),
                  body owned(buf_done) = buf_of(TEXT_MAX), path owned(buf_done) = buf_of(TEXT_MAX);
    struct outcome o owned(outcome_done) = { 0 };
    struct err failure;

    expand(g, line(&rest), &id);
    expand(g, line(&rest), &options);
    expand(g, rest, &body);
    buf_addf(&path, "/kbs/v1/keys/%s/transfer", g->w->key_id);
    const char *challenge = g->challenge ? g->challenge : "";
    char *proof owned(free) =
        *challenge ? world_proof(g->w, buf_str(&path), challenge, buf_span(&body)) : NULL;
    char *token owned(free) =
        operation == OPERATION_RELEASE_APPRAISED ? world_attestation(g->w, challenge) : NULL;
    const struct broker_request q = {
        .request_id = SPAN("fuzz"),
        .bearer = span_str(bearer_of(g->w, who)),
        .id = buf_span(&id),
        .options = options.len ? buf_span(&options) : SPAN("{}"),
        .body = buf_span(&body),
        .path = buf_span(&path),
        .proof = proof ? span_str(proof) : SPAN(""),
        .attestation = token ? span_str(token) : SPAN(""),
        .source = SPAN("192.0.2.1"),
        .now = WORLD_NOW,
    };
    operation_run(&g->w->broker, operation, &q, &o, &failure);
    assert(o.code < CODE_COUNT && code_word(o.code));
    /* Nothing that goes wrong answers anything else. */
    assert(o.code == CODE_OK || o.code == CODE_APPRAISE || o.code == CODE_PENDING_APPROVAL ||
           o.code == CODE_POLICY_REFUSED || !o.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > TEXT_MAX / 32)
        return 0;
    struct given g = { .w = broker_world() };
    run(&g, (uint16_t)((data[0] - 'A') & 0x3f), data[1], span_from(data + 2, size - 2));
    free(g.challenge);
    return 0;
}
