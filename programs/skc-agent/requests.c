// SPDX-License-Identifier: Apache-2.0
#include "requests.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define WRONG_PINS_MAX 10
#define WRONG_PIN_PAUSE_US 100000 /* trying them all takes time, also over many connections */

static void answer_hello(struct conversation *c)
{
    c->greeted = c->request.version == AGENT_VERSION;
    c->reply.version = AGENT_VERSION;
    c->reply.status = c->greeted ? AGENT_OK : AGENT_MALFORMED;
}

static void answer_login(struct conversation *c)
{
    if (keyring_login(c->client, c->request.pin))
        return;
    c->wrong_pins++;
    usleep(WRONG_PIN_PAUSE_US);
    c->reply.status = AGENT_PIN_WRONG;
}

static void answer_logout(struct conversation *c)
{
    keyring_logout(c->client);
}

static void answer_find(struct conversation *c)
{
    c->reply.count = keyring_find(c->client, c->request.attributes, c->request.count,
                                  c->find_timeout_ms, c->reply.handles);
}

/* Writes its message itself, under the lock that keeps the values there. */
static void answer_read(struct conversation *c)
{
    c->reply.count = c->request.count;
    memcpy(c->reply.attributes, c->request.attributes,
           c->request.count * sizeof(c->request.attributes[0]));
    keyring_read(c->client, c->request.handle, &c->reply, &c->out);
}

bool conversation_send(struct conversation *c)
{
    struct span out = agent_message_span(&c->out);
    return out.len && send(c->fd, out.at, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
}

/* The client is told that it takes longer than it would wait. */
static enum agent_status use_at_kbs(struct conversation *c, uint8_t *result, size_t *len)
{
    c->reply.wait_ms = keyring_patience(c->client);
    agent_reply_write(&c->out, &c->reply);
    if (!conversation_send(c))
        return AGENT_FAILED;
    return keyring_ask(c->client, c->request.call, &c->request.use, result, len);
}

static void answer_use(struct conversation *c,
                       enum agent_status (*use)(struct keyring_client *, const struct agent_use *,
                                                uint8_t *, size_t *))
{
    uint8_t result[KEY_USE_MAX];
    size_t len = 0;

    c->reply.status = use(c->client, &c->request.use, result, &len);
    if (c->reply.status == AGENT_WAITS)
        c->reply.status = use_at_kbs(c, result, &len);
    c->reply.bytes = span_from(result, len);
    agent_reply_write(&c->out, &c->reply);
    wipe(result, len);
}

static void answer_sign(struct conversation *c)
{
    answer_use(c, keyring_sign);
}

static void answer_decrypt(struct conversation *c)
{
    answer_use(c, keyring_decrypt);
}

static const struct call_row {
    void (*answer)(struct conversation *c);
    bool writes; /* the handler has written the message */
} calls[] = {
    [AGENT_HELLO] = { answer_hello, false },    [AGENT_LOGIN] = { answer_login, false },
    [AGENT_LOGOUT] = { answer_logout, false },  [AGENT_FIND] = { answer_find, false },
    [AGENT_READ] = { answer_read, true },       [AGENT_SIGN] = { answer_sign, true },
    [AGENT_DECRYPT] = { answer_decrypt, true },
};

bool conversation_answer(struct conversation *c, struct span message)
{
    if (failed(agent_request_parse(message, &c->request)) ||
        (!c->greeted && c->request.call != AGENT_HELLO)) {
        log_warn("client ended: not a message of the agent's protocol");
        return false;
    }
    c->reply.call = c->request.call;
    c->reply.id = c->request.id;
    c->reply.status = AGENT_OK;
    c->reply.count = 0;
    calls[c->request.call].answer(c);
    if (!calls[c->request.call].writes)
        agent_reply_write(&c->out, &c->reply);
    if (c->wrong_pins < WRONG_PINS_MAX)
        return true;
    log_warn("client ended: too many wrong PINs");
    return false;
}
