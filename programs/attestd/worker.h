// SPDX-License-Identifier: Apache-2.0
/*
 * One request: evidence in, decision out. A pure function of the request, the warm collateral and
 * the time; it runs in a process of its own, which ends with it.
 */
#ifndef ATTESTD_WORKER_H
#define ATTESTD_WORKER_H

#include "attestd/warm.h"

struct worker {
    struct verifier *verifier;
    const struct warm *warm;
    int decisions; /* channel to the token issuer; -1: none */
};

/* Reads the request from the answer socket and answers there, or hands the socket with its decision
 * to the issuer. */
void worker_serve(const struct worker *w, int answer);

#endif
