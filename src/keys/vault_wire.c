// SPDX-License-Identifier: Apache-2.0
/* One request to one address, and what may go wrong on the way in words about Vault. */
#include "keys/vault_internal.h"

struct trouble {
    const char *what; /* of http/client */
    struct err err;
    bool passing;
};

static const struct trouble troubles[] = {
    { "cannot connect to the server",
      FAIL(UPSTREAM, "Vault is down: nothing answers at its address"), true },
    { "the connection to the server broke", FAIL(UPSTREAM, "the connection to Vault broke"), true },
    { "the server did not answer in time", FAIL(UPSTREAM, "Vault did not answer in time"), false },
    { "the server's name does not resolve",
      FAIL(UPSTREAM, "the name of Vault's host does not resolve"), false },
    { "the TLS handshake with the server failed",
      FAIL(UPSTREAM, "the TLS handshake with Vault failed"), false },
    { "the server's certificate is not trusted, or not for its name",
      FAIL(UPSTREAM, "Vault's certificate is not trusted, or not for its name"), false },
    { "the client certificate or its key cannot be used",
      FAIL(UPSTREAM, "the client certificate for Vault, or its key, cannot be used"), false },
    { "the answer is too large", FAIL(UPSTREAM, "Vault's answer is too large"), false },
};

/* Others stay as they are. */
static struct err say(struct err e, bool *passing)
{
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (strcmp(e.what, troubles[i].what))
            continue;
        *passing = troubles[i].passing;
        return troubles[i].err;
    }
    return e;
}

fallible vault_send(struct vault *v, const struct vault_request *q, struct http_reply *reply,
                    bool *passing)
{
    struct buf url owned(buf_done) = buf_of(VAULT_PATH_MAX * 2);
    const char *const headers[] = { q->everywhere ? NULL : v->namespace_header, NULL };

    *passing = false;
    buf_addf(&url, "%s/v1/%s", q->base, q->path);
    TRY(buf_check(&url));
    const struct http_call call = {
        .method = q->method,
        .url = buf_str(&url),
        .body = q->body,
        .bearer = q->token ? (const char *)secret_expose(q->token).at : NULL,
        .headers = headers,
    };
    struct err e = http_send(q->hasty ? v->hasty : v->http, &call, reply);
    return failed(e) ? say(e, passing) : OK;
}
