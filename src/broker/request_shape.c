// SPDX-License-Identifier: Apache-2.0
#include "broker/request_shape.h"

#include "base/json_shape.h"
#include "broker/broker.h"
#include "broker/deny_list.h"
#include "broker/key_versions.h"
#include "broker/lease.h"
#include "broker/policy_shape.h"
#include "broker/resource_path.h"
#include "crypto/secret.h"

#define TEXT_MAX 256

static const struct json_shape key_information[] = {
    SHAPE_IGNORED("id"),
    { "algorithm", SHAPE_TEXT, true,
      .words = SHAPE_WORDS("RSA", "EC", "AES", "OPAQUE", "rsa", "ec", "aes", "opaque") },
    { "key_length", SHAPE_NUMBER, .min = 128, .max = 4096,
      .rule = "2048, 3072 or 4096 of RSA, 128 or 256 of AES" },
    { "curve_type", SHAPE_TEXT,
      .words = SHAPE_WORDS("secp256r1", "prime256v1", "P-256", "secp384r1", "P-384", "secp521r1",
                           "P-521") },
    { "key_string", SHAPE_TEXT, .min = 1, .max = SEALED_SECRET_MAX },
    { "kmip_key_id", SHAPE_TEXT, .min = 1, .max = TEXT_MAX },
    SHAPE_END,
};
static const struct json_shape key_create[] = {
    { "key_information", SHAPE_OBJECT, true, .inner = key_information },
    { "transfer_policy_id", SHAPE_TEXT, .max = TEXT_MAX },
    { "label", SHAPE_TEXT, .max = TEXT_MAX },
    { "usage", SHAPE_TEXT, .max = TEXT_MAX },
    { "four_eyes", SHAPE_BOOL },
    { "resource_path", SHAPE_TEXT, .max = RESOURCE_PATH_MAX, .rule = "repository/type/tag" },
    SHAPE_END,
};
static const struct json_shape key_rotate[] = {
    { "key_string", SHAPE_TEXT, .min = 1, .max = SEALED_SECRET_MAX },
    { "kmip_key_id", SHAPE_TEXT, .min = 1, .max = TEXT_MAX },
    { "keep_old_versions", SHAPE_NUMBER, .max = KEY_VERSIONS_MAX - 2 },
    { "keep_old_until", SHAPE_TIME },
    SHAPE_END,
};
static const struct json_shape key_state[] = {
    { "version", SHAPE_NUMBER, .min = 1, .max = UINT32_MAX },
    SHAPE_END,
};
static const struct json_shape resource_path[] = {
    { "resource_path", SHAPE_TEXT, true, .max = RESOURCE_PATH_MAX,
      .rule = "repository/type/tag, or empty" },
    SHAPE_END,
};
static const struct json_shape decision[] = {
    { "reason", SHAPE_TEXT, .max = DENY_REASON_MAX },
    SHAPE_END,
};
static const struct json_shape denial[] = {
    { "kind", SHAPE_TEXT, true,
      .words = SHAPE_WORDS("fmspc", "family", "chip", "firmware", "advisory") },
    { "value", SHAPE_TEXT, true, .min = 1, .max = 128 },
    { "reason", SHAPE_TEXT, true, .min = 1, .max = DENY_REASON_MAX },
    SHAPE_END,
};
static const struct json_shape jwk[] = {
    { "kty", SHAPE_TEXT, true, .words = SHAPE_WORDS("EC") },
    { "crv", SHAPE_TEXT, true, .words = SHAPE_WORDS("P-256") },
    { "x", SHAPE_TEXT, true, .min = 43, .max = 43, .rule = "base64url of 32 bytes" },
    { "y", SHAPE_TEXT, true, .min = 43, .max = 43, .rule = "base64url of 32 bytes" },
    SHAPE_OTHERS, /* RFC 7517 section 4 */
    SHAPE_END,
};
static const struct json_shape use[] = {
    { "name", SHAPE_TEXT, true, .words = SHAPE_WORDS("describe", "sign", "decrypt", "derive") },
    { "key_version", SHAPE_NUMBER, .max = UINT32_MAX },
    { "mechanism", SHAPE_TEXT,
      .words = SHAPE_WORDS("RSASSA-PKCS1-v1_5", "RSASSA-PSS", "ECDSA", "RSA-OAEP", "ECDH") },
    { "hash", SHAPE_TEXT, .words = SHAPE_WORDS("SHA-1", "SHA-256", "SHA-384", "SHA-512") },
    { "input", SHAPE_TEXT, .max = 1366 },
    { "label", SHAPE_TEXT, .max = 342 },
    SHAPE_END,
};
#define RELEASE_MEMBERS                                                                            \
    { "challenge", SHAPE_TEXT, true, .min = 1 },                                                   \
        { "signing_key", SHAPE_OBJECT, true, .inner = jwk },                                       \
        { "encryption_key", SHAPE_OBJECT, true, .inner = jwk }, SHAPE_IGNORED("evidence"),         \
    {                                                                                              \
        "attestation_token", SHAPE_TEXT, .max = 64U << 10                                          \
    }
