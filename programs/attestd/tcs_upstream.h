// SPDX-License-Identifier: Apache-2.0
/*
 * Collateral over HTTP from a PCS, a PCCS, another attestd's tcs role, or AMD's KDS: addresses from
 * the configuration only, asked in their order. One that does not answer is left alone for a while,
 * twice as long each time, so that what is behind it is not waited for in vain.
 */
#ifndef ATTESTD_TCS_UPSTREAM_H
#define ATTESTD_TCS_UPSTREAM_H

#include <pthread.h>

#include "attestd/ask_gate.h"
#include "attestd/tcs_item.h"
#include "evidence/pck_query.h"
#include "http/client.h"

#define TCS_UPSTREAMS_MAX 8
#define TCS_UPSTREAM_TRIES 2      /* of one that answers with an error that may pass */
#define TCS_UPSTREAM_PAUSE_MAX 60 /* seconds */

struct tcs_http {
    struct http_client *client;
    const char *base;         /* "https://api.trustedservices.intel.com" */
    const char *root_crl_url; /* NULL: base's rootcacrl */
};
/* From one. Nothing is checked here. */
fallible tcs_http_fetch(const struct tcs_http *h, const struct tcs_id *id, struct tcs_item *out);
/* Appends a PCK certificate and its issuers, in PEM. FAIL_ABSENT: there is none for this platform.
 */
fallible tcs_http_pck(const struct tcs_http *h, const struct pck_query *q, struct buf *pem);

struct tcs_upstreams {
    struct http_client *client;
    const char *root_crl_url; /* asked first for the root CRL; NULL: nobody */
    char *pcs[TCS_UPSTREAMS_MAX], *kds[TCS_UPSTREAMS_MAX];
    size_t pcs_count, kds_count;
    const char *api_key_header; /* "Ocp-Apim-Subscription-Key: ...", for pcs[0] alone; NULL: none */
    struct ask_gate *gate; /* before questions about what strangers name; NULL: none */
    pthread_mutex_t lock;
    struct tcs_pause {
        int64_t until;
        unsigned failures;
    } pcs_pause[TCS_UPSTREAMS_MAX], kds_pause[TCS_UPSTREAMS_MAX], root_crl_pause;
};
/* Lists of addresses, separated by spaces; empty ones are fine. */
fallible tcs_upstreams_init(struct tcs_upstreams *u, const char *pcs, const char *kds);
void tcs_upstreams_done(struct tcs_upstreams *u);

/* The fetch of struct tcs_source; `context` is a struct tcs_upstreams. */
size_t tcs_upstreams_count(void *context, const struct tcs_id *id);
bool tcs_upstreams_admit(void *context);
fallible tcs_upstreams_fetch(void *context, size_t at, const struct tcs_id *id,
                             struct tcs_item *out);
/* Another path of pcs[at], with its pause and its API key. Any status is OK. */
fallible tcs_upstreams_ask(struct tcs_upstreams *u, size_t at, const struct http_call *call,
                           const char *path, struct http_reply *reply);
size_t tcs_upstreams_paused(struct tcs_upstreams *u, int64_t now);

#endif
