// SPDX-License-Identifier: Apache-2.0
/* The fields that both ends of the key protocol write and read. */
#ifndef KEYS_KEY_FIELDS_INTERNAL_H
#define KEYS_KEY_FIELDS_INTERNAL_H

#include "base/reader.h"
#include "base/writer.h"
#include "keys/key_protocol.h"
#include "keys/keystore.h"

static inline void write_ref(struct buf *b, const struct key_ref *ref)
{
    write_part(b, ref->tenant);
    write_part(b, ref->id);
    write_part(b, ref->external);
    write_u64be(b, ref->version);
    write_u8(b, ref->stays);
}

static inline void write_spec(struct buf *b, const struct key_spec *spec)
{
    write_u8(b, (uint8_t)spec->algorithm);
    write_u32be(b, spec->bits);
}

static inline struct span read_part(struct reader *r, size_t max)
{
    uint32_t len = reader_u32be(r);
    reader_require(r, len <= max);
    return reader_take(r, len);
}

static inline struct key_ref read_ref(struct reader *r)
{
    struct key_ref ref = { 0 };
    ref.tenant = read_part(r, KEY_REFERENCE_MAX);
    ref.id = read_part(r, KEY_REFERENCE_MAX);
    ref.external = read_part(r, KEY_REFERENCE_MAX);
    ref.version = reader_u64be(r);
    uint8_t stays = reader_u8(r);
    reader_require(r, stays <= 1);
    ref.stays = stays;
    return ref;
}

static inline enum key_algorithm read_algorithm(struct reader *r)
{
    uint8_t algorithm = reader_u8(r);
    reader_require(r, algorithm >= KEY_ALGORITHM_RSA && algorithm <= KEY_ALGORITHM_OPAQUE);
    return (enum key_algorithm)algorithm;
}

static inline void write_use(struct buf *b, const struct key_use *u)
{
    write_u8(b, (uint8_t)u->operation);
    write_u8(b, (uint8_t)u->mechanism);
    write_u8(b, (uint8_t)u->hash);
    write_part(b, u->input);
    write_part(b, u->label);
}

/* Without recipient and header. */
static inline struct key_use read_use(struct reader *r)
{
    uint8_t operation = reader_u8(r);
    uint8_t mechanism = reader_u8(r);
    uint8_t hash = reader_u8(r);
    struct key_use u = { .input = read_part(r, KEY_INPUT_MAX) };

    u.label = read_part(r, KEY_LABEL_INPUT_MAX);
    reader_require(r, operation >= KEY_OPERATION_SIGN && operation <= KEY_OPERATION_DERIVE);
    reader_require(r, mechanism >= KEY_MECHANISM_RSA_PKCS1 && mechanism <= KEY_MECHANISM_ECDH);
    reader_require(r, hash <= DIGEST_SHA512);
    u.operation = (enum key_operation)operation;
    u.mechanism = (enum key_mechanism)mechanism;
    u.hash = (enum digest_kind)hash;
    return u;
}

static inline struct key_spec read_spec(struct reader *r)
{
    struct key_spec spec = { .algorithm = read_algorithm(r) };
    spec.bits = reader_u32be(r);
    return spec;
}

#endif
