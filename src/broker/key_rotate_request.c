// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "broker/key_request.h"
#include "broker/key_rotate_internal.h"

void rotate_request_done(struct rotate_request *r)
{
    if (r->key_string.len)
        wipe((void *)r->key_string.at, r->key_string.len);
    json_free(r->body);
    *r = (struct rotate_request){ 0 };
}

static fallible read_rule(struct rotate_request *r)
{
    struct span until = { 0 };

    r->has_keep_old = json_object_get(r->body, "keep_old_versions") != NULL;
    if (failed(json_opt_u64(r->body, "keep_old_versions", KEY_VERSIONS_MAX - 2, "", &r->keep_old)))
        return FAIL(INPUT, "keep_old_versions is 0 to 14");
    TRY(json_opt_str(r->body, "keep_old_until", "keep_old_until is a text", &until));
    if (until.len && failed(clock_parse_rfc3339(until, &r->keep_until)))
        return FAIL(INPUT, "keep_old_until is a time: 2027-01-31T00:00:00Z");
    return OK;
}

static fallible read_body(struct rotate_request *r)
{
    static const char *const members[] = { "key_string", "kmip_key_id", "keep_old_versions",
                                           "keep_old_until", NULL };

    TRY(json_only(r->body, members));
    TRY(json_opt_str(r->body, "key_string", "key_string is a text", &r->key_string));
    TRY(json_opt_str(r->body, "kmip_key_id", "kmip_key_id is a text", &r->external));
    if (r->key_string.len && r->external.len)
        return FAIL(INPUT, "either key_string or kmip_key_id, not both");
    if ((json_object_get(r->body, "key_string") && !r->key_string.len) ||
        (json_object_get(r->body, "kmip_key_id") && !r->external.len))
        return FAIL(INPUT, "key_string or kmip_key_id is empty");
    TRY(key_string_check(r->key_string, r->external, true, &r->sealed));
    return read_rule(r);
}

fallible rotate_request_parse(struct span text, struct rotate_request *out)
{
    struct rotate_request r owned(rotate_request_done) = { 0 };

    TRY(json_parse_object(text.len ? text : SPAN("{}"), &r.body));
    TRY(read_body(&r));
    *out = r;
    r = (struct rotate_request){ 0 };
    return OK;
}
