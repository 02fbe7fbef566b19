// SPDX-License-Identifier: Apache-2.0
/* How an operator's question to the seal and its answer are written (KEY_MESSAGE_SEAL). */
#ifndef KEYS_SEAL_WIRE_H
#define KEYS_SEAL_WIRE_H

#include "base/reader.h"
#include "keys/seal.h"

/* Both are given room at once, so that nothing secret is left behind by growing. */
fallible seal_question_write(const struct seal_question *q, struct buf *out);
fallible seal_answer_write(const struct seal_answer *a, struct buf *out);
/* Texts borrow from the reader. */
fallible seal_question_read(struct reader *r, struct seal_question *out);
fallible seal_answer_read(struct reader *r, struct seal_answer *out);

#endif
