// SPDX-License-Identifier: Apache-2.0
/*
 * Which handler a request is for. Literal segments compare as sent; a {name} takes one segment,
 * decoded once, and no value that a file system, a URL of ours or a second decoder could read as a
 * path (lesson L19).
 */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/server.h"

#define ROUTE_METHODS_MAX 8

enum route_outcome { ROUTE_FOUND, ROUTE_ABSENT, ROUTE_OTHER_METHOD };

struct route_match {
    const struct http_route *route;
    size_t count;
    struct route_param {
        struct span name;
        struct buf value; /* decoded */
    } params[HTTP_PARAMS_MAX];
    const char *allowed[ROUTE_METHODS_MAX]; /* ROUTE_OTHER_METHOD: the methods of this path */
    size_t allowed_count;
};

/* FAIL_INPUT: a row without method, handler or tag, or with a pattern that is none (lesson L1). */
fallible routes_check(const struct http_route *routes);
enum route_outcome route_find(const struct http_route *routes, const char *method, struct span path,
                              struct route_match *out);
/* How large a request's body may be; `otherwise` where no route says so. */
size_t route_body_max(const struct http_route *routes, const char *method, struct span path,
                      size_t otherwise);
void route_match_done(struct route_match *m);

#endif
