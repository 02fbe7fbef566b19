// SPDX-License-Identifier: Apache-2.0
/* The core: the broker behind a Unix socket, a thread for each connection of kbsd. */
#include "keyd/keyd.h"

#include <libgen.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "broker/deny_list.h"
#include "broker/operation.h"
#include "broker/row.h"
#include "crypto/jose.h"
#include "crypto/random.h"
#include "daemon/daemon.h"

#define READERS 8
#define CONNECTIONS_MAX 1024
#define LOOK_SECONDS 2 /* how often the key manager's channels are looked at */
#define SWEEP_LOOKS 30
#define REMOVAL_LOOKS 3
#define DRAIN_MS 5000
#define ACCEPT_PAUSE_US 20000
#define JWKS_MAX (16U << 10)
#define ARENAS_MAX 4 /* else each thread's keeps what a burst took */

struct core {
    const struct keyd_settings *settings;
    struct broker broker;
    int listener;
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t count;
    int connections[CONNECTIONS_MAX]; /* -1: free */
    atomic_bool stopping;
};

struct connection {
    struct core *core;
    int fd;
};

/* What a stranger sent instead of an id is not for the log. */
static void loggable(struct span id, char out[UUID_TEXT_SIZE])
{
    size_t len = uuid_valid(id) ? id.len : 0;
    if (len)
        memcpy(out, id.at, len);
    out[len] = 0;
}

static void log_outcome(uint16_t type, const struct broker_request *q, const struct outcome *o,
                        struct err failure)
{
    char id[UUID_TEXT_SIZE], request[64];

    loggable(q->id, id);
    snprintf(request, sizeof request, "%.*s",
             (int)(q->request_id.len < 60 ? q->request_id.len : 60),
             (const char *)q->request_id.at);
    if (failed(failure))
        log_failure(failure, operation_name(type), "id", id, "request", request, NULL);
    else if (o->code == CODE_RECORD_TAMPERED)
        log_event(LOG_ERROR, "a stored record was changed outside of keyd", "id", id, "request",
                  request, NULL);
    else if (code_kind(o->code) != FAIL_NONE)
        log_event(LOG_WARNING, "refused", "question", operation_name(type), "id", id, "code",
                  code_word(o->code), "reason", o->detail, "request", request, NULL);
    else if (o->code == CODE_OK &&
             (type == OPERATION_RELEASE || type == OPERATION_RELEASE_APPRAISED))
        log_info(broker_is_use(q) ? "key used" : "key released", "id", id, "request", request);
}

static fallible answer_one(struct core *c, int fd)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct buf answer owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct outcome o owned(outcome_done) = { 0 };
    struct broker_request q;
    struct err failure;

    TRY(ipc_receive(fd, &m, IPC_FOREVER));
    TRY(operation_read_question(buf_span(&m.body), &q));
    q.now = clock_now();
    operation_run(&c->broker, m.type, &q, &o, &failure);
    operation_write_answer(&o, &answer);
    if (failed(buf_check(&answer))) {
        buf_clear(&answer);
        (void)outcome_refuse(&o, CODE_TOO_LARGE, "the answer is too large: ask for less").kind;
        operation_write_answer(&o, &answer);
    }
    log_outcome(m.type, &q, &o, failure);
    wipe(m.body.at, m.body.len); /* a key_string may have been in it */
    return ipc_send(fd, m.type, m.id, buf_span(&answer), IPC_FOREVER);
}

static void *serve(void *context)
{
    struct connection k = *(struct connection *)context;

    free(context);
    while (!failed(answer_one(k.core, k.fd)))
        ;
    pthread_mutex_lock(&k.core->lock);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (k.core->connections[i] == k.fd)
            k.core->connections[i] = -1;
    k.core->count--;
    close(k.fd);
    pthread_cond_signal(&k.core->left);
    pthread_mutex_unlock(&k.core->lock);
    return NULL;
}

static bool may_ask(const struct core *c, int fd)
{
    struct ipc_peer peer;
    return !failed(ipc_peer_of(fd, &peer)) &&
           (peer.uid == getuid() || peer.uid == 0 || peer.uid == c->settings->kbsd_uid);
}

