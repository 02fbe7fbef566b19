// SPDX-License-Identifier: Apache-2.0
#include "broker/question.h"

#include "base/ipc.h"
#include "base/reader.h"
#include "base/writer.h"

#define FORMAT 3
#define FIELD_MAX                                                                                  \
    (32U << 10) /* of all but body, statements and options: what fits into a request's head */

void operation_write_question(const struct broker_request *q, struct buf *out)
{
    write_u8(out, FORMAT);
    write_part(out, q->request_id);
    write_part(out, q->bearer);
    write_part(out, q->id);
    write_part(out, q->path);
    write_part(out, q->body);
    write_part(out, q->proof);
    write_part(out, q->certificate);
    write_part(out, q->attestation);
    write_part(out, q->refusal);
    write_part(out, q->options);
    write_part(out, q->source);
    write_part(out, q->tenant);
}

static struct span part(struct reader *r, size_t max)
{
    uint32_t len = reader_u32be(r);
    reader_require(r, len <= max);
    return reader_take(r, len);
}

fallible operation_read_question(struct span in, struct broker_request *out)
{
    struct reader r = reader_of(in);
    struct broker_request q = { 0 };

    reader_require(&r, reader_u8(&r) == FORMAT);
    q.request_id = part(&r, FIELD_MAX);
    q.bearer = part(&r, FIELD_MAX);
    q.id = part(&r, FIELD_MAX);
    q.path = part(&r, FIELD_MAX);
    q.body = part(&r, IPC_BODY_MAX);
    q.proof = part(&r, FIELD_MAX);
    q.certificate = part(&r, FIELD_MAX);
    q.attestation = part(&r, IPC_BODY_MAX);
    q.refusal = part(&r, IPC_BODY_MAX);
    q.options = part(&r, IPC_BODY_MAX); /* JSON: its escapes make it longer */
    q.source = part(&r, FIELD_MAX);
    q.tenant = part(&r, FIELD_MAX);
    TRY(reader_end(&r, "question to the key side"));
    *out = q;
    return OK;
}

void operation_write_answer(const struct outcome *o, struct buf *out)
{
    const json_t *j = code_kind(o->code) == FAIL_NONE ? o->body : o->errors;
    char *body owned(free) = j ? json_text(j) : NULL;

    write_u8(out, FORMAT);
    write_u8(out, (uint8_t)code_kind(o->code));
    write_u8(out, code_is_unauthenticated(o->code));
    write_part(out, span_str(code_word(o->code)));
    write_part(out, span_str(code_kind(o->code) == FAIL_NONE ? "" : o->detail));
    write_part(out, span_str(body));
}

fallible operation_read_answer(struct span in, struct operation_answer *out)
{
    struct reader r = reader_of(in);
    struct operation_answer a = { 0 };

    reader_require(&r, reader_u8(&r) == FORMAT);
    uint8_t kind = reader_u8(&r);
    uint8_t unauthenticated = reader_u8(&r);
    reader_require(&r, kind <= FAIL_SYSTEM && unauthenticated <= 1);
    a.code = part(&r, FIELD_MAX);
    a.detail = part(&r, FIELD_MAX);
    a.body = part(&r, IPC_BODY_MAX);
    TRY(reader_end(&r, "answer of the key side"));
    a.kind = (enum fail_kind)kind;
    a.unauthenticated = unauthenticated;
    *out = a;
    return OK;
}
