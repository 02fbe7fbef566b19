// SPDX-License-Identifier: Apache-2.0
/* tcs_item_check, tcs_chain_decode: what an upstream answers. First byte: kind; then the chain up
 * to a newline; then the body. */
#include "attestd/tcs_item.h"
#include "base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus counts on the order of the first four. */
static const enum tcs_kind kinds[] = { TCS_TCB_INFO, TCS_QE_IDENTITY,  TCS_PCK_CRL, TCS_ROOT_CRL,
                                       TCS_VCEK,     TCS_QVE_IDENTITY, TCS_AMD_CRL, TCS_AMD_CHAIN };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(span_from(data, size));
    uint8_t kind = reader_u8(&r);
    size_t line = span_find(r.rest, SPAN("\n"));
    struct span chain = reader_take(&r, line);
    reader_u8(&r);
    struct span body = reader_rest(&r);
    const struct tcs_id id = { .kind = kinds[kind & 7],
                               .tdx = kind & 8,
                               .fmspc = "00806F050000" };
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    buf_add(&item.body, body);
    item.chain = span_dup(chain);
    if (!failed(tcs_item_check(&id, &item)) && !item.body.len)
        __builtin_trap();
    return 0;
}
