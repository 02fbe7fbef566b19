// SPDX-License-Identifier: Apache-2.0
#include "http/loop_internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "http/thread_internal.h"

#define ACCEPTS_A_ROUND 64
#define PAUSE_MS 100
#define LOOP_STACK (1U << 20)

static struct timeval milliseconds(unsigned ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
}

/* The connection that has kept us waiting longest makes room. */
static bool evict_one(struct loop *l)
{
    struct http_connection *c = TAILQ_FIRST(&l->waiting);

    if (c)
        connection_close(c);
    return c != NULL;
}

static void pause_accepting(struct loop *l)
{
    struct timeval t = milliseconds(PAUSE_MS);

    event_del(&l->accept_event);
    evtimer_add(&l->pause_timer, &t);
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)fd;
    (void)what;
    if (l->listener >= 0)
        event_add(&l->accept_event, NULL);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;

    (void)what;
    (void)loop_take_back(l, NULL); /* idle ones make room */
    for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        if (l->count >= l->count_max && TAILQ_EMPTY(&l->waiting)) {
            pause_accepting(l);
            return;
        }
        int s = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (s >= 0 && l->count >= l->count_max)
            evict_one(l);
        if (s >= 0)
            connection_open(l, s, &from);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) &&
                 !evict_one(l)) {
            pause_accepting(l);
            return;
        }
    }
}

static void close_all_that_wait(struct loop *l, bool idle_only)
{
    struct http_connection *c, *next;

    for (c = TAILQ_FIRST(&l->all); c; c = next) {
        next = TAILQ_NEXT(c, in_all);
        if (idle_only ? connection_is_idle(c) : c->state != CONNECTION_HANDLING)
            connection_close(c);
    }
}

static void begin_stop(struct loop *l)
{
    struct timeval t = milliseconds(l->settings->deadline_ms);

    if (l->listener < 0)
        return;
    event_del(&l->accept_event);
    close(l->listener);
    l->listener = -1;
    close_all_that_wait(l, true);
    evtimer_add(&l->stop_timer, &t);
}

static void on_stop_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    struct timeval t = milliseconds(PAUSE_MS);

    (void)fd;
    (void)what;
    (void)loop_take_back(l, NULL);
    close_all_that_wait(l, false); /* and those whose handler still works, as soon as it is done */
    evtimer_add(&l->stop_timer, &t);
}

enum taken_back loop_take_back(struct loop *l, const struct http_connection *mine)
{
    enum taken_back found = NOT_BACK;

    if (!atomic_load(&l->handed_back))
        return found;
    for (struct http_connection *c = atomic_exchange(&l->handed_back, NULL), *next; c; c = next) {
        bool is_mine = c == mine;
        next = c->next_back;
        bool waits = connection_handed_back(c); /* may have closed it */
        if (is_mine)
            found = waits ? BACK_READY : BACK_DONE;
    }
    return found;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    uint64_t n;

    (void)what;
    if (read((int)fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != EINTR)
        return;
    atomic_store(&l->woken, false);
    (void)loop_take_back(l, NULL);
    if (atomic_load(&l->stopping))
        begin_stop(l);
}

static void wake(struct loop *l)
{
    const uint64_t one = 1;
    ssize_t n;

    do
        n = write(l->wake_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
}

void loop_hand_back(struct loop *l, struct http_connection *c, bool quiet)
{
    struct http_connection *top = atomic_load_explicit(&l->handed_back, memory_order_relaxed);

    do
        c->next_back = top;
    while (!atomic_compare_exchange_weak(&l->handed_back, &top, c));
    /* From here on c may be gone. Who stops to listen says so before it looks for what was handed
     * back, so one of the two sees the other. */
    if (quiet && !atomic_load(&l->deaf) && !atomic_load(&l->stopping))
        return;
    if (!atomic_exchange(&l->woken, true))
        wake(l);
}

static fallible base_new(struct event_base **out)
{
    struct event_config *config = event_config_new();

    if (!config)
        return FAIL(SYSTEM, "out of memory for the event loop");
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK); /* each base is one thread's */
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (!base)
        return FAIL(SYSTEM, "no event loop");
    *out = base;
    return OK;
}

fallible loop_new(struct loop_settings *settings, int listener, size_t connections,
                  struct loop **out)
{
    owned(loop_free) struct loop *l = calloc(1, sizeof(*l));

    if (!l) {
        close(listener);
        return FAIL(SYSTEM, "out of memory for the event loop");
    }
    TAILQ_INIT(&l->all);
    TAILQ_INIT(&l->waiting);
    l->settings = settings;
    l->listener = listener;
    l->count_max = connections;
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (l->wake_fd < 0)
        return FAIL(SYSTEM, "no event descriptor");
    TRY(base_new(&l->base));
    event_assign(&l->accept_event, l->base, listener, EV_READ | EV_PERSIST, on_accept, l);
    event_assign(&l->wake_event, l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    evtimer_assign(&l->pause_timer, l->base, on_pause_over, l);
    evtimer_assign(&l->stop_timer, l->base, on_stop_deadline, l);
    event_add(&l->accept_event, NULL);
    event_add(&l->wake_event, NULL);
    *out = TAKE(l);
    return OK;
}

static void *run(void *arg)
{
    struct loop *l = arg;

    while (!atomic_load(&l->stopping) || l->listener >= 0 || l->count)
        event_base_loop(l->base, EVLOOP_ONCE);
    return NULL;
}

fallible loop_run(struct loop *l)
{
    TRY(thread_start(run, l, LOOP_STACK, &l->thread));
    l->started = true;
    return OK;
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stopping, true);
    wake(l);
    if (l->started)
        pthread_join(l->thread, NULL);
    l->started = false;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    close_all_that_wait(l, false);
    if (l->listener >= 0)
        close(l->listener);
    if (l->base)
        event_base_free(l->base);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l);
}
