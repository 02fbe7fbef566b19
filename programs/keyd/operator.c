// SPDX-License-Identifier: Apache-2.0
/*
 * Operators on this machine: a socket of mode 0600, keyd's user and root only, so that neither a
 * share nor a passphrase passes the network side, and no token opens what they keep. One question a
 * connection, one connection at a time; each but a look is on record.
 */
#include "keyd/keyd.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "base/reader.h"
#include "base/writer.h"
#include "broker/broker.h"
#include "keys/key_protocol.h"
#include "keys/seal_wire.h"

#define PATIENCE_MS 10000
#define PAUSE_US 20000

struct operators {
    struct broker *broker;
    int listener;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
};

/* NULL: nothing is changed. */
static const char *action_of(enum seal_act act)
{
    switch (act) {
    case SEAL_INIT:
        return "keyd_init";
    case SEAL_UNSEAL:
        return "keyd_unseal";
    case SEAL_CLOSE:
        return "keyd_seal";
    case SEAL_REKEY:
        return "keyd_rekey";
    case SEAL_ROTATE:
        return "keyd_rotate";
    case SEAL_FORGET:
        return "keyd_forget";
    case SEAL_STATUS:
        break;
    }
    return NULL;
}

static void keep_record(struct operators *o, enum seal_act act, unsigned uid, const char *refusal)
{
    const char *action = action_of(act);

    if (!action)
        return;
    struct err e = broker_record_operator(o->broker, action, uid, refusal, clock_now());
    if (failed(e))
        log_err(e, "audit record of an operator's act", "action", action);
    else
        log_info(refusal ? "refused to an operator" : "done for an operator", "action", action);
}

static fallible carry_out(struct operators *o, struct span question, unsigned uid,
                          struct buf *answer)
{
    struct reader r = reader_of(question);
    struct seal_answer a owned(seal_answer_done) = { 0 };
    struct seal_question q;
    char reason[KEY_REASON_SIZE] = "";

    TRY(seal_question_read(&r, &q));
    struct err e = key_service_seal(o->broker->manager, &q, &a, reason);
    const char *refusal = failed(e) ? reason[0] ? reason : e.what : NULL;
    keep_record(o, q.act, uid, refusal);
    write_u8(answer, (uint8_t)e.kind);
    if (!failed(e))
        return seal_answer_write(&a, answer);
    write_part(answer, span_str(refusal));
    return buf_check(answer);
}

static fallible serve_one(struct operators *o, int fd)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(4 * SEAL_TEXT_MAX) };
    struct buf answer owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_peer peer;

    TRY(ipc_peer_of(fd, &peer));
    if (peer.uid != getuid() && peer.uid != 0)
        return FAIL(DENIED, "an operator is keyd's user or root");
    TRY(ipc_receive(fd, &m, PATIENCE_MS));
    if (m.type != KEY_MESSAGE_SEAL)
        return FAIL(INPUT, "not a question of an operator");
    struct err e = carry_out(o, buf_span(&m.body), peer.uid, &answer);
    wipe(m.body.at, m.body.len);
    if (!failed(e))
        e = ipc_send(fd, m.type, m.id, buf_span(&answer), PATIENCE_MS);
    wipe(answer.at, answer.len);
    return e;
}

static void *serve(void *context)
{
    struct operators *o = context;
    int fd;

    while (!o->stopping) {
        if (failed(ipc_accept(o->listener, &fd))) {
            usleep(PAUSE_US);
            continue;
        }
        struct err e = serve_one(o, fd);
        if (failed(e))
            log_err(e, "question of an operator");
        close(fd);
    }
    return NULL;
}

void keyd_operator_path(const struct keyd_settings *s, char out[KEYD_PATH_MAX])
{
    const char *end = strrchr(s->socket, '/');

    if (s->operator_socket)
        snprintf(out, KEYD_PATH_MAX, "%s", s->operator_socket);
    else
        snprintf(out, KEYD_PATH_MAX, "%.*soperator.sock", end ? (int)(end - s->socket + 1) : 0,
                 s->socket);
}

fallible keyd_operators_listen(const struct keyd_settings *s, struct broker *b,
                               struct operators **out)
{
    struct operators *o = calloc(1, sizeof *o);
    char path[KEYD_PATH_MAX];

    if (!o)
        return FAIL(SYSTEM, "out of memory");
    o->broker = b;
    keyd_operator_path(s, path);
    struct err e = ipc_listen(path, 0600, &o->listener);
    if (failed(e)) {
        free(o);
        return e;
    }
    *out = o;
    return OK;
}

fallible keyd_operators_start(struct operators *o)
{
    o->started = !pthread_create(&o->thread, NULL, serve, o);
    return o->started ? OK : FAIL(SYSTEM, "a thread cannot be started");
}

void keyd_operators_stop(struct operators *o)
{
    o->stopping = true;
    shutdown(o->listener, SHUT_RDWR);
    if (o->started)
        pthread_join(o->thread, NULL);
    close(o->listener);
    free(o);
}
