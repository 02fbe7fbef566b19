// SPDX-License-Identifier: Apache-2.0
/* The agent's way to the broker, as its configuration says. */
#ifndef SKC_AGENT_KBS_LINK_H
#define SKC_AGENT_KBS_LINK_H

#include "client/fetch.h"
#include "config.h"

struct kbs_link {
    struct http_client *http;
    struct crl_watch *crl;
    struct jwks *release_keys;
    struct fetcher *fetcher;
};

/* `config` must outlive it. */
fallible kbs_link_open(const struct config *config, struct kbs_link *out);
void kbs_link_close(struct kbs_link *l);
static inline void kbs_link_closep(struct kbs_link *l)
{
    kbs_link_close(l);
}

#endif
