// SPDX-License-Identifier: Apache-2.0
#include "client/use_answer.h"

#include "base/base64.h"
#include "crypto/digest.h"

#define STATEMENT_MAX (64U << 10)
#define RESULT_MAX 4096
#define VERSION_MAX UINT32_MAX

void use_said_done(struct use_said *s)
{
    buf_done(&s->bytes);
    secret_free(s->opened);
    free(s->next);
    *s = (struct use_said){ 0 };
}

/* What the statement, and the header of what is sealed in it, must say. */
static fallible check(const json_t *says, const struct use_question *q)
{
    const struct use_order *o = q->order;
    char digest[DIGEST_TEXT_SIZE];

    TRY(answer_require_text(says, "key_id", "answer is for another key than the one asked for",
                            q->key_id));
    TRY(digest_text(q->challenge, digest));
    TRY(answer_require_text(says, "challenge", "answer is to another challenge than ours",
                            span_str(digest)));
    TRY(answer_require_text(says, "operation", "answer is of another operation",
                            span_str(o ? o->operation : "describe")));
    if (!o)
        return OK;
    TRY(answer_require_text(says, "mechanism", "answer is of another mechanism",
                            span_str(o->mechanism)));
    TRY(answer_require_text(says, "hash", "answer is of another hash", span_str(o->hash)));
    TRY(digest_text(o->input, digest));
    return answer_require_text(says, "input_digest", "answer is to another input",
                               span_str(digest));
}

static fallible open_result(struct span jwe, const struct use_question *q, struct secret **out)
{
    json_t *header owned(json_free) = NULL;
    struct secret *opened owned(secret_free) = NULL;

    TRY(jwe_open(session_encryption_key(q->session), jwe, &header, &opened));
    TRY(answer_require_text(header, "typ", "typ of what was decrypted", SPAN("warder-use+jwe")));
    TRY(check(header, q));
    *out = TAKE(opened);
    return OK;
}

static fallible read_result(const json_t *says, const struct use_question *q, struct use_said *s)
{
    bool sealed = q->order && strcmp(q->order->operation, "sign") != 0;
    const char *name = !q->order ? "public_key" : sealed ? "result" : "signature";
    struct span text;

    TRY(json_get_str(says, name, "result of the use", &text));
    return sealed ? open_result(text, q, &s->opened) : base64url_parse(text, &s->bytes);
}

fallible use_answer_open(struct span answer, const struct use_question *q, struct use_said *out)
{
    struct use_said s owned(use_said_done) = { .bytes = buf_of(RESULT_MAX) };
    struct buf text owned(buf_done) = buf_of(STATEMENT_MAX);
    json_t *says owned(json_free) = NULL;
    struct span next = { 0 };

    TRY(release_key_verify(answer, q->release_keys, "warder-use+jwt", &text));
    TRY(json_parse_object(buf_span(&text), &says));
    TRY(check(says, q));
    TRY(json_get_u64(says, "key_version", VERSION_MAX, "key_version of the answer", &s.version));
    TRY(json_opt_str(says, "next_challenge", "next_challenge of the answer", &next));
    TRY(read_result(says, q, &s));
    s.next = next.len ? span_dup(next) : NULL;
    *out = s;
    s = (struct use_said){ 0 };
    return OK;
}
