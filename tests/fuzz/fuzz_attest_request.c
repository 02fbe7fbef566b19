// SPDX-License-Identifier: Apache-2.0
/* envelope_attest, envelope_verify, work_request_parse, runtime_data_parse: what a client posts, on
 * its way to a worker. */
#include "attestd/envelope.h"
#include "attestd/runtime_data.h"
#include "crypto/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pass_on(const struct envelope *e)
{
    struct buf bytes owned(buf_done) = buf_of(4U << 20);
    struct work_request q;
    owned(json_free) json_t *runtime = NULL;
    struct runtime_data rd;
    work_request_write(&e->request, &bytes);
    if (failed(work_request_parse(buf_span(&bytes), &q)))
        __builtin_trap();
    if (q.runtime_data.len && failed(json_parse_object(q.runtime_data, &runtime)))
        __builtin_trap();
    if (failed(runtime_data_parse(runtime, q.tenant, &rd)))
        return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    owned(json_free) json_t *body = NULL;
    struct envelope verify owned(envelope_done) = { 0 }, attest owned(envelope_done) = { 0 };
    struct work_request q;
    if (!started && failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        __builtin_trap();
    started = true;
    if (failed(work_request_parse(span_from(data, size), &q)))
        q.kind = WORK_VERIFY;
    if (failed(json_parse_object(span_from(data, size), &body)))
        return 0;
    if (!failed(envelope_verify(body, &verify)))
        pass_on(&verify);
    if (!failed(envelope_attest(body, &attest)))
        pass_on(&attest);
    return 0;
}
