// SPDX-License-Identifier: Apache-2.0
#include "broker/key_request.h"

#include <ctype.h>

#include "broker/resource_path.h"

#define NAME_MAX_LEN 64
#define TEXT_MAX 256
#define KEY_STRING_MAX (48U << 10)

void key_request_done(struct key_request *r)
{
    if (r->key_string.len)
        wipe((void *)r->key_string.at, r->key_string.len);
    json_free(r->body);
    *r = (struct key_request){ 0 };
}

/* The same object with names in lower case; two names that differ only in case are a duplicate. */
static fallible lower_names(const json_t *from, json_t **out)
{
    json_t *to owned(json_free) = json_object();
    const char *name;
    json_t *value;
    char lower[NAME_MAX_LEN + 1];

    json_object_foreach((json_t *)from, name, value)
    {
        size_t len = strlen(name);
        if (len > NAME_MAX_LEN)
            return FAIL(INPUT, "unknown member");
        for (size_t i = 0; i <= len; i++)
            lower[i] = (char)tolower((unsigned char)name[i]);
        if (json_object_get(to, lower))
            return FAIL(INPUT, "a member is there twice");
        if (json_object_set(to, lower, value))
            return FAIL(SYSTEM, "out of memory");
    }
    *out = TAKE(to);
    return OK;
}

static fallible read_spec(const json_t *information, struct key_spec *spec)
{
    struct span algorithm, curve = { 0 };
    uint64_t bits = 0;

    TRY(json_get_str(information, "algorithm", "key algorithm is missing", &algorithm));
    TRY(key_algorithm_parse(algorithm, &spec->algorithm));
    TRY(json_opt_str(information, "curve_type", "curve_type is a text", &curve));
    TRY(json_opt_u64(information, "key_length", 65535, "key_length is a number", &bits));
    if (spec->algorithm == KEY_ALGORITHM_OPAQUE)
        return bits || curve.len
                   ? FAIL(INPUT, "an opaque secret has neither key_length nor curve_type")
                   : OK;
    if (spec->algorithm == KEY_ALGORITHM_EC) {
        if (bits)
            return FAIL(INPUT, "an EC key has a curve_type, not a key_length");
        if (curve.len)
            TRY(key_curve_parse(curve, &spec->bits));
    } else {
        if (curve.len)
            return FAIL(INPUT, "only an EC key has a curve_type");
        spec->bits = (unsigned)bits;
    }
    return spec->bits ? key_spec_check(spec) : OK;
}

static bool looks_sealed(struct span text)
{
    size_t dots = 0;
    for (size_t i = 0; i < text.len; i++)
        dots += text.at[i] == '.';
    return dots == 4;
}

fallible key_string_check(struct span key_string, struct span external, bool may_be_opaque,
                          bool *sealed)
{
    if (key_string.len > (may_be_opaque ? SEALED_SECRET_MAX : KEY_STRING_MAX) ||
        external.len > TEXT_MAX)
        return FAIL(LIMIT, "key_string or kmip_key_id is too long");
    *sealed = looks_sealed(key_string);
    return OK;
}

static fallible read_mode(const json_t *information, struct key_request *r)
{
    TRY(json_opt_str(information, "key_string", "key_string is a text", &r->key_string));
    TRY(json_opt_str(information, "kmip_key_id", "kmip_key_id is a text", &r->kmip_key_id));
    if (r->key_string.len && r->kmip_key_id.len)
        return FAIL(INPUT, "either key_string or kmip_key_id, not both");
    bool opaque = r->spec.algorithm == KEY_ALGORITHM_OPAQUE;
    TRY(key_string_check(r->key_string, r->kmip_key_id, opaque, &r->sealed));
    if (r->key_string.len)
        r->mode = KEY_MODE_IMPORT;
    else if (r->kmip_key_id.len)
        r->mode = KEY_MODE_REGISTER;
    else if (json_object_get(information, "key_string") ||
             json_object_get(information, "kmip_key_id"))
        return FAIL(INPUT, "key_string or kmip_key_id is empty");
    if (opaque && r->mode == KEY_MODE_CREATE)
        return FAIL(INPUT, "an opaque secret is given, not made: key_string is missing");
    if (r->mode == KEY_MODE_CREATE && !r->spec.bits)
        return FAIL(INPUT, "key_length, or curve_type for EC, must be provided");
    return OK;
}

static fallible read_information(const json_t *information, struct key_request *r)
{
    static const char *const members[] = { "id",         "algorithm",   "key_length", "curve_type",
                                           "key_string", "kmip_key_id", NULL };

    TRY(json_only(information, members));
    TRY(read_spec(information, &r->spec));
    return read_mode(information, r);
}

static fallible read_body(struct key_request *r)
{
    static const char *const members[] = {
        "key_information", "transfer_policy_id", "label", "usage",
        "four_eyes",       "resource_path",      NULL
    };

    TRY(json_only(r->body, members));
    TRY(json_opt_str(r->body, "transfer_policy_id", "transfer_policy_id is a text", &r->policy_id));
    TRY(json_opt_str(r->body, "label", "label is a text", &r->label));
    TRY(json_opt_str(r->body, "usage", "usage is a text", &r->usage));
    TRY(json_opt_str(r->body, "resource_path", "resource_path is a text", &r->resource_path));
    if (json_object_get(r->body, "resource_path") && !resource_path_valid(r->resource_path))
        return FAIL(INPUT, "resource_path: repository/type/tag is meant");
    TRY(json_opt_bool(r->body, "four_eyes", "four_eyes is true or false", &r->four_eyes));
    if (r->policy_id.len > TEXT_MAX || r->label.len > TEXT_MAX || r->usage.len > TEXT_MAX)
        return FAIL(LIMIT, "transfer_policy_id, label and usage have at most 256 bytes");
    return OK;
}

fallible key_request_parse(struct span text, struct key_request *out)
{
    struct key_request r owned(key_request_done) = { 0 };
    json_t *given owned(json_free) = NULL, *information = NULL;
    const json_t *inner;

    TRY(json_parse_object(text, &given));
    TRY(lower_names(given, &r.body));
    TRY(json_get_object(r.body, "key_information", "key_information is missing", &inner));
    TRY(lower_names(inner, &information));
    json_object_set_new(r.body, "key_information", information);
    TRY(read_body(&r));
    TRY(read_information(information, &r));
    *out = r;
    r = (struct key_request){ 0 };
    return OK;
}
