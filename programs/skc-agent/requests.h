// SPDX-License-Identifier: Apache-2.0
/* One client's requests (client/agent_wire.h): a table of {call, handler, before HELLO?}. */
#ifndef SKC_AGENT_REQUESTS_H
#define SKC_AGENT_REQUESTS_H

#include "keyring.h"

struct conversation {
    struct keyring_client *client;
    int fd;
    unsigned find_timeout_ms;
    bool greeted;
    unsigned wrong_pins;
    struct agent_request request;
    struct agent_reply reply;
    struct agent_message out;
};

/* Sends c->out. False: the client does not take it, or the message failed. */
bool conversation_send(struct conversation *c);
/* Fills c->out. False: the connection ends (not our protocol, or PINs are being tried). */
bool conversation_answer(struct conversation *c, struct span message);

#endif
