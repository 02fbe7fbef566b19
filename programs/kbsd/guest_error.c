// SPDX-License-Identifier: Apache-2.0
#include "http/problem.h"
#include "kbsd/guest.h"

#define TYPE "https://github.com/confidential-containers/kbs/errors/"
#define PATH "/kbs/v0/"

void guest_answer_error(struct http_exchange *x, int status, const char *name, const char *detail)
{
    struct buf type owned(buf_done) = buf_of(256);
    json_t *body = json_object();

    buf_addf(&type, TYPE "%s", name);
    json_set_str(body, "type", buf_str(&type));
    json_set_str(body, "detail", detail ? detail : name);
    if (status == 503 || status == 429)
        http_answer_header(x, "Retry-After", "1");
    http_answer_json(x, status, body);
}

static const struct {
    const char *code, *name;
} names[] = {
    { "token_missing", "TokenNotFound" },
    { "token_expired", "TokenVerifierError" },
    { "token_invalid", "TokenVerifierError" },
    { "attestation_token_invalid", "TokenVerifierError" },
    { "evidence_refused", "PolicyDeny" },
    { "attestation_required", "PolicyDeny" },
    { "policy_refused", "PolicyDeny" },
    { "client_refused", "PolicyDeny" },
    { "outside_time_window", "PolicyDeny" },
    { "releases_exhausted", "PolicyDeny" },
    { "wrapping_refused", "PolicyDeny" },
    { "platform_denied", "PolicyDeny" },
    { "permission_denied", "PolicyDeny" },
    { "transfer_not_granted", "PolicyDeny" },
    { "key_disabled", "PolicyDeny" },
    { "malformed_request", "SerdeError" },
    { "protocol_version_unsupported", "AttestationError" },
};

static const char *name_of(struct span code, bool handshake)
{
    bool serde = span_equal_str(code, "malformed_request");

    if (handshake && !serde)
        return "AttestationError";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (span_equal_str(code, names[i].code))
            return names[i].name;
    return "PluginInternalError";
}

/* A 401 makes the guest attest once more, which helps against none of these: so what will pass by
 * itself is said as such. */
static int status_of(const struct operation_answer *a)
{
    if (span_equal_str(a->code, "rate_limited"))
        return 429;
    if (a->kind == FAIL_UPSTREAM)
        return 503;
    return a->kind == FAIL_SYSTEM ? 500 : 401;
}

void guest_refuse(struct http_exchange *x, const struct operation_answer *a, bool handshake)
{
    char *detail owned(free) = span_dup(a->detail);

    guest_answer_error(x, status_of(a), name_of(a->code, handshake), detail);
}

static bool has(struct span path, struct span part)
{
    return span_find(path, part) < path.len;
}

/* Of paths that a route takes by another method the server says so itself. */
bool guest_foreign_error(struct http_exchange *x, int status)
{
    struct span path = http_path(x);
    bool get = !strcmp(http_method(x), "GET"), resource = has(path, SPAN(PATH "resource/"));

    if (!has(path, SPAN(PATH)))
        return false;
    if (status == 413) {
        http_answer(x, 413, "text/plain; charset=utf-8", SPAN("payload reached size limit"));
        return true;
    }
    if (has(path, SPAN(PATH "auth")) || has(path, SPAN(PATH "attest")) || (resource && !get))
        return false;
    if (resource)
        guest_answer_error(x, 401, "PluginInternalError", "Plugin internal error");
    else
        guest_answer_error(x, 404, "PluginNotFound", "no such plugin");
    return true;
}
