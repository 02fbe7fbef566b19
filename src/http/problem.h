// SPDX-License-Identifier: Apache-2.0
/*
 * Errors on the wire: RFC 9457 application/problem+json: type, title, status, detail, instance (the
 * request id) and `code`, a stable machine-readable word. The one table that turns a failure's kind
 * into a status: input 400, denied 403, absent 404, conflict 409, limit 413, upstream 503 (with
 * Retry-After), system 500.
 */
#ifndef HTTP_PROBLEM_H
#define HTTP_PROBLEM_H

#include "base/json.h"

#define PROBLEM_TYPE_BASE "https://warder.dev/problems/"

int problem_status(struct err e);
/* Document of a problem. `detail` NULL: the title says it; `instance` may be NULL. New reference. */
json_t *problem_json(int status, const char *code, const char *detail, const char *instance);

#endif
