// SPDX-License-Identifier: Apache-2.0
#include "kbs_link.h"

#include "base/file.h"
#include "http/crl_watch.h"

#define JWKS_MAX (64U << 10)

fallible kbs_link_open(const struct config *config, struct kbs_link *out)
{
    struct kbs_link l owned(kbs_link_close) = { 0 };
    struct buf text owned(buf_done) = buf_of(JWKS_MAX);
    const struct crl_watch_config lists = { .file = config->crl,
                                            .grace_seconds =
                                                (int64_t)config->crl_grace_minutes * 60 };
    struct http_client_config http = { .ca_file = config->ca_file };

    TRY(file_read(config->release_keys, &text));
    TRY(jwks_parse(buf_span(&text), &l.release_keys));
    TRY(crl_watch_open(&lists, &l.crl));
    http.crl = l.crl;
    TRY(http_client_new(&http, &l.http));
    const struct fetch_config fetch = {
        .http = l.http,
        .url = config->url,
        .connect_to = config->connect_to,
        .bearer = config->bearer,
        .tenant = config->tenant,
        .release_keys = l.release_keys,
        .attester = config->platform,
    };
    TRY(fetcher_new(&fetch, &l.fetcher));
    *out = l;
    l = (struct kbs_link){ 0 };
    return OK;
}

void kbs_link_close(struct kbs_link *l)
{
    fetcher_free(l->fetcher);
    http_client_free(l->http);
    crl_watch_close(l->crl);
    jwks_free(l->release_keys);
    *l = (struct kbs_link){ 0 };
}
