// SPDX-License-Identifier: Apache-2.0
/* What a worker tells the front, also one that was taken over: what is read is written back the
 * same. The first byte chooses. */
#include <assert.h>
#include <string.h>

#include "attestd/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(struct span in, struct buf *again)
{
    struct collateral_key key;
    bool stale;

    if (!failed(collateral_need_parse(in, &key, &stale)))
        collateral_need_write(&key, stale, again);
}

static void pck_need(struct span in, struct buf *again)
{
    struct pck_query q;

    if (failed(pck_need_parse(in, &q)))
        return;
    assert(strspn(q.qe_id, "0123456789abcdef") == 32 && strlen(q.qe_id) == 32);
    pck_need_write(&q, again);
}

static void collateral(struct span in, struct buf *again)
{
    struct collateral_key key;
    struct collateral_raw raw;

    if (!failed(collateral_parse(in, &key, &raw)))
        collateral_write(&key, &raw, again);
}

static void platform(struct span in, struct buf *again)
{
    struct span chain, enclave;

    if (!failed(platform_parse(in, &chain, &enclave)))
        platform_write(chain, enclave, again);
}

static void failure(struct span in)
{
    struct answer_failure f;

    if (!failed(answer_failure_parse(in, &f)))
        assert(f.kind != FAIL_NONE && f.code.len <= in.len && f.text.len <= in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(struct span, struct buf *) = { need, pck_need, collateral,
                                                                  platform };
    struct buf again owned(buf_done) = buf_of(4U << 20);

    if (!size)
        return 0;
    struct span in = span_from(data + 1, size - 1);
    if (data[0] % 5 == 4) {
        failure(in);
        return 0;
    }
    parsers[data[0] % 5](in, &again);
    assert(!again.len || span_equal(buf_span(&again), in));
    return 0;
}
