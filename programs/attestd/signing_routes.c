// SPDX-License-Identifier: Apache-2.0
/* /as/v1/certs: the keys that tokens are signed with, and the wish for the next one. */
#include "attestd/attest_routes.h"

#include <errno.h>
#include <unistd.h>

#include "attestd/bearer_gate.h"
#include "attestd/channel.h"
#include "attestd/child.h"
#include "base/log.h"

#define CERTS_TEXT_MAX (64U << 10)
#define CERTS_CACHE "public, max-age=60" /* far less than a key is announced ahead */

static bool keys_text(struct http_exchange *x, const struct as_service *s, struct buf *out)
{
    if (!failed(public_keys_text(s->public_keys, out)))
        return true;
    http_answer_problem(x, 503, "issuer_unavailable", "the token issuer has not started");
    return false;
}

void certs_show(struct http_exchange *x, void *context)
{
    struct buf text owned(buf_done) = buf_of(CERTS_TEXT_MAX);

    if (!keys_text(x, context, &text))
        return;
    http_answer_header(x, "Cache-Control", CERTS_CACHE);
    http_answer(x, 200, "application/jwk-set+json", buf_span(&text));
}

/* The parent starts the issuer anew with the wish; a pipe that is full holds the wish already. */
void certs_rotate(struct http_exchange *x, void *context)
{
    static const char wish = FRONT_ROTATE;
    const struct as_service *s = context;
    struct bearer b owned(bearer_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(CERTS_TEXT_MAX);

    if (!bearer_gate(x, s->aas_keys, &b) || !keys_text(x, s, &text))
        return;
    if (write(CHANNEL_PARENT, &wish, 1) != 1 && errno != EAGAIN) {
        http_answer_problem(x, 503, "issuer_unavailable", "the token issuer cannot be told");
        return;
    }
    log_info("a next signing key is asked for", "request", http_request_id(x), "user", b.subject);
    http_answer(x, 202, "application/jwk-set+json", buf_span(&text));
}
