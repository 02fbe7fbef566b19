// SPDX-License-Identifier: Apache-2.0
/* key_request_parse */
#include "broker/key_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_request r owned(key_request_done) = { 0 };
    return (int)key_request_parse(span_from(data, size), &r).kind * 0;
}
