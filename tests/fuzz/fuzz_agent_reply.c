// SPDX-License-Identifier: Apache-2.0
/* agent_reply_parse: the first byte chooses the call that was asked. */
#include <assert.h>

#include "client/agent_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent_reply p;
    static struct agent_message message;

    if (size < 1 || size > AGENT_MESSAGE_MAX)
        return 0;
    enum agent_call call = (enum agent_call)(1 + data[0] % 7);
    struct span in = span_tail(span_from(data, size), 1);
    if (failed(agent_reply_parse(in, call, 7, &p)))
        return 0;
    assert(p.call == call && p.id == 7 && p.status <= AGENT_WAITS);
    agent_reply_write(&message, &p);
    assert(span_equal(agent_message_span(&message), in));
    return 0;
}
