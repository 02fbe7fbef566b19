// SPDX-License-Identifier: Apache-2.0
/*
 * DER (X.690), writing only, into a struct buf whose failure sticks. The simulator encodes its
 * certificates and CRLs itself, without OpenSSL and without crypto/x509, so that what it forges is
 * not limited by what a well-behaved encoder offers, and product code is not tested against itself.
 */
#ifndef TEESIM_DER_H
#define TEESIM_DER_H

#include "base/buf.h"

enum forge_der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BITS = 0x03,
    DER_OCTETS = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_ENUMERATED = 0x0a,
    DER_UTF8 = 0x0c,
    DER_IA5 = 0x16,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_CONTEXT = 0xa0 /* + number: constructed, explicit */
};

/* Constructed values: what is written between the two calls is the content. */
size_t forge_der_open(struct buf *b, uint8_t tag);
void forge_der_close(struct buf *b, size_t mark);

void forge_der_add(struct buf *b, uint8_t tag, struct span content);
void forge_der_oid(struct buf *b, const char *dotted);
void forge_der_number(struct buf *b, uint8_t tag, uint64_t value);
/* A positive big-endian integer: leading zeros are dropped, one is put before a set top bit. */
void forge_der_integer(struct buf *b, struct span big_endian);
void forge_der_boolean(struct buf *b, bool value);
void forge_der_bits(struct buf *b, uint8_t unused, struct span bits);
/* UTCTime before 2050, else GeneralizedTime. */
void forge_der_time(struct buf *b, int64_t at);
/* ECDSA signature of raw r || s. */
void forge_der_signature(struct buf *b, struct span raw);

#endif
