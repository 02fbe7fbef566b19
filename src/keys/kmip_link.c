// SPDX-License-Identifier: Apache-2.0
#include "http/crl_watch.h"
#include "keys/kmip_internal.h"

#include <time.h>

#include "base/clock.h"

#define PATIENCE_US 2000000
#define PAUSE_FIRST_US 40000
#define PAUSE_MAX_US 320000
/* Who was just kept waiting in vain need not be again: so long after, calls are tried once only. */
#define IMPATIENT_US 1000000

struct kmip_call kmip_call_of(struct kmip *k, int64_t us)
{
    return (struct kmip_call){ .k = k, .until = clock_monotonic_us() + us };
}

/* Under the lock: what an older list admitted is verified anew. */
static void drop_older(struct kmip *k)
{
    unsigned edition = k->tls.crl ? crl_watch_edition(k->tls.crl) : 0;

    if (edition != k->edition)
        kmip_drop_idle(k);
    k->edition = edition;
}

/* A connection that was used before and still is good, or NULL. */
static struct tls_stream *take_idle(struct kmip *k)
{
    for (;;) {
        struct tls_stream *s = NULL;

        pthread_mutex_lock(&k->lock);
        drop_older(k);
        if (k->idle_count)
            s = k->idle[--k->idle_count];
        pthread_mutex_unlock(&k->lock);
        if (!s || tls_stream_is_idle(s))
            return s;
        tls_stream_close(s);
    }
}

static void give_idle(struct kmip *k, struct tls_stream *s)
{
    pthread_mutex_lock(&k->lock);
    bool room = k->idle_count < KMIP_IDLE_MAX;
    if (room)
        k->idle[k->idle_count++] = s;
    pthread_mutex_unlock(&k->lock);
    if (!room)
        tls_stream_close(s);
}

void kmip_drop_idle(struct kmip *k)
{
    while (k->idle_count)
        tls_stream_close(k->idle[--k->idle_count]);
}

static fallible receive(struct tls_stream *s, int64_t until, struct secret **out)
{
    uint8_t head[TTLV_HEAD];
    size_t size;

    TRY(tls_stream_receive(s, head, sizeof head, until));
    struct err e = kmip_answer_size(SPAN_OF(head), &size);
    if (failed(e)) /* no use in trying again */
        return (struct err){ .kind = FAIL_DENIED, .what = e.what };
    struct secret *message owned(secret_free) = secret_new(size);
    if (!message)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(message), head, sizeof head);
    TRY(tls_stream_receive(s, secret_fill(message) + sizeof head, size - sizeof head, until));
    *out = TAKE(message);
    return OK;
}

/* One try. *sent: the server may have carried it out. */
static fallible exchange(struct kmip_call *c, const struct secret *request, bool *sent,
                         struct secret **answer)
{
    struct tls_stream *s owned(tls_stream_close) = take_idle(c->k);

    if (!s)
        TRY(tls_stream_open(&c->k->tls, c->until, &s));
    *sent = true;
    TRY(tls_stream_send(s, secret_expose(request), c->until));
    TRY(receive(s, c->until, answer));
    give_idle(c->k, TAKE(s));
    return OK;
}

static bool may_repeat(enum kmip_operation operation)
{
    switch (operation) {
    case KMIP_CREATE:
    case KMIP_CREATE_KEY_PAIR:
    case KMIP_REGISTER:
        return false;
    case KMIP_LOCATE:
    case KMIP_GET:
    case KMIP_GET_ATTRIBUTES:
    case KMIP_ACTIVATE:
    case KMIP_REVOKE:
    case KMIP_DESTROY:
    case KMIP_DISCOVER_VERSIONS:
        break;
    }
    return true;
}

static fallible exchange_patiently(struct kmip_call *c, const struct kmip_request *q,
                                   const struct secret *request, struct secret **answer)
{
    int64_t start = clock_monotonic_us(), pause = PAUSE_FIRST_US;
    bool patient = !c->impatient && start - c->k->gave_up_at > IMPATIENT_US;

    for (;;) {
        bool sent = false;
        struct err e = exchange(c, request, &sent, answer);
        if (!failed(e))
            return OK;
        bool again = e.kind == FAIL_UPSTREAM && (!sent || may_repeat(q->operation));
        if (!again || !patient || clock_monotonic_us() + pause - start > PATIENCE_US) {
            if (again && patient)
                c->k->gave_up_at = clock_monotonic_us();
            /* all of it is trouble with the server, for those above */
            return e.kind == FAIL_SYSTEM ? e
                                         : (struct err){ .kind = FAIL_UPSTREAM, .what = e.what };
        }
        nanosleep(&(struct timespec){ .tv_nsec = pause * 1000 }, NULL);
        pause = pause * 2 < PAUSE_MAX_US ? pause * 2 : PAUSE_MAX_US;
    }
}

static fallible ask_in(struct kmip_call *c, const struct kmip_request *q, unsigned version,
                       struct kmip_reply *reply)
{
    struct secret *request owned(secret_free) = NULL, *answer owned(secret_free) = NULL;
    struct span payload;

    c->reason = 0;
    TRY(kmip_request_write(q, version, &request));
    TRY(exchange_patiently(c, q, request, &answer));
    TRY(kmip_answer_parse(secret_expose(answer), q->operation, &payload, &c->reason));
    secret_free(reply->message);
    reply->payload = payload;
    reply->message = TAKE(answer);
    return OK;
}

static fallible find_version(struct kmip_call *c, unsigned *out)
{
    const struct kmip_request q = { .operation = KMIP_DISCOVER_VERSIONS };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    unsigned version = c->k->version;

    if (!version) {
        struct err e = ask_in(c, &q, KMIP_1_2, &reply);
        if (failed(e) && c->reason)
            return FAIL(UPSTREAM, "the KMIP server does not say its versions: set [kmip] version");
        TRY(e);
        TRY(kmip_read_versions(reply.payload, &version));
        c->k->version = version;
    }
    *out = version;
    return OK;
}

fallible kmip_ask(struct kmip_call *c, const struct kmip_request *q, struct kmip_reply *reply)
{
    unsigned version;

    TRY(find_version(c, &version));
    return ask_in(c, q, version, reply);
}
