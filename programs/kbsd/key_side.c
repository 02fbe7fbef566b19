// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <pthread.h>

#include "crypto/secret.h"
#include "kbsd/kbs.h"

#define CONNECTIONS_MAX 256

struct key_side {
    char *socket;
    int timeout_ms;
    size_t limit, used, idle_count;
    int idle[CONNECTIONS_MAX];
    uint32_t next_id;
    pthread_mutex_t lock;
    pthread_cond_t given;
};

fallible key_side_open(const char *socket, size_t connections, unsigned timeout_ms,
                       struct key_side **out)
{
    struct key_side *k = calloc(1, sizeof *k);

    if (!k || !(k->socket = strdup(socket))) {
        free(k);
        return FAIL(SYSTEM, "out of memory");
    }
    k->limit = connections < CONNECTIONS_MAX ? connections : CONNECTIONS_MAX;
    k->timeout_ms = (int)timeout_ms;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->given, NULL);
    *out = k;
    return OK;
}

void key_side_close(struct key_side *k)
{
    if (!k)
        return;
    for (size_t i = 0; i < k->idle_count; i++)
        close(k->idle[i]);
    pthread_cond_destroy(&k->given);
    pthread_mutex_destroy(&k->lock);
    free(k->socket);
    free(k);
}

/* keyd says nothing unasked: an idle connection that can be read has been closed. */
static bool is_stale(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, 0) != 0;
}

/* A place among the connections, with an idle one where there is any. */
static int take(struct key_side *k, uint32_t *id)
{
    int fd = -1;

    pthread_mutex_lock(&k->lock);
    while (k->used >= k->limit)
        pthread_cond_wait(&k->given, &k->lock);
    k->used++;
    *id = ++k->next_id;
    while (k->idle_count && fd < 0) {
        fd = k->idle[--k->idle_count];
        if (is_stale(fd)) {
            close(fd);
            fd = -1;
        }
    }
    pthread_mutex_unlock(&k->lock);
    return fd;
}

static void give(struct key_side *k, int fd)
{
    pthread_mutex_lock(&k->lock);
    k->used--;
    if (fd >= 0)
        k->idle[k->idle_count++] = fd;
    pthread_cond_signal(&k->given);
    pthread_mutex_unlock(&k->lock);
}

static fallible exchange(int fd, uint16_t type, uint32_t id, struct span question, int timeout_ms,
                         struct ipc_message *m)
{
    TRY(ipc_send(fd, type, id, question, timeout_ms));
    TRY(ipc_receive(fd, m, timeout_ms));
    return m->id == id && m->type == type ? OK : FAIL(UPSTREAM, "keyd answers another question");
}

fallible key_side_ask(struct key_side *k, enum operation operation, const struct broker_request *q,
                      struct ipc_message *m, struct operation_answer *answer)
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct err e = OK;
    uint32_t id;

    operation_write_question(q, &question);
    TRY(buf_check(&question));
    int fd = take(k, &id);
    if (fd < 0)
        e = ipc_connect(k->socket, &fd);
    if (!failed(e))
        e = exchange(fd, (uint16_t)operation, id, buf_span(&question), k->timeout_ms, m);
    if (failed(e) &&
        fd >= 0) { /* what comes on it now would answer a question that nobody asks any more */
        close(fd);
        fd = -1;
    }
    give(k, fd);
    wipe(question.at, question.len); /* a key_string may have been in it */
    if (failed(e))
        return FAIL(UPSTREAM, "keyd does not answer");
    return operation_read_answer(buf_span(&m->body), answer);
}
