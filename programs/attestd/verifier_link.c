// SPDX-License-Identifier: Apache-2.0
#include "attestd/verifier_link.h"

#include <pthread.h>
#include <sys/socket.h>

#include "attestd/warm.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "crypto/digest.h"

#define FORK_MS 1000 /* on top of the worker's own deadline */
#define LOAD_MS 5000
#define FLIGHTS_MAX 64
#define PROBE_US 1000000 /* how long a probe's finding is good for */

/* Collateral on its way to the zygote: who needs the same waits for it. */
struct flight {
    struct collateral_key key;
    unsigned users; /* 0: free */
    bool landed;
    struct err result;
};

struct loaded {
    struct collateral_key key;
    uint8_t digest[SHA256_SIZE];
};

/* What a probe has found last. */
struct probe {
    pthread_mutex_t probing;
    int64_t at_us; /* 0: never */
    bool good;
};

struct verifier_link {
    struct verifier_link_config config;
    struct probe verifier, issuer;
    pthread_mutex_t lock;
    pthread_cond_t landed;
    struct flight flights[FLIGHTS_MAX];
    struct loaded loaded[WARM_MAX];
    size_t loaded_count, loaded_next;
};

fallible verifier_link_new(const struct verifier_link_config *config, struct verifier_link **out)
{
    struct verifier_link *l = calloc(1, sizeof(*l));
    if (!l)
        return FAIL(SYSTEM, "memory for the link to the verifier");
    l->config = *config;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->landed, NULL);
    pthread_mutex_init(&l->verifier.probing, NULL);
    pthread_mutex_init(&l->issuer.probing, NULL);
    *out = l;
    return OK;
}

void verifier_link_free(struct verifier_link *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->verifier.probing);
    pthread_mutex_destroy(&l->issuer.probing);
    pthread_cond_destroy(&l->landed);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void answer_done(struct answer *a)
{
    buf_done(&a->body);
}

/* Hands one end of a new socket pair to the zygote and sends the first message over the other. */
static fallible begin(const struct verifier_link *l, enum channel_type what, enum answer_type type,
                      struct span body, unsigned wait_ms, int *out)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return FAIL(SYSTEM, "socket pair for a request");
    int ours owned(fd_close) = ends[0];
    struct err sent = channel_send(l->config.work, what, (struct span){ 0 }, ends[1]);
    close(ends[1]);
    TRY(sent);
    TRY(ipc_send(ours, type, 0, body, (int)wait_ms));
    *out = fd_take(&ours);
    return OK;
}

/* Nobody waits for it: it only makes the next verifications of this platform cheaper. */
static void pass_platform(const struct verifier_link *l, struct span platform)
{
    int fd owned(fd_close) = -1;
    struct span chain, enclave;
    struct err e = platform_parse(platform, &chain, &enclave);
    if (!failed(e) && l->config.seen)
        l->config.seen(l->config.seen_context, chain);
    if (!failed(e))
        e = begin(l, CHANNEL_REMEMBER, ANSWER_PLATFORM, platform, FORK_MS, &fd);
    if (failed(e))
        log_err(e, "a platform is not remembered");
}

static fallible ask_once(const struct verifier_link *l, const struct work_request *q,
                         struct answer *out)
{
    const unsigned wait_ms = l->config.deadline_ms + FORK_MS;
    struct buf body owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    int fd owned(fd_close) = -1;
    work_request_write(q, &body);
    TRY(buf_check(&body));
    TRY(begin(l, CHANNEL_VERIFY, ANSWER_REQUEST, buf_span(&body), wait_ms, &fd));
    TRY(ipc_receive(fd, &m, (int)wait_ms));
    if (m.type == ANSWER_PLATFORM) {
        pass_platform(l, buf_span(&m.body));
        ipc_message_done(&m);
        m.body = buf_of(IPC_BODY_MAX);
        TRY(ipc_receive(fd, &m, (int)wait_ms));
    }
    answer_done(out);
    out->type = (enum answer_type)m.type;
    out->body = m.body;
    m.body = buf_of(0);
    return OK;
}

