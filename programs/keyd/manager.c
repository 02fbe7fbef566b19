// SPDX-License-Identifier: Apache-2.0
/* The process of the key manager: its store or network, its credentials, and the key that imports
 * are sealed to. */
#include "keyd/keyd.h"

#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "broker/secrets.h"
#include "crypto/crypto.h"
#include "keys/key_server.h"
#include "keys/seal_link.h"

#define WIPE_PATTERN 0x55
#define TEND_AGAIN_MS 2000 /* after a failure */

struct serving {
    struct keystore *store;
    struct key *import;
    int fd;
};

static void *serve(void *context)
{
    struct serving *s = context;
    key_server_run(s->fd, s->store, s->import);
    return NULL;
}

/* What the key manager has to do meanwhile, in a thread until the other end of `stop` closes. */
struct tending {
    struct keystore *store;
    pthread_t thread;
    int stop[2]; /* -1: not started */
};

static void *tend(void *context)
{
    struct tending *t = context;
    struct pollfd stop = { .fd = t->stop[0], .events = POLLIN };
    struct keystore_chore chore;

    do {
        chore = (struct keystore_chore){ .again_ms = TEND_AGAIN_MS };
        (void)t->store->tend(t->store, &chore).kind; /* the log has been told */
    } while (poll(&stop, 1, (int)chore.again_ms) == 0);
    return NULL;
}

static void tending_end(struct tending *t)
{
    if (t->stop[1] < 0)
        return;
    close(t->stop[1]);
    pthread_join(t->thread, NULL);
    close(t->stop[0]);
}

static fallible tending_begin(struct tending *t)
{
    if (!t->store->tend)
        return OK;
    if (pipe2(t->stop, O_CLOEXEC) < 0)
        return FAIL(SYSTEM, "no pipe");
    return pthread_create(&t->thread, NULL, tend, t) ? FAIL(SYSTEM, "a thread cannot be started")
                                                     : OK;
}

static fallible serve_all(const int channels[KEYD_CHANNELS], struct keystore *store,
                          struct key *import)
{
    struct serving serving[KEYD_CHANNELS];
    pthread_t threads[KEYD_CHANNELS];

    for (size_t i = 0; i < KEYD_CHANNELS; i++) {
        serving[i] = (struct serving){ store, import, channels[i] };
        if (pthread_create(&threads[i], NULL, serve, &serving[i]))
            return FAIL(SYSTEM, "a thread cannot be started");
    }
    for (size_t i = 0; i < KEYD_CHANNELS; i++) /* each ends when the core closes its end */
        pthread_join(threads[i], NULL);
    return OK;
}

static fallible run(const struct keyd_settings *s, const int channels[KEYD_CHANNELS], int sealer)
{
    char folder[KEYD_PATH_MAX];
    struct seal_hsm *hsm owned(seal_link_close) = NULL;
    struct keystore *store owned(keystore_close) = NULL;
    struct key *import owned(key_free) = NULL;

    TRY(keyd_path(s, "manager", folder));
    TRY(file_make_dir(folder, 0700));
    TRY(broker_key_load(folder, "import.key", &import));
    if (sealer >= 0)
        TRY(seal_link_open(sealer, &hsm));
    TRY(keyd_store_open(s, folder, hsm, &store));
    TRY(keyd_store_confine(s, folder));
    struct tending tending = { .store = store, .stop = { -1, -1 } };
    TRY(tending_begin(&tending)); /* threads begin confined */
    struct err e = serve_all(channels, store, import);
    tending_end(&tending);
    return e;
}

int keyd_manager(const struct keyd_settings *s, const int channels[KEYD_CHANNELS], int sealer)
{
    sigset_t none;

    log_start("keyd-manager", LOG_INFO);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    /* Buffers of libraries that do not wipe: what is freed is overwritten. */
    mallopt(M_PERTURB, WIPE_PATTERN);
    struct err e = run(s, channels, sealer);
    if (failed(e))
        log_err(e, "key manager");
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}
