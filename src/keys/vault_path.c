// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_internal.h"

static bool plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~@:=", c));
}

static bool segment_good(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!plain(s.at[i]))
            return false;
    }
    return s.len && !span_equal_str(s, ".") && !span_equal_str(s, "..");
}

fallible vault_path_check(struct span path)
{
    for (;;) {
        size_t end = span_find(path, SPAN("/"));

        if (!segment_good(span_head(path, end)))
            return FAIL(INPUT,
                        "a path in Vault has letters, digits and -_.~@:= between single slashes");
        if (end == path.len)
            return OK;
        path = span_tail(path, end + 1);
    }
}

static bool is_below(struct span path, struct span folder)
{
    return span_starts(path, folder) && (path.len == folder.len || path.at[folder.len] == '/');
}

static fallible external_place(const struct vault *v, const struct key_ref *ref,
                               struct vault_place *out)
{
    size_t end = span_find(ref->external, SPAN("#"));
    struct span path = span_head(ref->external, end);

    TRY(vault_path_check(path));
    if (end < ref->external.len) {
        out->field = span_tail(ref->external, end + 1);
        if (!out->field.len || out->field.len > VAULT_FIELD_MAX)
            return FAIL(INPUT, "the field's name after # is empty or too long");
    }
    if (is_below(path, span_str(v->prefix)))
        return FAIL(DENIED, "this folder in Vault is the key broker's own");
    if (!span_equal_str(ref->tenant, VAULT_TENANT_UNBOUND) && !is_below(path, ref->tenant))
        return FAIL(DENIED, "a tenant's keys in Vault are in the folder named like the tenant");
    buf_add(&out->path, path);
    return OK;
}

fallible vault_place_of(const struct vault *v, const struct key_ref *ref, struct vault_place *out)
{
    struct vault_place place owned(vault_place_done) = { .path = buf_of(VAULT_PATH_MAX),
                                                         .name = buf_of(VAULT_PATH_MAX) };

    if (!segment_good(ref->tenant) || !segment_good(ref->id))
        return FAIL(INPUT, "a tenant or key id that cannot be a name in Vault");
    if (ref->external.len) {
        TRY(external_place(v, ref, &place));
    } else {
        buf_add(&place.name, ref->tenant);
        buf_add_str(&place.name, "/");
        buf_add(&place.name, ref->id);
        buf_addf(&place.name, "/%llu", (unsigned long long)ref->version);
        buf_addf(&place.path, "%s/%s", v->prefix, buf_str(&place.name));
    }
    TRY(buf_check(&place.name));
    TRY(buf_check(&place.path));
    *out = place;
    place = (struct vault_place){ 0 }; /* given away */
    return OK;
}
