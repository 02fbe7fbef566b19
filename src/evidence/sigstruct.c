// SPDX-License-Identifier: Apache-2.0
#include "evidence/sigstruct.h"

#define SIGNED_HEADER 128
#define BODY_AT 900
#define SIGNED_BODY 128

static const uint8_t header_1[16] = { 0x06, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0 };
static const uint8_t header_2[16] = {
    0x01, 0x01, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 0x01, 0, 0, 0
};

static bool all_zero(struct span s)
{
    uint8_t any = 0;
    for (size_t i = 0; i < s.len; i++)
        any |= s.at[i];
    return !any;
}

fallible sigstruct_parse(struct span in, struct sigstruct *out)
{
    struct reader r = reader_of(in);
    struct sigstruct s = { 0 };

    struct span first = reader_take(&r, sizeof(header_1));
    s.vendor = reader_u32le(&r);
    s.date = reader_u32le(&r);
    struct span second = reader_take(&r, sizeof(header_2));
    reader_take(&r, 4); /* SWDEFINED */
    struct span reserved_1 = reader_take(&r, 84);
    s.modulus = reader_take(&r, SIGSTRUCT_RSA_SIZE);
    s.exponent = reader_u32le(&r);
    s.signature = reader_take(&r, SIGSTRUCT_RSA_SIZE);
    s.miscselect = reader_take(&r, 4);
    s.miscmask = reader_take(&r, 4);
    reader_take(&r, 2); /* CET_ATTRIBUTES and their mask */
    struct span reserved_2 = reader_take(&r, 2);
    s.family_id = reader_take(&r, 16);
    s.attributes = reader_take(&r, 16);
    s.attribute_mask = reader_take(&r, 16);
    s.enclave_hash = reader_take(&r, 32);
    struct span reserved_3 = reader_take(&r, 16);
    s.ext_prod_id = reader_take(&r, 16);
    s.prod_id = reader_u16le(&r);
    s.svn = reader_u16le(&r);
    struct span reserved_4 = reader_take(&r, 12);
    reader_take(&r,
                SIGSTRUCT_RSA_SIZE); /* Q1 and Q2: the processor's aids, derived from the rest */
    reader_take(&r, SIGSTRUCT_RSA_SIZE);
    TRY(reader_end(&r, "SIGSTRUCT: 1808 bytes, Intel SDM volume 3D"));
    if (!span_equal(first, SPAN_OF(header_1)) || !span_equal(second, SPAN_OF(header_2)))
        return FAIL(INPUT, "SIGSTRUCT: not its header");
    if (s.exponent != 3)
        return FAIL(INPUT, "SIGSTRUCT: the exponent must be 3");
    if (!all_zero(reserved_1) || !all_zero(reserved_2) || !all_zero(reserved_3) ||
        !all_zero(reserved_4))
        return FAIL(INPUT, "SIGSTRUCT: reserved bytes are set");
    s.header = span_head(in, SIGNED_HEADER);
    s.body = span_head(span_tail(in, BODY_AT), SIGNED_BODY);
    *out = s;
    return OK;
}
