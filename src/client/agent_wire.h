// SPDX-License-Identifier: Apache-2.0
/*
 * Messages between the PKCS#11 module and skc-agent: one SOCK_SEQPACKET message a request, one a
 * reply, so that a message is one system call. Big-endian; `part` is a 32-bit length and the bytes.
 *
 *   request  u16 call, u32 id, body        reply  u16 call, u32 id, u16 status, body only where
 * status is OK; where it is WAITS, u32 milliseconds, and another reply follows
 *
 *   call     request body                               reply body
 *   HELLO    u32 version                                u32 version. First on every connection
 *   LOGIN    part PIN                                   -   (holds for this connection)
 *   LOGOUT   -                                          -
 *   FIND     u32 count, attributes                      u32 count, u64 handles. May wait for
 * attestation and the KBS READ     u64 handle, u32 count, u32 types           u32 count, per type:
 * u32 type, u8 outcome, [attribute's value] SIGN     u64 handle, u32 mechanism hash mgf salt, part
 * signature. Never waits for the network part label, part data DECRYPT  the same part plain text
 *
 *   attribute  u32 type, value;   value  u8 kind, then BYTES: part; NUMBER: u64; FLAG: u8 0 or 1
 *
 * Types, mechanisms and numbers are PKCS#11's. Handles are made from key id, version and kind of
 * object: the same in every process and after a restart of the agent; a rotated key has new ones.
 * Both parsers treat the other side as hostile; neither allocates.
 */
#ifndef CLIENT_AGENT_WIRE_H
#define CLIENT_AGENT_WIRE_H

#include "base/err.h"
#include "base/reader.h"
#include "base/span.h"

#define AGENT_VERSION 1
#define AGENT_MESSAGE_MAX 32768
#define AGENT_DATA_MAX 24576 /* to be signed or decrypted in one message */
#define AGENT_TEMPLATE_MAX 32
#define AGENT_FIND_MAX 768
#define AGENT_PIN_MAX 255

enum agent_call {
    AGENT_HELLO = 1,
    AGENT_LOGIN,
    AGENT_LOGOUT,
    AGENT_FIND,
    AGENT_READ,
    AGENT_SIGN,
    AGENT_DECRYPT
};

enum agent_status {
    AGENT_OK,
    AGENT_MALFORMED,     /* not a message of this protocol */
    AGENT_PIN_WRONG,     /* LOGIN */
    AGENT_LOGIN_NEEDED,  /* the object is private and this connection has not logged in */
    AGENT_NO_OBJECT,     /* no such handle */
    AGENT_NOT_READY,     /* the key is not here yet or no longer; being fetched: ask again */
    AGENT_BAD_MECHANISM, /* not for this key, or with these parameters */
    AGENT_BAD_DATA,      /* length or content does not suit the mechanism */
    AGENT_FAILED,        /* the operation failed */
    AGENT_WAITS          /* SIGN, DECRYPT: not an end. The key is used at the KBS; the reply itself
                            comes within so many milliseconds */
};

enum agent_value_kind { AGENT_BYTES, AGENT_NUMBER, AGENT_FLAG };
enum agent_outcome { AGENT_VALUE, AGENT_NO_SUCH_TYPE, AGENT_SENSITIVE };

struct agent_attribute {
    uint32_t type;
    enum agent_outcome outcome; /* in replies to READ */
    enum agent_value_kind kind;
    uint64_t number;   /* NUMBER, FLAG */
    struct span bytes; /* BYTES; borrows from the message */
};

struct agent_use {
    uint64_t handle;
    uint32_t mechanism, hash, mgf, salt; /* zero where the mechanism has no such parameter */
    struct span label, data;
};

struct agent_request {
    enum agent_call call;
    uint32_t id;
    uint32_t version; /* HELLO */
    struct span pin;  /* LOGIN */
    uint64_t handle;  /* READ */
    size_t count;     /* FIND: attributes; READ: only their types are meant */
    struct agent_attribute attributes[AGENT_TEMPLATE_MAX];
    struct agent_use use; /* SIGN, DECRYPT */
};

struct agent_reply {
    enum agent_call call;
    uint32_t id;
    enum agent_status status;
    uint32_t version;
    uint32_t wait_ms; /* of AGENT_WAITS */
    size_t count;     /* FIND: handles; READ: attributes */
    uint64_t handles[AGENT_FIND_MAX];
    struct agent_attribute attributes[AGENT_TEMPLATE_MAX];
    struct span bytes; /* SIGN, DECRYPT */
};

/* A message being written, without allocation. Failure (too large) sticks; see
 * agent_message_span(). */
struct agent_message {
    size_t len;
    bool failed;
    uint8_t bytes[AGENT_MESSAGE_MAX];
};
/* The bytes; empty when the message failed. */
struct span agent_message_span(const struct agent_message *m);

void agent_request_write(struct agent_message *m, const struct agent_request *r);
fallible agent_request_parse(struct span in, struct agent_request *r);
void agent_reply_write(struct agent_message *m, const struct agent_reply *r);
/* Refuses a reply to another call or id. */
fallible agent_reply_parse(struct span in, enum agent_call call, uint32_t id,
                           struct agent_reply *r);

#endif
