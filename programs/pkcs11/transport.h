// SPDX-License-Identifier: Apache-2.0
/*
 * Connections to skc-agent: a few per process, made when needed. A connection belongs to one
 * process: after a fork the child drops what it inherited and makes its own. Every wait has a
 * deadline. A connection that turns out dead is made anew once, so that a restarted agent is
 * noticed by nobody who asks later.
 */
#ifndef PKCS11_TRANSPORT_H
#define PKCS11_TRANSPORT_H

#include "client/agent_wire.h"

#define TRANSPORT_QUICK_MS 2000 /* what needs no network: signatures, attributes */
#define PIN_SIZE 255

struct transport_config {
    char socket[108];
    int64_t agent_uid; /* -1: root or our own user */
    unsigned find_timeout_ms;
};

/* What a connection says of itself when it is made. */
struct credentials {
    uint8_t pin[PIN_SIZE];
    size_t len;      /* 0: not logged in */
    unsigned serial; /* changes with each login and logout */
};

void transport_start(const struct transport_config *config);
/* Closes everything. */
void transport_stop(void);
/* In a child after fork: closes our copies of the parent's connections. */
void transport_forget(void);
void transport_lock_for_fork(void);
void transport_unlock_after_fork(void);

bool transport_agent_is_there(void);

/* One request and its reply, which borrows from `*held` until transport_done(*held). FAIL_UPSTREAM:
 * no agent, or no answer in time. `who` is copied while the caller's lock is held. */
struct link;
fallible transport_call(const struct credentials *who, struct agent_request *request,
                        struct agent_reply *reply, struct link **held);
void transport_done(struct link *l);
static inline void transport_donep(struct link **l)
{
    transport_done(*l);
}

#endif
