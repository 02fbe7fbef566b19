// SPDX-License-Identifier: Apache-2.0
#include "broker/use_request.h"

#include "base/base64.h"

#define DESCRIBE "describe"
#define VERSION_MAX UINT32_MAX

static fallible bytes_of(const json_t *operation, const char *name, uint8_t *room, size_t max,
                         struct span *out)
{
    struct buf bytes owned(buf_done) = buf_of(max);
    struct span text = { 0 };

    TRY(json_opt_str(operation, name, "input and label are base64url texts", &text));
    struct err e = base64url_parse(text, &bytes);
    if (e.kind == FAIL_LIMIT)
        return FAIL(INPUT, "input or label is too long");
    TRY(e);
    if (bytes.len)
        memcpy(room, bytes.at, bytes.len);
    *out = span_from(room, bytes.len);
    return OK;
}

static fallible read_mechanism(const json_t *operation, struct key_use *u)
{
    struct span mechanism, hash = { 0 };

    TRY(json_get_str(operation, "mechanism", "mechanism of the operation", &mechanism));
    TRY(key_mechanism_parse(mechanism, &u->mechanism));
    TRY(json_opt_str(operation, "hash", "hash of the operation", &hash));
    if ((u->mechanism == KEY_MECHANISM_ECDH) != !hash.len)
        return FAIL(INPUT, "the operation's hash is missing, or is one of ECDH, which has none");
    return hash.len ? key_hash_parse(hash, &u->hash) : OK;
}

fallible use_request_parse(const json_t *operation, struct use_request *out)
{
    static const char *const members[] = { "name",  "key_version", "mechanism", "hash",
                                           "input", "label",       NULL };
    static const char *const members_of_describe[] = { "name", "key_version", NULL };
    struct span name;

    *out = (struct use_request){ 0 };
    TRY(json_get_str(operation, "name", "name of the operation", &name));
    TRY(json_opt_u64(operation, "key_version", VERSION_MAX,
                     "key_version is the number of a version", &out->version));
    if (span_equal_str(name, DESCRIBE)) {
        out->describe = true;
        return json_only(operation, members_of_describe);
    }
    TRY(json_only(operation, members));
    TRY(key_operation_parse(name, &out->use.operation));
    TRY(read_mechanism(operation, &out->use));
    TRY(bytes_of(operation, "input", out->input, sizeof out->input, &out->use.input));
    TRY(bytes_of(operation, "label", out->label, sizeof out->label, &out->use.label));
    return out->use.input.len ? OK : FAIL(INPUT, "the operation's input is missing");
}

const char *use_request_name(const struct use_request *r)
{
    return r->describe ? DESCRIBE : key_operation_name(r->use.operation);
}
