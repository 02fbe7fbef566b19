// SPDX-License-Identifier: Apache-2.0
#include "attestd/runtime_data.h"

#include "attestd/guest_runtime.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/writer.h"

#define CHALLENGE_TEXT_MAX 4096

/* A P-256 key's uncompressed point and its thumbprint. */
static fallible read_point(const json_t *j, const char *name, struct buf *point,
                           char jkt[THUMBPRINT_TEXT_SIZE])
{
    const json_t *jwk;
    owned(key_free) struct key *k = NULL;
    TRY(json_get_object(j, name, "runtime data: keys", &jwk));
    TRY(key_from_jwk(jwk, &k));
    if (key_kind_of(k) != KEY_P256)
        return FAIL(INPUT, "runtime data: keys must be of curve P-256");
    TRY(key_to_point(k, point));
    return key_thumbprint(k, jkt);
}

static fallible parse_kbs(const json_t *j, struct span tenant, struct runtime_data *out)
{
    static const char *const members[] = { "type",        "challenge",      "tenant",
                                           "signing_key", "encryption_key", NULL };
    struct buf s owned(buf_done) = buf_of(P256_POINT_SIZE),
                 e owned(buf_done) = buf_of(P256_POINT_SIZE);
    struct buf parts owned(buf_done) = buf_of(2 * CHALLENGE_TEXT_MAX);
    struct span challenge, named;
    TRY(json_only(j, members));
    TRY(json_get_str(j, "challenge", "runtime data: challenge", &challenge));
    TRY(json_get_str(j, "tenant", "runtime data: tenant", &named));
    if (!challenge.len || challenge.len > CHALLENGE_TEXT_MAX || !span_equal(named, tenant))
        return FAIL(INPUT, "runtime data: challenge or tenant");
    TRY(read_point(j, "signing_key", &s, out->signing_jkt));
    TRY(read_point(j, "encryption_key", &e, out->encryption_jkt));
    write_part(&parts, SPAN("warder-kbs-v1"));
    write_part(&parts, challenge);
    write_part(&parts, tenant);
    write_part(&parts, buf_span(&s));
    write_part(&parts, buf_span(&e));
    TRY(buf_check(&parts));
    TRY(digest_of(DIGEST_SHA512, buf_span(&parts), out->report_data));
    TRY(digest_text(challenge, out->challenge));
    out->signing_key = json_object_get(j, "signing_key");
    out->expected = true;
    return OK;
}

static fallible parse_nonce(const json_t *j, struct span tenant, struct runtime_data *out)
{
    static const char *const members[] = { "type", "nonce", "signing_key", "data", NULL };
    struct buf s owned(buf_done) = buf_of(P256_POINT_SIZE),
                 data owned(buf_done) = buf_of(RUNTIME_BOUND_MAX);
    struct buf parts owned(buf_done) = buf_of(2 * RUNTIME_BOUND_MAX);
    struct span text = { 0 };
    TRY(json_only(j, members));
    TRY(json_get_str(j, "nonce", "runtime data: nonce", &out->nonce));
    TRY(json_opt_str(j, "data", "runtime data: data", &text));
    if (!out->nonce.len || out->nonce.len > RUNTIME_NONCE_MAX)
        return FAIL(INPUT, "runtime data: nonce");
    TRY(base64url_parse(text, &data));
    out->signing_key = json_object_get(j, "signing_key");
    if (out->signing_key)
        TRY(read_point(j, "signing_key", &s, out->signing_jkt));
    write_part(&parts, SPAN("warder-nonce-v1"));
    write_part(&parts, out->nonce);
    write_part(&parts, tenant);
    write_part(&parts, buf_span(&s));
    write_part(&parts, buf_span(&data));
    TRY(buf_check(&parts));
    TRY(digest_of(DIGEST_SHA512, buf_span(&parts), out->report_data));
    out->expected = true;
    return OK;
}

static fallible parse_value(const json_t *j, struct runtime_data *out)
{
    static const char *const members[] = { "type", "value", NULL };
    struct span value;
    TRY(json_only(j, members));
    TRY(json_get_str(j, "value", "runtime data: value", &value));
    TRY(hex_parse_exact(value, out->report_data, REPORT_DATA_SIZE));
    out->expected = true;
    return OK;
}

struct span runtime_data_nonce(const json_t *j)
{
    struct span type = { 0 }, nonce = { 0 };
    if (!j || failed(json_opt_str(j, "type", "type", &type)) || !span_equal_str(type, "nonce") ||
        failed(json_opt_str(j, "nonce", "nonce", &nonce)))
        return (struct span){ 0 };
    return nonce;
}

fallible runtime_data_parse(const json_t *j, struct span tenant, struct runtime_data *out)
{
    struct runtime_data d = { 0 };
    struct span type;
    if (j) {
        TRY(json_get_str(j, "type", "runtime data: type", &type));
        if (span_equal_str(type, "kbs-v1"))
            TRY(parse_kbs(j, tenant, &d));
        else if (span_equal_str(type, "nonce"))
            TRY(parse_nonce(j, tenant, &d));
        else if (span_equal_str(type, "guest"))
            TRY(guest_runtime_parse(j, tenant, &d));
        else if (span_equal_str(type, "report-data"))
            TRY(parse_value(j, &d));
        else
            return FAIL(INPUT, "runtime data: unknown type");
    }
    *out = d;
    return OK;
}