static bool admit_connection(struct core *c, int fd)
{
    bool room = false;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->settings->connections && !room && !c->stopping; i++)
        if (c->connections[i] < 0) {
            c->connections[i] = fd;
            c->count++;
            room = true;
        }
    pthread_mutex_unlock(&c->lock);
    return room;
}

static void take_connection(struct core *c, int fd)
{
    struct connection *k = may_ask(c, fd) ? malloc(sizeof *k) : NULL;
    pthread_attr_t attr;
    pthread_t thread;

    if (!k || !admit_connection(c, fd)) {
        log_warn("a connection was turned away");
        free(k);
        close(fd);
        return;
    }
    *k = (struct connection){ c, fd };
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, serve, k)) {
        log_event(LOG_ERROR, "a thread cannot be started", NULL);
        shutdown(fd, SHUT_RDWR);
        serve(k); /* cleans up: the first receive fails */
    }
    pthread_attr_destroy(&attr);
}

static void *accept_all(void *context)
{
    struct core *c = context;
    int fd;

    while (!c->stopping) {
        if (!failed(ipc_accept(c->listener, &fd)))
            take_connection(c, fd);
        else if (!c->stopping)
            usleep(ACCEPT_PAUSE_US); /* no descriptors left, say: those in use come free */
    }
    return NULL;
}

static fallible publish(const struct keyd_settings *s, const struct broker *b)
{
    const struct key *keys[] = { b->secrets.release };
    struct buf text owned(buf_done) = buf_of(JWKS_MAX), had owned(buf_done) = buf_of(JWKS_MAX);

    if (!s->release_jwks)
        return OK;
    TRY(jwks_text(keys, 1, &text));
    if (!failed(file_read(s->release_jwks, &had)) && span_equal(buf_span(&had), buf_span(&text)))
        return OK; /* two waits for the disk less */
    return file_write(s->release_jwks, buf_span(&text), 0644);
}

static fallible open_stores(const struct keyd_settings *s, const char *folder, struct broker *b)
{
    struct store *writer owned(store_close) = NULL;
    char url[KEYD_PATH_MAX + 32], journal[KEYD_PATH_MAX];

    snprintf(url, sizeof url, "sqlite:%s/keyd.db", folder);
    TRY(keyd_path(s, "audit.log", journal));
    TRY(store_open(url, &writer));
    TRY(store_migrate(writer, broker_schema, broker_schema_count));
    TRY(committer_open(writer, journal, &b->committer));
    writer = NULL;
    TRY(policy_cache_new(&b->policies));
    TRY(deny_cache_new(&b->denials));
    TRY(planned_open(&b->planned));
    return store_pool_open(url, READERS, &b->readers);
}

static fallible open_broker(const struct keyd_settings *s, const char *folder,
                            const int channels[KEYD_CHANNELS], struct broker *b)
{
    *b = (struct broker){ .kbs_id = s->name,
                          .challenge_seconds = s->challenge_seconds,
                          .session_seconds = (int64_t)s->session_minutes * 60,
                          .approval_hours = s->approval_hours,
                          .require_wrapped_import = s->require_wrapped_import,
                          .refuse_samples = s->refuse_samples,
                          .guest_rsa1_5 = s->guest_rsa1_5,
                          .keys_per_tenant = s->keys_per_tenant,
                          .policies_per_tenant = s->policies_per_tenant };
    if (s->tenant_rate)
        TRY(rate_limit_new(s->tenant_rate, s->tenant_burst ? s->tenant_burst : s->tenant_rate,
                           &b->tenant_rate));
    TRY(broker_attestation_types(s->attestation_types, &b->attestation_types));
    TRY(file_make_dir(folder, 0700));
    TRY(broker_secrets_load(folder, &b->secrets));
    TRY(publish(s, b));
    TRY(pinned_keys_open(s->aas_jwks, &b->aas));
    TRY(attestation_keys_open(s->as_jwks, &b->as));
    TRY(open_stores(s, folder, b));
    TRY(key_service_open(channels, KEYD_CHANNELS, &b->manager));
    return key_service_import_key(b->manager, &b->import);
}

