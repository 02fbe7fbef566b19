// SPDX-License-Identifier: Apache-2.0
/* What an operator gives: seal_question_read; seal_answer_read; and share_text_read with the share's own text. */
#include "keys/seal_record.h"
#include "keys/seal_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct seal_record record = { .kind = SEAL_SHAMIR, .generation = 1, .shares = 5, .threshold = 3 };
    struct secret *value owned(secret_free) = NULL;
    struct seal_answer answer owned(seal_answer_done) = { 0 };
    struct reader question = reader_of(span_from(data, size)), reply = question;
    struct seal_question q;
    uint8_t place;

    (void)seal_question_read(&question, &q).kind;
    (void)seal_answer_read(&reply, &answer).kind;
    return (int)share_text_read(&record, span_from(data, size), &place, &value).kind * 0;
}
