// SPDX-License-Identifier: Apache-2.0
/* Collateral over HTTP from a PCS, a PCCS or another attestd's tcs role: addresses from the
 * configuration only. */
#ifndef ATTESTD_TCS_UPSTREAM_H
#define ATTESTD_TCS_UPSTREAM_H

#include "attestd/tcs_item.h"
#include "http/client.h"

struct tcs_http {
    struct http_client *client;
    const char *base;         /* "https://api.trustedservices.intel.com" */
    const char *root_crl_url; /* NULL: base's rootcacrl */
};
/* The fetch of struct tcs_upstream; `context` is a struct tcs_http. Nothing is checked here. */
fallible tcs_http_fetch(void *context, const struct tcs_id *id, struct tcs_item *out);

#endif
