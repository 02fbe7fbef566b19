// SPDX-License-Identifier: Apache-2.0
#include "keys/seal_wire.h"

#include "base/writer.h"
#include "keys/key_fields_internal.h"

#define QUESTION_MAX (4 * SEAL_TEXT_MAX)

static fallible make_room(struct buf *b, size_t len)
{
    size_t before = b->len;

    if (!buf_extend(b, len))
        return FAIL(SYSTEM, "out of memory");
    b->len = before;
    return OK;
}

fallible seal_question_write(const struct seal_question *q, struct buf *out)
{
    TRY(make_room(out, QUESTION_MAX));
    write_u8(out, (uint8_t)q->act);
    write_part(out, q->given);
    write_part(out, q->fresh);
    write_u8(out, (uint8_t)q->shares);
    write_u8(out, (uint8_t)q->threshold);
    return buf_check(out);
}

fallible seal_question_read(struct reader *r, struct seal_question *out)
{
    struct seal_question q = { 0 };
    uint8_t act = reader_u8(r);

    reader_require(r, act < SEAL_ACTS);
    q.given = read_part(r, SEAL_TEXT_MAX);
    q.fresh = read_part(r, SEAL_TEXT_MAX);
    q.shares = reader_u8(r);
    q.threshold = reader_u8(r);
    TRY(reader_end(r, "question to the seal"));
    q.act = (enum seal_act)act;
    *out = q;
    return OK;
}

fallible seal_answer_write(const struct seal_answer *a, struct buf *out)
{
    char *status owned(free) = json_text(a->status);

    TRY(make_room(out, KEY_TEXT_MAX));
    write_part(out, span_str(status));
    write_part(out, a->shares ? secret_expose(a->shares) : SPAN(""));
    return buf_check(out);
}

fallible seal_answer_read(struct reader *r, struct seal_answer *out)
{
    struct seal_answer a owned(seal_answer_done) = { 0 };

    struct span status = read_part(r, KEY_TEXT_MAX);
    struct span shares = read_part(r, KEY_TEXT_MAX);
    TRY(reader_end(r, "answer of the seal"));
    TRY(json_parse_object(status, &a.status));
    if (shares.len && !(a.shares = secret_copy(shares)))
        return FAIL(SYSTEM, "secure memory exhausted");
    *out = a;
    a = (struct seal_answer){ 0 };
    return OK;
}
