// SPDX-License-Identifier: Apache-2.0
/* keyd: the key side of the broker. */
#include <malloc.h>

#include "base/json.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "crypto/secret.h"
#include "daemon/daemon.h"
#include "keyd/keyd.h"

static int configured(const struct daemon_options *o)
{
    struct keyd_settings s;
    struct setting rows[KEYD_SETTINGS_MAX];

    keyd_settings_init(&s, rows);
    int status = daemon_configure(o, rows);
    if (status < 0)
        status = daemon_checked(o, keyd_settings_check(&s));
    if (status < 0)
        daemon_end(keyd_supervise(&s));
    settings_free(rows);
    return status;
}

/* jansson's texts pass keys on their way to a key manager: what it frees is wiped, in both
 * processes. */
static void free_wiped(void *at)
{
    if (at)
        wipe(at, malloc_usable_size(at));
    free(at);
}

int main(int argc, char **argv)
{
    struct err started = crypto_start(CRYPTO_MEMORY_LOCKED);
    struct daemon_options o = { .config = "/etc/warder/keyd.conf" };
    const struct option_row rows[] = { DAEMON_OPTIONS(o), { 0 } };
    const struct command_help help = {
        "keyd", "", "the key side of the broker: challenges, decisions, wrapping, audit",
        "Exit status: 0 stopped, 1 failure, 2 wrong usage."
    };

    json_set_alloc_funcs(malloc, free_wiped);
    int status = daemon_begin(argc, argv, rows, &help, started);
    return status < 0 ? configured(&o) : status;
}
