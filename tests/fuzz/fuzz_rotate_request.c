// SPDX-License-Identifier: Apache-2.0
/* rotate_request_parse */
#include "broker/key_rotate_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rotate_request r owned(rotate_request_done) = { 0 };
    return (int)rotate_request_parse(span_from(data, size), &r).kind * 0;
}
