// SPDX-License-Identifier: Apache-2.0
/* The process of the HSM that seals the embedded store: the vendor's library, its network and the
 * PIN, and nothing else. It answers the key manager's process alone. */
#include "keyd/keyd.h"

#include <signal.h>

#include "base/log.h"
#include "keys/pkcs11_hsm.h"
#include "keys/seal_link.h"

bool keyd_has_sealer(const struct keyd_settings *s)
{
    return !strcmp(s->manager, "embedded") && s->pkcs11_module;
}

/* Each trouble once. */
static void tell(struct err e)
{
    static const char *trouble;

    if (failed(e) && e.what != trouble)
        log_err(e, "the HSM of the seal does not serve");
    if (!failed(e) && trouble)
        log_info("the HSM of the seal serves again");
    trouble = failed(e) ? e.what : NULL;
}

static fallible run(const struct keyd_settings *s, int fd)
{
    struct keystore *hsm owned(keystore_close) = NULL;

    TRY(keyd_hsm_open(s, &hsm));
    TRY(keyd_sealer_confine(s));
    seal_link_serve(fd, hsm, span_str(s->embedded_hsm_key), tell);
    return OK;
}

int keyd_sealer(const struct keyd_settings *s, int fd)
{
    sigset_t none;

    log_start("keyd-sealer", LOG_INFO);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    struct err e = run(s, fd);
    if (failed(e))
        log_err(e, "HSM of the seal");
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}
