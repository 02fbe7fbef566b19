// SPDX-License-Identifier: Apache-2.0
/*
 * warder skc: the PKCS#11 module and the agent of a workload's machine, put in place from a
 * skc_library.conf. skc.c has the verb and what is written, skc_authority.c whom they believe.
 */
#ifndef CLI_SKC_H
#define CLI_SKC_H

#include "cli/dev.h"
#include "client/skc_conf.h"

/* Where a CMS is, and how it is known: by the digest of its certificate, or by a file of its CA. */
struct skc_authority {
    const char *ip;
    uint16_t port;
    const char *ca, *sha384;
    const char *ca_option, *sha384_option; /* names of the options */
    const char *file;                      /* under the folder: where its CA is kept */
};

/* The CA of one CMS. Prints what is wrong; an exit status. */
int skc_fetch_ca(const struct dev *d, const struct skc_authority *a);
/* That the KBS has its certificate from the first CMS, and its keys, pinned; that the SCS has its
 * own from the second, where one is named. */
int skc_check_kbs(const struct dev *d, const struct skc_conf *conf, const char *ca);
int skc_check_scs(const struct dev *d, const struct skc_conf *conf, const char *ca);

#endif
