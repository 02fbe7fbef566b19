// SPDX-License-Identifier: Apache-2.0
/* agent_request_parse: what is taken comes back the same after it is written and parsed again. */
#include <assert.h>

#include "client/agent_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct agent_message message;
    struct agent_request q = { 0 };
    struct agent_request again = { 0 };

    if (size > AGENT_MESSAGE_MAX || failed(agent_request_parse(span_from(data, size), &q)))
        return 0;
    assert(q.count <= AGENT_TEMPLATE_MAX && q.pin.len <= AGENT_PIN_MAX &&
           q.use.data.len <= AGENT_DATA_MAX);
    agent_request_write(&message, &q);
    assert(span_equal(agent_message_span(&message), span_from(data, size)));
    assert(!failed(agent_request_parse(agent_message_span(&message), &again)));
    return 0;
}