static void remember(struct verifier_link *l, const struct collateral_key *key,
                     const uint8_t digest[SHA256_SIZE])
{
    pthread_mutex_lock(&l->lock);
    size_t at = 0;
    while (at < l->loaded_count && !collateral_key_equal(&l->loaded[at].key, key))
        at++;
    if (at == l->loaded_count) {
        at = l->loaded_next++ % WARM_MAX;
        l->loaded_count = l->loaded_count < WARM_MAX ? l->loaded_count + 1 : WARM_MAX;
    }
    l->loaded[at].key = *key;
    memcpy(l->loaded[at].digest, digest, SHA256_SIZE);
    pthread_mutex_unlock(&l->lock);
}

/* `unless`: a digest with which nothing is to be done. May be NULL. */
static fallible load(struct verifier_link *l, const struct collateral_key *key,
                     const uint8_t *unless)
{
    struct buf body owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    uint8_t digest[SHA256_SIZE];
    int fd owned(fd_close) = -1;
    TRY(collateral_source_get(&l->config.source, key, clock_now(), &body));
    TRY(sha256(buf_span(&body), digest));
    if (unless && !memcmp(unless, digest, SHA256_SIZE))
        return OK;
    TRY(begin(l, CHANNEL_LOAD, ANSWER_COLLATERAL, buf_span(&body), LOAD_MS, &fd));
    TRY(ipc_receive(fd, &m, LOAD_MS));
    if (m.type != ANSWER_LOADED)
        return FAIL(UPSTREAM, "the verifier does not take the collateral");
    remember(l, key, digest);
    if (l->config.loaded)
        l->config.loaded(l->config.loaded_context, buf_span(&m.body), buf_span(&body));
    log_info("collateral loaded", "tee", key->tee, "fmspc", key->fmspc, "ca", key->ca, "product",
             key->product, "signer", key->signer);
    return OK;
}

/* With the lock held: the flight of this key, or a free one. */
static struct flight *flight_of(struct verifier_link *l, const struct collateral_key *key)
{
    struct flight *unused = NULL;
    for (size_t i = 0; i < FLIGHTS_MAX; i++) {
        struct flight *f = &l->flights[i];
        if (f->users && !f->landed && collateral_key_equal(&f->key, key))
            return f;
        if (!f->users)
            unused = f;
    }
    return unused;
}

/* The digest of what was loaded last for this key; false: nothing was. */
static bool loaded_digest(struct verifier_link *l, const struct collateral_key *key,
                          uint8_t out[SHA256_SIZE])
{
    bool found = false;
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < l->loaded_count && !found; i++)
        if (collateral_key_equal(&l->loaded[i].key, key)) {
            memcpy(out, l->loaded[i].digest, SHA256_SIZE);
            found = true;
        }
    pthread_mutex_unlock(&l->lock);
    return found;
}

/* What is past its date in the zygote is not loaded again unless the source has something else by
 * now. */
static fallible load_newer(struct verifier_link *l, const struct collateral_key *key, bool stale)
{
    uint8_t digest[SHA256_SIZE];
    return load(l, key, stale && loaded_digest(l, key, digest) ? digest : NULL);
}

static fallible load_once(struct verifier_link *l, const struct collateral_key *key, bool stale)
{
    pthread_mutex_lock(&l->lock);
    struct flight *f = flight_of(l, key);
    if (!f) {
        pthread_mutex_unlock(&l->lock);
        return FAIL(UPSTREAM, "too much collateral is being loaded");
    }
    bool pilot = !f->users;
    if (pilot)
        *f = (struct flight){ .key = *key };
    f->users++;
    if (pilot) {
        pthread_mutex_unlock(&l->lock);
        struct err result = load_newer(l, key, stale);
        pthread_mutex_lock(&l->lock);
        f->result = result;
        f->landed = true;
        pthread_cond_broadcast(&l->landed);
    }
    while (!f->landed)
        pthread_cond_wait(&l->landed, &l->lock);
    struct err result = f->result;
    f->users--;
    pthread_mutex_unlock(&l->lock);
    return result;
}

