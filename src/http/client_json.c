// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"
#include "http/media_type_internal.h"

static fallible failure_of_status(int status)
{
    if (status >= 200 && status < 300)
        return OK;
    if (status >= 500 || status == 429)
        return FAIL(UPSTREAM, "the server cannot answer now");
    if (status == 404)
        return FAIL(ABSENT, "the server has no such thing");
    if (status == 401 || status == 403)
        return FAIL(DENIED, "the server refuses");
    return FAIL(INPUT, "the server does not accept the request");
}

fallible http_send_json(struct http_client *c, const struct http_call *call, int *status,
                        json_t **out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };

    TRY(http_send(c, call, &reply));
    *status = reply.status;
    TRY(failure_of_status(reply.status));
    if (!reply.body.len) {
        *out = json_object();
        return *out ? OK : FAIL(SYSTEM, "memory is short");
    }
    if (!media_type_is_json(http_reply_header(&reply, "content-type")))
        return FAIL(UPSTREAM, "the server's answer is not JSON"); /* lesson L30 */
    if (failed(json_parse_object(buf_span(&reply.body), out)))
        return FAIL(UPSTREAM, "the server's answer is not JSON");
    return OK;
}
