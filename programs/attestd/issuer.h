// SPDX-License-Identifier: Apache-2.0
/*
 * The token issuer: the only process that holds the signing keys. It reads decisions that workers
 * send, signs each as it is, and answers on the socket that came with it. It reads nothing from
 * strangers and has no file and no network once it serves. To change keys it ends between two
 * decisions, and the parent starts it anew.
 */
#ifndef ATTESTD_ISSUER_H
#define ATTESTD_ISSUER_H

#include <stdbool.h>

#include "token/attestation.h"

struct issuer_config {
    const struct key *key;
    int decisions; /* the channel */
    struct attestation_terms terms;
    int64_t change_at; /* when a key is to change; 0: never */
};
/* From here on SIGTERM waits until issuer_run() takes it. Before the sandbox. */
void issuer_hold_signals(void);
/* Until the channel ends, or (*again) until it is time to start anew: SIGTERM, or `change_at`. */
fallible issuer_run(const struct issuer_config *config, bool *again);

#endif