static const struct json_shape release[] = { RELEASE_MEMBERS, SHAPE_END };
static const struct json_shape release_for_use[] = {
    RELEASE_MEMBERS,
    { "operation", SHAPE_OBJECT, true, .inner = use },
    SHAPE_END,
};
static const struct json_shape held_key[] = {
    { "key_id", SHAPE_UUID, true },
    { "audit_id", SHAPE_UUID, true },
    SHAPE_END,
};
static const struct json_shape held_keys[] = { { "", SHAPE_OBJECT, .inner = held_key } };
static const struct json_shape lease[] = {
    { "challenge", SHAPE_TEXT, true, .min = 1 },
    { "signing_key", SHAPE_OBJECT, true, .inner = jwk },
    { "nonce", SHAPE_TEXT, true, .min = 16, .max = 128 },
    { "keys", SHAPE_LIST, true, .min = 1, .max = LEASES_ASKED_MAX, .inner = held_keys },
    SHAPE_END,
};
static const struct json_shape permission_item[] = { { "", SHAPE_TEXT, .min = 1 } };
static const struct json_shape trial_client[] = {
    { "permissions", SHAPE_LIST, .max = 64, .inner = permission_item },
    { "certificate", SHAPE_TEXT },
    { "source", SHAPE_TEXT },
    SHAPE_END,
};
static const struct json_shape trial[] = {
    SHAPE_IGNORED("evidence"),
    { "claims", SHAPE_OBJECT },
    { "record", SHAPE_TEXT, .max = 64 },
    { "policy", SHAPE_OBJECT },
    { "client", SHAPE_OBJECT, .inner = trial_client },
    { "at", SHAPE_TIME },
    SHAPE_END,
};
static const struct json_shape key_query[] = {
    { "algorithm", SHAPE_TEXT, .words = SHAPE_WORDS("RSA", "EC", "AES", "OPAQUE", "") },
    { "keyLength", SHAPE_DIGITS, .min = 1, .max = 99999 },
    { "curveType", SHAPE_TEXT, .words = SHAPE_WORDS("secp256r1", "secp384r1", "secp521r1", "") },
    { "transferPolicyId", SHAPE_TEXT },
    { "after", SHAPE_TEXT },
    SHAPE_END,
};
static const struct json_shape audit_query[] = {
    { "limit", SHAPE_DIGITS },
    { "key", SHAPE_TEXT },
    { "before", SHAPE_DIGITS },
    SHAPE_END,
};

static const struct json_shape *release_of(const struct broker_request *q, const json_t *body)
{
    (void)body;
    return broker_is_use(q) ? release_for_use : release;
}

static const struct json_shape *policy_of(const struct broker_request *q, const json_t *body)
{
    (void)q;
    return policy_shape_of(body);
}

