// SPDX-License-Identifier: Apache-2.0
/* The process of the key manager: its store or network, its credentials, and the key that imports
 * are sealed to. */
#include "keyd/keyd.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>

#include "base/file.h"
#include "base/log.h"
#include "broker/secrets.h"
#include "crypto/crypto.h"
#include "keys/key_server.h"

#define WIPE_PATTERN 0x55

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

static fallible run(const struct keyd_settings *s, const int channels[KEYD_CHANNELS])
{
    char folder[KEYD_PATH_MAX];
    struct keystore *store owned(keystore_close) = NULL;
    struct key *import owned(key_free) = NULL;
    struct serving serving[KEYD_CHANNELS];
    pthread_t threads[KEYD_CHANNELS];

    TRY(keyd_path(s, "manager", folder));
    TRY(file_make_dir(folder, 0700));
    TRY(broker_key_load(folder, "import.key", &import));
    TRY(keyd_store_open(s, folder, &store));
    TRY(keyd_store_confine(s, folder));
    for (size_t i = 0; i < KEYD_CHANNELS; i++) {
        serving[i] = (struct serving){ store, import, channels[i] };
        if (pthread_create(&threads[i], NULL, serve, &serving[i]))
            return FAIL(SYSTEM, "a thread cannot be started");
    }
    for (size_t i = 0; i < KEYD_CHANNELS; i++) /* each ends when the core closes its end */
        pthread_join(threads[i], NULL);
    return OK;
}

int keyd_manager(const struct keyd_settings *s, const int channels[KEYD_CHANNELS])
{
    sigset_t none;

    log_start("keyd-manager", LOG_INFO);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    /* Buffers of libraries that do not wipe: what is freed is overwritten. */
    mallopt(M_PERTURB, WIPE_PATTERN);
    struct err e = run(s, channels);
    if (failed(e))
        log_err(e, "key manager");
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}
