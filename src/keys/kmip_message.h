// SPDX-License-Identifier: Apache-2.0
/*
 * KMIP 1.2 to 2.0: one request and its answer, in bytes. A request has one batch item; it and an
 * answer that may hold a key live in secure memory.
 */
#ifndef KEYS_KMIP_MESSAGE_H
#define KEYS_KMIP_MESSAGE_H

#include "keys/key_spec.h"
#include "keys/kmip.h"
#include "keys/ttlv.h"

#define KMIP_ANSWER_MAX (OPAQUE_SECRET_MAX + (32U << 10))
#define KMIP_REQUEST_ROOM 2048 /* besides key material */
#define KMIP_ID_MAX 256
#define KMIP_NAME_MAX 1100
#define KMIP_NAMES_MAX 8

/* Ten times the major version, plus the minor. */
enum kmip_version { KMIP_1_2 = 12, KMIP_1_3 = 13, KMIP_1_4 = 14, KMIP_2_0 = 20 };

enum kmip_operation {
    KMIP_CREATE = 0x01,
    KMIP_CREATE_KEY_PAIR = 0x02,
    KMIP_REGISTER = 0x03,
    KMIP_LOCATE = 0x08,
    KMIP_GET = 0x0a,
    KMIP_GET_ATTRIBUTES = 0x0b,
    KMIP_ACTIVATE = 0x12,
    KMIP_REVOKE = 0x13,
    KMIP_DESTROY = 0x14,
    KMIP_DISCOVER_VERSIONS = 0x1e
};

enum kmip_object {
    KMIP_SYMMETRIC_KEY = 2,
    KMIP_PUBLIC_KEY = 3,
    KMIP_PRIVATE_KEY = 4,
    KMIP_SECRET_DATA = 7 /* opaque secrets */
};
enum kmip_format {
    KMIP_AS_IT_IS = 0,
    KMIP_RAW = 1,
    KMIP_OPAQUE = 2,
    KMIP_PKCS1 = 3,
    KMIP_PKCS8 = 4,
    KMIP_SEC1 = 6
};
enum kmip_state { KMIP_PRE_ACTIVE = 1, KMIP_ACTIVE = 2 };

struct kmip_request {
    enum kmip_operation operation;
    struct span id;           /* Get, GetAttributes, Activate, Revoke, Destroy */
    struct span name;         /* Create, CreateKeyPair, Register, Locate */
    struct key_spec spec;     /* Create, CreateKeyPair, Register */
    const struct secret *key; /* Register */
    bool active_only;         /* Locate */
    enum kmip_format format;  /* Get */
};
/* What an object that holds a key of this algorithm is. */
enum kmip_object kmip_object_of(enum key_algorithm algorithm);
/* The message, exactly as long as it is. */
fallible kmip_request_write(const struct kmip_request *q, unsigned version, struct secret **out);

/* How long a message is, by its first TTLV_HEAD bytes, these included. */
fallible kmip_answer_size(struct span head, size_t *out);
/* The payload of a successful answer. `reason` (may be NULL) gets the server's, 0 for none.
 * FAIL_ABSENT, FAIL_DENIED and FAIL_CONFLICT are the server's word about the object. */
fallible kmip_answer_parse(struct span message, enum kmip_operation operation, struct span *payload,
                           uint32_t *reason);
/* Not about this object but about what the server can do at all. */
bool kmip_reason_is_incapable(uint32_t reason);

struct kmip_id_list {
    struct span ids[2];
    size_t count; /* 2: more than one */
};
fallible kmip_read_located(struct span payload, struct kmip_id_list *out);
/* Of Create and Register, or CreateKeyPair. */
fallible kmip_read_made(struct span payload, struct span *id);
fallible kmip_read_pair(struct span payload, struct span *private_id, struct span *public_id);

struct kmip_attributes {
    uint32_t object_type, state; /* 0: not said */
    struct span names[KMIP_NAMES_MAX];
    size_t count;
};
fallible kmip_read_attributes(struct span payload, struct kmip_attributes *out);

struct kmip_key {
    uint32_t object_type, format;
    struct span material; /* empty: in a form that we do not read */
};
fallible kmip_read_key(struct span payload, struct kmip_key *out);
/* The newest version that both know; FAIL_UPSTREAM where there is none. */
fallible kmip_read_versions(struct span payload, unsigned *out);

#endif