static const struct {
    const struct json_shape *body, *query;
    const struct json_shape *(*body_of)(const struct broker_request *q, const json_t *body);
    bool any_case;
} shapes[OPERATION_COUNT] = {
    [OPERATION_RELEASE] = { .body_of = release_of },
    [OPERATION_RELEASE_APPRAISED] = { .body_of = release_of },
    [OPERATION_RELEASE_WITHOUT_POLICY] = { .body_of = release_of },
    [OPERATION_KEY_CREATE] = { .body = key_create, .any_case = true },
    [OPERATION_KEY_ROTATE] = { .body = key_rotate },
    [OPERATION_KEY_DISABLE] = { .body = key_state },
    [OPERATION_KEY_ENABLE] = { .body = key_state },
    [OPERATION_KEY_RESOURCE_PATH] = { .body = resource_path },
    [OPERATION_POLICY_CREATE] = { .body_of = policy_of },
    [OPERATION_POLICY_UPDATE] = { .body_of = policy_of },
    [OPERATION_DENY_ADD] = { .body = denial },
    [OPERATION_PENDING_APPROVE] = { .body = decision },
    [OPERATION_PENDING_REJECT] = { .body = decision },
    [OPERATION_LEASE_RENEW] = { .body = lease },
    [OPERATION_POLICY_TEST] = { .body = trial },
    [OPERATION_POLICY_TEST_APPRAISED] = { .body = trial },
    [OPERATION_KEY_LIST] = { .query = key_query },
    [OPERATION_AUDIT_LIST] = { .query = audit_query },
};

/* A key may be in it (key_string). */
static void wipe_texts(json_t *j)
{
    const char *name;
    json_t *value;
    size_t i;

    if (json_is_string(j))
        wipe((void *)(uintptr_t)json_string_value(j), json_string_length(j));
    json_object_foreach(j, name, value) wipe_texts(value);
    json_array_foreach(j, i, value) wipe_texts(value);
}

static json_t *errors_of_query(const struct json_shape *shape, struct span text)
{
    json_t *j owned(json_free) = NULL;

    return failed(json_parse_object(text, &j)) ? NULL : json_shape_errors(j, shape, false);
}

static json_t *errors_of_body(uint16_t operation, const struct broker_request *q)
{
    const struct json_shape *shape = shapes[operation].body;
    json_t *j owned(json_free) = NULL;

    if (failed(json_parse_object(q->body.len ? q->body : SPAN("{}"), &j)))
        return NULL;
    if (!shape)
        shape = shapes[operation].body_of(q, j);
    json_t *errors = json_shape_errors(j, shape, shapes[operation].any_case);
    wipe_texts(j);
    return errors;
}

/* A policy's own words begin with the place, "max_releases: why"; within its conditions with
 * theirs, "allOf[0]: why". */
static json_t *error_of_detail(const struct broker_request *q, const struct outcome *o)
{
    struct span detail = span_str(o->detail), place;
    size_t at = span_find(detail, SPAN(": "));
    char path[2 * SHAPE_NAME_MAX] = "";

    place = span_head(detail, at);
    bool named = o->code == CODE_MALFORMED_POLICY || span_equal_str(place, "resource_path");
    bool placed = named && at < detail.len && at <= SHAPE_NAME_MAX &&
                  span_find(place, SPAN(" ")) == place.len;
    bool inside = span_find(place, SPAN("Of[")) < place.len || span_equal_str(place, "not");
    bool conditions = span_find(q->body, SPAN("\"conditions\"")) < q->body.len;
    if (placed && (!inside || conditions))
        snprintf(path, sizeof path, "%s%.*s", inside ? "conditions." : "", (int)at, o->detail);
    return json_pack("[o]", json_shape_error(path, path[0] ? o->detail + at + 2 : o->detail));
}

/* In a query nothing is nested: the name is the pointer's end. */
static void name_parameters(json_t *errors)
{
    json_t *e;
    size_t i;

    json_array_foreach(errors, i, e)
    {
        const char *pointer = json_string_value(json_object_get(e, "pointer"));
        json_set_str(e, "parameter", pointer && strlen(pointer) > 2 ? pointer + 2 : "");
        json_object_del(e, "pointer");
    }
}

void request_shape_explain(uint16_t operation, const struct broker_request *q, struct outcome *o)
{
    bool about_request = o->code == CODE_MALFORMED_REQUEST || o->code == CODE_MALFORMED_POLICY ||
                         o->code == CODE_TOO_LARGE;

    if (!about_request || operation >= OPERATION_COUNT || o->errors)
        return;
    if (shapes[operation].query) {
        o->errors = errors_of_query(shapes[operation].query, q->options);
        name_parameters(o->errors);
    } else if (shapes[operation].body || shapes[operation].body_of) {
        o->errors = errors_of_body(operation, q);
        if (!o->errors && o->code != CODE_TOO_LARGE)
            o->errors = error_of_detail(q, o);
    }
}
