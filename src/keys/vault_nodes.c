// SPDX-License-Identifier: Apache-2.0
/*
 * Which of the configured addresses is the active node's. Standbys answer reads from a state of
 * their own, which may be late (measured: a secret just written is absent, one just deleted is
 * there), so that only the active node is asked; which one that is, is asked anew once a second and
 * after each failure. No other address is ever called: neither a redirect's nor one that a server
 * names.
 */
#include "keys/vault_internal.h"

#include <pthread.h>

#include "base/clock.h"

#define FRESH_US 1000000
/* So long the outcome of a look that found none counts for all who waited for it. */
#define SHARED_US 50000
#define LOOK_US 4000000

struct vault_nodes {
    pthread_mutex_t lock;
    size_t count, active;
    char *urls[VAULT_NODES_MAX];
    int64_t known_at; /* that `active` is it */
    int64_t looked_at;
    struct err trouble; /* of the last look */
    bool passing;
};

enum standing { ACTIVE, STANDBY, SEALED, NEW, STRANGER, SILENT };

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == ',';
}

static fallible add_url(struct vault_nodes *n, struct span url)
{
    while (url.len && url.at[url.len - 1] == '/')
        url.len--;
    if (n->count == VAULT_NODES_MAX)
        return FAIL(LIMIT, "too many addresses of Vault");
    n->urls[n->count] = span_dup(url);
    if (!n->urls[n->count++])
        return FAIL(SYSTEM, "out of memory");
    return OK;
}

fallible vault_nodes_new(struct span urls, struct vault_nodes **out)
{
    struct vault_nodes *n owned(vault_nodes_free) = calloc(1, sizeof *n);

    if (!n)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&n->lock, NULL);
    n->known_at = n->looked_at = INT64_MIN / 2;
    while (urls.len) {
        size_t end = 0;
        while (end < urls.len && !is_blank(urls.at[end]))
            end++;
        if (end)
            TRY(add_url(n, span_head(urls, end)));
        urls = span_tail(urls, end + 1);
    }
    if (!n->count)
        return FAIL(INPUT, "Vault's url is missing");
    *out = TAKE(n);
    return OK;
}

void vault_nodes_free(struct vault_nodes *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->count; i++)
        free(n->urls[i]);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

size_t vault_nodes_count(const struct vault_nodes *n)
{
    return n->count;
}

const char *vault_nodes_url(const struct vault_nodes *n, size_t i)
{
    return n->urls[i];
}

static enum standing standing_of(int status)
{
    switch (status) {
    case 200:
        return ACTIVE;
    case 429: /* a standby; the others serve reads or another data centre */
    case 472:
    case 473:
        return STANDBY;
    case 501:
        return NEW;
    case 503:
        return SEALED;
    default:
        return STRANGER;
    }
}

static enum standing ask_node(struct vault *v, const char *url, struct err *e, bool *passing)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    *e = vault_send(
        v,
        &(struct vault_request){
            .base = url, .method = "GET", .path = "sys/health", .everywhere = true, .hasty = true },
        &reply, passing);
    return failed(*e) ? SILENT : standing_of(reply.status);
}

/* None is active: the most telling of what was found. */
static void judge(struct vault_nodes *n, const unsigned found[], struct err silence, bool passing)
{
    n->passing = true;
    if (found[STANDBY] && n->count > 1) {
        n->trouble = FAIL(UPSTREAM, "Vault has no active node among its addresses");
    } else if (found[STANDBY]) {
        n->trouble = FAIL(UPSTREAM, "Vault has no active node at this address");
    } else if (found[SEALED]) {
        n->trouble = FAIL(UPSTREAM, KEYSTORE_VAULT_SEALED);
    } else if (found[NEW]) {
        n->trouble = FAIL(UPSTREAM, "Vault is not initialized");
    } else if (found[SILENT]) {
        n->trouble = silence;
        n->passing = passing;
    } else {
        n->trouble = FAIL(UPSTREAM, "this address is not a Vault server's");
        n->passing = false;
    }
}

/* The last one known first: mostly it still is. Nodes that say nothing take their time: the next
 * look goes on where this one stops. */
static void look(struct vault *v, struct vault_nodes *n)
{
    int64_t until = clock_monotonic_us() + LOOK_US;
    size_t start = n->active;
    unsigned found[SILENT + 1] = { 0 };
    struct err silence = OK;
    bool passing = false;

    for (size_t i = 0; i < n->count && clock_monotonic_us() < until; i++) {
        size_t at = (start + i) % n->count;
        struct err e;
        bool may_pass;
        enum standing s = ask_node(v, n->urls[at], &e, &may_pass);

        if (s == ACTIVE) {
            n->active = at;
            n->trouble = OK;
            n->known_at = clock_monotonic_us();
            return;
        }
        found[s]++;
        if (s == SILENT && !failed(silence))
            silence = e;
        passing |= may_pass;
        n->active = (at + 1) % n->count;
    }
    judge(n, found, silence, passing);
}

fallible vault_active(struct vault *v, const char **url, bool *passing)
{
    struct vault_nodes *n = v->nodes;

    pthread_mutex_lock(&n->lock);
    int64_t now = clock_monotonic_us();
    if (now - n->known_at > FRESH_US && now - n->looked_at > SHARED_US) {
        look(v, n);
        n->looked_at = clock_monotonic_us();
    }
    struct err e = n->trouble;
    *passing = n->passing;
    *url = n->urls[n->active];
    pthread_mutex_unlock(&n->lock);
    return e;
}

void vault_active_doubt(struct vault *v)
{
    struct vault_nodes *n = v->nodes;

    pthread_mutex_lock(&n->lock);
    n->known_at = n->looked_at = INT64_MIN / 2;
    pthread_mutex_unlock(&n->lock);
}
