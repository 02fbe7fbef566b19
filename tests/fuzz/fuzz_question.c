// SPDX-License-Identifier: Apache-2.0
/* operation_read_question, operation_read_answer */
#include "broker/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct broker_request q;
    struct operation_answer a;
    struct buf again owned(buf_done) = buf_of(8U << 20);
    struct span in = span_from(data, size);

    if (!failed(operation_read_question(in, &q))) {
        operation_write_question(&q, &again);
        if (!span_equal(in, buf_span(&again)))
            __builtin_trap(); /* one question, one form */
    }
    return (int)operation_read_answer(in, &a).kind * 0;
}