/* The pinned files are replaced by renaming, so their folders must stay readable. */
static fallible confine(const struct keyd_settings *s, const char *folder)
{
    char *aas owned(free) = strdup(s->aas_jwks), *as owned(free) = strdup(s->as_jwks);
    if (!aas || !as)
        return FAIL(SYSTEM, "out of memory");
    const char *const readable[] = { dirname(aas), dirname(as), NULL };
    const char *const writable[] = { folder, NULL };
    return daemon_confine(readable, writable, SANDBOX_STORE);
}

/* What is the same trouble as before has been told. */
static void finish_deletions(struct broker *b, struct err *trouble)
{
    struct err e = broker_retire_versions(b, clock_now());

    if (!failed(e))
        e = broker_finish_deletions(b);

    if (failed(e) && e.what != trouble->what)
        log_err(e, "secrets of deleted keys are still with the key manager");
    if (!failed(e) && failed(*trouble))
        log_info("secrets of deleted keys are removed");
    *trouble = e;
}

/* Until told to stop, or until a key manager that hangs must be started anew: the supervisor does
 * that. */
static fallible wait_for_end(struct core *c)
{
    struct err trouble = OK;
    const struct timespec pause = { .tv_sec = LOOK_SECONDS };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    for (unsigned looks = 1; sigtimedwait(&set, NULL, &pause) < 0; looks++) {
        if (!key_service_is_whole(c->broker.manager))
            return FAIL(UPSTREAM, "the key manager's process hangs");
        struct err e = looks % SWEEP_LOOKS ? OK : broker_sweep(&c->broker, clock_now());
        if (failed(e))
            log_err(e, "remove expired challenges");
        e = looks % SWEEP_LOOKS ? OK : broker_expire_pending(&c->broker, clock_now());
        if (failed(e))
            log_err(e, "end changes that nobody approved");
        if (looks % SWEEP_LOOKS == 0)
            malloc_trim(0); /* what a burst of requests took, in every thread's arena */
        if (looks % REMOVAL_LOOKS == 0)
            finish_deletions(&c->broker, &trouble);
    }
    return OK;
}

/* No new questions; those begun are answered. */
static void drain(struct core *c)
{
    struct timespec until;

    c->stopping = true;
    shutdown(c->listener, SHUT_RDWR);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DRAIN_MS / 1000;
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (c->connections[i] >= 0)
            shutdown(c->connections[i], SHUT_RD);
    while (c->count && !pthread_cond_timedwait(&c->left, &c->lock, &until))
        ;
    pthread_mutex_unlock(&c->lock);
}

static fallible run(struct core *c, const int channels[KEYD_CHANNELS], int ready)
{
    char folder[KEYD_PATH_MAX];
    struct operators *operators = NULL;
    pthread_t acceptor;

    TRY(keyd_path(c->settings, "core", folder));
    TRY(open_broker(c->settings, folder, channels, &c->broker));
    TRY(ipc_listen(c->settings->socket, c->settings->kbsd_uid == UINT32_MAX ? 0600 : 0666,
                   &c->listener));
    TRY(keyd_operators_listen(c->settings, &c->broker, &operators));
    TRY(confine(c->settings, folder));
    TRY(keyd_operators_start(operators));
    if (pthread_create(&acceptor, NULL, accept_all, c))
        return FAIL(SYSTEM, "a thread cannot be started");
    log_info("service start", "service", "keyd", "socket", c->settings->socket, "key_manager",
             c->settings->manager);
    if (write(ready, "r", 1) != 1)
        return FAIL(SYSTEM, "the supervisor is gone");
    close(ready);
    struct err e = wait_for_end(c);
    drain(c);
    pthread_join(acceptor, NULL);
    keyd_operators_stop(operators);
    log_info("service stop", "service", "keyd");
    return e;
}

int keyd_core(const struct keyd_settings *s, const int channels[KEYD_CHANNELS], int ready)
{
    static struct core core;

    mallopt(M_ARENA_MAX, ARENAS_MAX);
    core.settings = s;
    pthread_mutex_init(&core.lock, NULL);
    pthread_cond_init(&core.left, NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        core.connections[i] = -1;
    struct err e = run(&core, channels, ready);
    if (failed(e))
        log_err(e, "start");
    return failed(e) ? EXIT_FAILURE
                     : EXIT_SUCCESS; /* the process ends: threads that still serve end with it */
}
