// SPDX-License-Identifier: Apache-2.0
/*
 * The head of an HTTP/1.1 request (RFC 9112), strictly: CRLF only, no folding, no white space
 * before a colon, one Host, never both Content-Length and Transfer-Encoding, so that nobody in the
 * path can see another request than we do. Spans point into the text given.
 */
#ifndef HTTP_REQUEST_HEAD_INTERNAL_H
#define HTTP_REQUEST_HEAD_INTERNAL_H

#include "base/bounds.h"
#include "base/err.h"
#include "base/span.h"

/* A refusal on the wire; status 0: none. */
struct refusal {
    int status;
    const char *code, *detail;
};
#define NOT_REFUSED ((struct refusal){ 0 })
#define REFUSE(status, code, detail) ((struct refusal){ status, "" code, "" detail })

struct request_field {
    struct span name, value;
};

struct request_head {
    char method[REQUEST_METHOD_MAX + 1];
    struct span path, query; /* as sent */
    bool keep_alive, chunked, expects_continue;
    uint64_t content_length;
    size_t count;
    struct request_field fields[REQUEST_FIELDS_MAX];
};

/* `text` is the head with the empty line that ends it. */
struct refusal request_head_parse(struct span text, struct request_head *out);
/* The first field of this name, in any case; empty when absent. */
struct span request_head_field(const struct request_head *h, const char *name);
bool span_equal_nocase(struct span a, const char *b);
/* Next element of a comma-separated list, without white space around it. */
struct span list_next(struct span *rest);

#endif
