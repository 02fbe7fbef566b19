// SPDX-License-Identifier: Apache-2.0
/*
 * The sockets between attestd's processes. Two are made by the parent, kept open by it over
 * restarts, and carry one message a packet (SOCK_SEQPACKET), each with one descriptor, the *answer
 * socket* of one request:
 *
 *   front  -> zygote: what is wanted (enum channel_type); the request itself goes over the answer
 * socket, so that the zygote reads no byte of a stranger worker -> issuer: a decision, to be
 * signed; the token goes over the answer socket, straight to the front
 *
 * Over an answer socket go ipc messages (base/ipc.h) of enum answer_type.
 */
#ifndef ATTESTD_CHANNEL_H
#define ATTESTD_CHANNEL_H

#include "base/buf.h"

/* Descriptors of the children, set up by the parent. */
enum { CHANNEL_WORK = 3, CHANNEL_DECISIONS = 4, CHANNEL_KEYS = 5, CHANNEL_PARENT = 6 };

#define CHANNEL_MESSAGE_MAX (160U << 10)

enum channel_type {
    CHANNEL_VERIFY = 1,
    CHANNEL_LOAD,
    CHANNEL_REMEMBER,
    CHANNEL_DECISION,
    CHANNEL_PROBE
};

enum answer_type {
    ANSWER_REQUEST = 1, /* front -> worker: a request (request.h) */
    ANSWER_COLLATERAL,  /* front -> zygote: key and raw collateral (request.h) */
    ANSWER_LOADED,      /* zygote -> front: it is warm; body: its digest (verify.h) */
    ANSWER_NEED, /* worker -> front: the key of the collateral that is missing or past its date */
    ANSWER_NEED_PCK, /* worker -> front: how to find the PCK certificate of a quote that has none */
    ANSWER_PLATFORM, /* worker -> front, before its answer; front -> zygote: a platform not seen
                        before (request.h) */
    ANSWER_RESULT,   /* worker -> front: JSON of a verification */
    ANSWER_TOKEN,    /* issuer -> front: a token */
    ANSWER_REFUSAL,  /* issuer -> front: a signed refusal */
    ANSWER_FAILURE   /* any -> front: u8 enum fail_kind, code, text */
};

/* One packet with a descriptor. FAIL_UPSTREAM: the other side does not take it. */
fallible channel_send(int channel, enum channel_type type, struct span body, int fd);
/* Waits; `*fd` is the caller's. FAIL_UPSTREAM at the end of the channel, FAIL_INPUT for a packet
 * that is not one of ours (its descriptor is closed). `body` may be NULL where none is expected;
 * what it held before is gone, its room is used again. */
fallible channel_receive(int channel, enum channel_type *type, struct buf *body, int *fd);

#endif
