// SPDX-License-Identifier: Apache-2.0
/* ima_next, ima_file_parse, ima_template_data: bounded, and what they give lies inside the line. */
#include <assert.h>

#include "evidence/ima_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ima_cursor c;
    struct ima_entry e;
    bool end = false;

    if (failed(ima_log_open(span_from(data, size), &c)))
        return 0;
    while (!failed(ima_next(&c, &e, &end)) && !end) {
        struct buf made owned(buf_done) = buf_of(2 * IMA_LINE_MAX);
        struct ima_file f;
        if (!failed(ima_file_parse(&e, &f)))
            assert(f.digest.len + f.name.len + f.rest.len <= e.fields.len);
        if (!failed(ima_template_data(&e, &made)))
            assert(made.len);
    }
    return 0;
}
