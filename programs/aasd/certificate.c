// SPDX-License-Identifier: Apache-2.0
/* Callers by TLS client certificate: services that have no secret, and whoever has a role that
 * [login] certificate_roles names. The chain was verified by TLS. */
#include "aasd/aas.h"

#include "access/role_context.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

#define NAME_BYTES_MAX 256

static bool is_registered(struct span der, const struct user *u)
{
    uint8_t digest[SHA256_SIZE];
    char text[CERTIFICATE_TEXT_SIZE];

    return !failed(sha256(der, digest)) &&
           span_equal_str(span_str(hex_str(SPAN_OF(digest), text)), u->certificate);
}

static bool has_name(struct span der, const struct user *u)
{
    owned(cert_free) struct cert *c = NULL;
    struct buf name owned(buf_done) = buf_of(NAME_BYTES_MAX);

    return !failed(cert_from_der(der, &c)) && !failed(cert_subject_cn(c, &name)) &&
           span_equal_str(buf_span(&name), u->name);
}

bool aas_certificate_proves(const struct http_exchange *x, const struct user *u)
{
    struct span der = http_client_cert_der(x);

    if (!der.len)
        return false;
    return u->certificate[0] ? is_registered(der, u) : has_name(der, u);
}

static bool is_named(const char *names, struct span name)
{
    struct span rest = span_str(names);

    while (rest.len) {
        size_t end = span_find(rest, SPAN(" "));
        if (end && span_equal(span_head(rest, end), name))
            return true;
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
    }
    return false;
}

static bool is_needed(const struct aas *a, const json_t *claims)
{
    const json_t *role;
    size_t i;

    if (!a->certificate_roles)
        return false;
    json_array_foreach(json_object_get(claims, "roles"), i, role)
    {
        const json_t *name = json_object_get(role, "name");
        if (is_named(a->certificate_roles,
                     span_from(json_string_value(name), json_string_length(name))))
            return true;
    }
    return false;
}

bool aas_certificate_given(struct http_exchange *x, const struct aas *a, const struct user *u,
                           const json_t *claims)
{
    if (!is_needed(a, claims) || aas_certificate_proves(x, u))
        return true;
    log_warn("unauthorized request", "user", u->name, "code", "certificate_required", "request",
             http_request_id(x));
    http_answer_problem(x, 403, "certificate_required",
                        "with a role of this user one comes with the user's TLS certificate");
    return false;
}
