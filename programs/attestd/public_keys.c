// SPDX-License-Identifier: Apache-2.0
#include "attestd/public_keys.h"

#include <errno.h>
#include <pthread.h>

#include "base/log.h"
#include "base/reader.h"

#define SET_MAX (64U << 10)
#define HEAD_SIZE 4

struct public_keys {
    int fd;
    pthread_mutex_t lock;
    struct buf text;
    pthread_t follower;
    bool following;
};

static fallible read_whole(int fd, uint8_t *at, size_t len)
{
    while (len) {
        ssize_t n = read(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FAIL(UPSTREAM, "the parent sends no keys any more");
        at += n;
        len -= (size_t)n;
    }
    return OK;
}

static fallible receive_set(int fd, struct buf *out)
{
    uint8_t head[HEAD_SIZE];
    TRY(read_whole(fd, head, sizeof(head)));
    struct reader r = reader_of(SPAN_OF(head));
    size_t len = reader_u32be(&r);
    uint8_t *at = len ? buf_extend(out, len) : head;
    if (!at)
        return FAIL(LIMIT, "the parent's key set is too large");
    return read_whole(fd, at, len);
}

static fallible take_set(struct public_keys *k)
{
    struct buf text owned(buf_done) = buf_of(SET_MAX);
    TRY(receive_set(k->fd, &text));
    pthread_mutex_lock(&k->lock);
    struct buf old = k->text;
    k->text = text;
    text = old;
    pthread_mutex_unlock(&k->lock);
    return OK;
}

fallible public_keys_open(int fd, struct public_keys **out)
{
    owned(public_keys_close) struct public_keys *k = calloc(1, sizeof(*k));
    if (!k) {
        close(fd);
        return FAIL(SYSTEM, "memory for public keys");
    }
    k->fd = fd;
    pthread_mutex_init(&k->lock, NULL);
    TRY(take_set(k));
    *out = TAKE(k);
    return OK;
}

/* Ends when the descriptor is at its end: the parent is gone. */
static void *follow(void *context)
{
    struct public_keys *k = context;
    while (!failed(take_set(k)))
        log_info("the public keys of the token issuer are new");
    return NULL;
}

fallible public_keys_follow(struct public_keys *k)
{
    if (pthread_create(&k->follower, NULL, follow, k))
        return FAIL(SYSTEM, "a thread cannot be started");
    k->following = true;
    return OK;
}

void public_keys_close(struct public_keys *k)
{
    if (!k)
        return;
    if (k->following) {
        pthread_cancel(k->follower);
        pthread_join(k->follower, NULL);
    }
    close(k->fd);
    buf_done(&k->text);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

fallible public_keys_text(struct public_keys *k, struct buf *out)
{
    pthread_mutex_lock(&k->lock);
    bool there = k->text.len > 0;
    if (there)
        buf_add(out, buf_span(&k->text));
    pthread_mutex_unlock(&k->lock);
    return there ? buf_check(out) : FAIL(ABSENT, "the token issuer has not started");
}