/* Stays empty where nobody has one: the verdict will say so. */
static fallible bring_pck(const struct verifier_link *l, struct span need, struct buf *pck)
{
    struct pck_query query;
    TRY(pck_need_parse(need, &query));
    struct err e = collateral_source_pck(&l->config.source, &query, clock_now(), pck);
    if (failed(e) && e.kind != FAIL_ABSENT)
        return e.kind == FAIL_UPSTREAM ? e : FAIL(UPSTREAM, "a PCK certificate cannot be got");
    if (failed(e))
        buf_clear(pck);
    return OK;
}

fallible verifier_link_ask(struct verifier_link *l, const struct work_request *request,
                           struct answer *out, const char **code)
{
    struct work_request q = *request;
    struct answer a owned(answer_done) = { .body = buf_of(0) };
    struct buf pck owned(buf_done) = buf_of(2 * TCS_CHAIN_MAX);
    *code = "verification_failed";
    TRY(ask_once(l, &q, &a));
    if (a.type == ANSWER_NEED_PCK) {
        *code = "collateral_unavailable";
        TRY(bring_pck(l, buf_span(&a.body), &pck));
        *code = "verification_failed";
        q.final = !pck.len;
        q.pck_chain = buf_span(&pck);
        TRY(ask_once(l, &q, &a));
    }
    if (a.type == ANSWER_NEED) {
        struct collateral_key key;
        bool stale;
        TRY(collateral_need_parse(buf_span(&a.body), &key, &stale));
        *code = "collateral_unavailable";
        struct err e = load_once(l, &key, stale);
        if (failed(e) &&
            e.kind != FAIL_ABSENT) /* absent: the verdict will say that collateral is missing */
            return e.kind == FAIL_UPSTREAM ? e : FAIL(UPSTREAM, "collateral cannot be got");
        *code = "verification_failed";
        q.final = true;
        TRY(ask_once(l, &q, &a));
    }
    if (a.type != ANSWER_RESULT && a.type != ANSWER_TOKEN && a.type != ANSWER_REFUSAL &&
        a.type != ANSWER_FAILURE)
        return FAIL(UPSTREAM, "the verifier answers nonsense");
    *out = a;
    a.body = buf_of(0);
    return OK;
}

/* Strangers may ask for it: one probe at a time, and none so soon after another; meanwhile the last
 * finding holds. Before there is one, all wait for the first. */
static bool probe(struct verifier_link *l, struct probe *p, enum work_kind kind)
{
    if (pthread_mutex_trylock(&p->probing) != 0) {
        if (__atomic_load_n(&p->at_us, __ATOMIC_ACQUIRE))
            return __atomic_load_n(&p->good, __ATOMIC_RELAXED);
        pthread_mutex_lock(&p->probing);
    }
    if (!p->at_us || clock_monotonic_us() - p->at_us > PROBE_US) {
        const struct work_request q = { .kind = kind, .form = EVIDENCE_CMW };
        struct answer a owned(answer_done) = { .body = buf_of(0) };
        bool good = !failed(ask_once(l, &q, &a)) && a.type == ANSWER_RESULT;
        __atomic_store_n(&p->good, good, __ATOMIC_RELAXED);
        __atomic_store_n(&p->at_us, clock_monotonic_us(), __ATOMIC_RELEASE);
    }
    bool good = p->good;
    pthread_mutex_unlock(&p->probing);
    return good;
}

struct verifier_health verifier_link_health(struct verifier_link *l, bool issuer)
{
    struct verifier_health h = { .verifier = probe(l, &l->verifier, WORK_PROBE_VERIFIER) };
    if (issuer)
        h.issuer = probe(l, &l->issuer, WORK_PROBE_ISSUER);
    return h;
}

void verifier_link_refresh(struct verifier_link *l)
{
    for (size_t i = 0;; i++) {
        struct loaded one;
        pthread_mutex_lock(&l->lock);
        bool there = i < l->loaded_count;
        if (there)
            one = l->loaded[i];
        pthread_mutex_unlock(&l->lock);
        if (!there)
            return;
        struct err e = load(l, &one.key, one.digest);
        if (failed(e))
            log_err(e, "collateral cannot be refreshed", "tee", one.key.tee, "fmspc",
                    one.key.fmspc);
    }
}
