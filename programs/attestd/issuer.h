// SPDX-License-Identifier: Apache-2.0
/*
 * The token issuer: the only process that holds the signing key. It reads decisions that workers
 * send, signs each as it is, and answers on the socket that came with it. It reads nothing from
 * strangers and has no file and no network once it serves.
 */
#ifndef ATTESTD_ISSUER_H
#define ATTESTD_ISSUER_H

#include "crypto/key.h"

/* The key of the file, made there (P-256, 0600) when it is missing. */
fallible issuer_key(const char *path, struct key **out);
/* Until the channel ends. `lifetime`: of a token, in seconds. */
fallible issuer_run(const struct key *k, int decisions, int64_t lifetime);

#endif
