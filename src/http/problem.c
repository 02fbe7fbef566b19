// SPDX-License-Identifier: Apache-2.0
#include "http/problem.h"

#include "http/status_internal.h"

static const struct {
    int status;
    const char *text;
} texts[] = {
    { 100, "Continue" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *status_text(int status)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].status == status)
            return texts[i].text;
    return "Status";
}

int problem_status(struct err e)
{
    switch ((enum fail_kind)e.kind) {
    case FAIL_INPUT:
        return 400;
    case FAIL_DENIED:
        return 403;
    case FAIL_ABSENT:
        return 404;
    case FAIL_CONFLICT:
        return 409;
    case FAIL_LIMIT:
        return 413;
    case FAIL_UPSTREAM:
        return 503;
    case FAIL_NONE:
    case FAIL_SYSTEM:
        return 500;
    }
    return 500;
}

json_t *problem_json(int status, const char *code, const char *detail, const char *instance)
{
    json_t *j = json_object();
    char type[160];

    (void)snprintf(type, sizeof(type), "%s%s", PROBLEM_TYPE_BASE, code);
    json_set_str(j, "type", type);
    json_set_str(j, "title", status_text(status));
    json_set_int(j, "status", status);
    json_set_str(j, "code", code);
    json_set_str(j, "detail", detail ? detail : status_text(status));
    json_set_str(j, "instance", instance);
    return j;
}
