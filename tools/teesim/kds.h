// SPDX-License-Identifier: Apache-2.0
/* AMD's key distribution service for the simulator's platform (AMD 57230): what pcs.c answers under
 * its paths. */
#ifndef TEESIM_KDS_H
#define TEESIM_KDS_H

#include "http/server.h"
#include "teesim/platform.h"

void kds_chain(struct http_exchange *x, struct platform *platform, bool vlek);
void kds_crl(struct http_exchange *x, struct platform *platform);
void kds_send_vcek(struct http_exchange *x, struct platform *platform);

#endif
