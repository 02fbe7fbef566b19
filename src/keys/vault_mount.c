// SPDX-License-Identifier: Apache-2.0
/* What is at the mount, and whether all is well. */
#include "keys/vault_internal.h"

static fallible read_version(const json_t *answer, unsigned *out)
{
    const json_t *data, *options;
    struct span type = { 0 }, version = { 0 };

    TRY(json_get_object(answer, "data", "mount", &data));
    TRY(json_get_str(data, "type", "type of the mount", &type));
    options = json_object_get(data, "options");
    if (json_is_object(options))
        TRY(json_opt_str(options, "version", "version of the mount", &version));
    if (!span_equal_str(type, "kv") && !span_equal_str(type, "generic"))
        return FAIL(UPSTREAM, "Vault's mount is not a KV store");
    if (version.len && !span_equal_str(version, "1") && !span_equal_str(version, "2"))
        return FAIL(UPSTREAM, "Vault's mount is a KV store of an unknown version");
    *out = span_equal_str(version, "2") ? 2 : 1;
    return OK;
}

fallible vault_version(struct vault *v, unsigned *out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    json_t *answer owned(json_free) = NULL;
    unsigned version = v->kv_version;

    if (!version) {
        buf_addf(&path, "sys/internal/ui/mounts/%s", v->mount);
        TRY(buf_check(&path));
        struct vault_ask ask = { .method = "GET", .path = buf_str(&path) };
        struct err e = vault_ask(v, &ask, &reply);
        if (e.kind == FAIL_ABSENT)
            return FAIL(UPSTREAM, "Vault does not say what is at the mount");
        TRY(e);
        if (failed(json_parse_object(buf_span(&reply.body), &answer)))
            return FAIL(UPSTREAM, "Vault's answer is not JSON");
        TRY(read_version(answer, &version));
        v->kv_version = version;
    }
    *out = version;
    return OK;
}

/* The active node answers, and the token may read in our folder: 404 is the answer that we want. */
fallible vault_health(struct vault *v)
{
    struct http_reply probe owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    const char *url;
    bool passing;
    unsigned version;

    vault_active_doubt(v);
    TRY(vault_active(v, &url, &passing));
    TRY(vault_version(v, &version));
    buf_addf(&path, "%s/%s%s/health", v->mount, version == 2 ? "data/" : "", v->prefix);
    TRY(buf_check(&path));
    struct vault_ask ask = { .method = "GET", .path = buf_str(&path), .impatient = true };
    struct err e = vault_ask(v, &ask, &probe);
    return e.kind == FAIL_ABSENT ? OK : e;
}
