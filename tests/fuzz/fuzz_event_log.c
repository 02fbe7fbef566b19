// SPDX-License-Identifier: Apache-2.0
/* event_log_parse: every event that a cursor then gives lies inside the input, and there are as many as counted. */
#include <assert.h>

#include "evidence/event_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span in, struct span part)
{
    assert(!part.len || (part.at >= in.at && part.at + part.len <= in.at + in.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_from(data, size);
    struct event_log log;
    struct event e;
    size_t count = 0;

    if (failed(event_log_parse(in, &log)))
        return 0;
    struct event_cursor c = event_log_events(&log);
    for (; event_next(&c, &e); count++) {
        struct event_variable v;
        inside(in, e.data);
        assert(e.digest_count <= log.bank_count);
        for (size_t i = 0; i < e.digest_count; i++)
            inside(in, e.digests[i].value);
        if (!failed(event_variable_parse(e.data, &v)))
            inside(in, v.value);
    }
    assert(count == log.count && count <= EVENTS_MAX);
    return 0;
}
