// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_upstream.h"

#define URL_MAX 1024

static void write_url(const struct tcs_http *h, const struct tcs_id *id, struct buf *url)
{
    if (id->kind == TCS_ROOT_CRL && h->root_crl_url && *h->root_crl_url) {
        buf_add_str(url, h->root_crl_url);
        return;
    }
    struct span base = span_str(h->base);
    while (base.len && base.at[base.len - 1] == '/')
        base.len--;
    buf_add(url, base);
    tcs_id_path(id, url);
}

/* Of Intel's and the PCCS' statuses only 404 says that there is no such thing; the others may pass.
 */
static fallible status_check(int status)
{
    if (status == 404)
        return FAIL(ABSENT, "the upstream has no such collateral");
    return status == 200 ? OK : FAIL(UPSTREAM, "the upstream answers with an error");
}

fallible tcs_http_fetch(void *context, const struct tcs_id *id, struct tcs_item *out)
{
    const struct tcs_http *h = context;
    struct buf url owned(buf_done) = buf_of(URL_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    write_url(h, id, &url);
    TRY(buf_check(&url));
    struct http_call call = { .method = "GET", .url = buf_str(&url) };
    TRY(http_send(h->client, &call, &reply));
    TRY(status_check(reply.status));

    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    buf_add(&item.body, buf_span(&reply.body));
    TRY(buf_check(&item.body));
    const char *header = tcs_chain_header(id);
    if (header) {
        struct span chain = http_reply_header(&reply, header);
        if (chain.len > TCS_CHAIN_MAX || !(item.chain = span_dup(chain)))
            return FAIL(UPSTREAM, "the upstream's issuer chain is too long");
    }
    *out = item;
    item = tcs_item_of();
    return OK;
}
