// SPDX-License-Identifier: Apache-2.0
/*
 * warder cms: a certification authority of its own under a folder, set up from a cms.env. cms.c has
 * the verbs, cms_setup.c what they do.
 */
#ifndef CLI_CMS_SETUP_H
#define CLI_CMS_SETUP_H

#include "cli/cms_env.h"
#include "cli/dev.h"

/* cmsd.conf, the root CA where there is none, CMS's own certificate, the key of first tokens, and
 * cms.env with the settings that later verbs need. */
fallible cms_prepare(const struct dev *d, const struct cms_env *e, const char *address);
/* The token with which AAS, before it can make tokens itself, gets its TLS certificate. */
fallible cms_first_token(const struct dev *d, const struct cms_env *e, struct buf *out);
/* Tokens of this AAS alone are believed from now on: first tokens end. Prints what is wrong. */
int cms_trust_aas(const struct dev *d, const struct cms_env *e);

#endif
