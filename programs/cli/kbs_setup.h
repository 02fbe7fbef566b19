// SPDX-License-Identifier: Apache-2.0
/*
 * warder kbs: a key broker of its own under a folder, set up from a kbs.env against a CMS and an
 * AAS that run elsewhere. kbs.c has the verbs, kbs_setup.c what is got from the other services,
 * kbs_config.c what is written; programs are started and stopped as those of warder dev.
 */
#ifndef CLI_KBS_SETUP_H
#define CLI_KBS_SETUP_H

#include "cli/dev.h"
#include "cli/kbs_env.h"

struct kbs_setup {
    struct dev d;
    struct kbs_env env;
    enum kbs_key_manager keys;
    const char *attestation; /* https://HOST:PORT of the attestation service */
    const char *vault_ca;    /* NULL: the system's CAs */
    bool vault_plain;
    char
        log_file[1024]; /* kbs.log, both programs' log as the original system writes it; or empty */
};

/* From CMS by its certificate's digest: the CA, then the TLS certificate; from AAS and the
 * attestation service their public keys. Prints what is wrong; an exit status. */
int kbs_fetch(const struct kbs_setup *s);
fallible kbs_write_configs(const struct kbs_setup *s);

#endif
