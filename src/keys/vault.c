// SPDX-License-Identifier: Apache-2.0
#include "keys/vault_internal.h"

#include "base/base64.h"

#define PATH_LENGTH 1024
#define MATERIAL_MAX (16U << 10)

struct vault {
    struct keystore face; /* first */
    struct vault_link *link;
    char *prefix;
};

static struct vault *self_of(struct keystore *face)
{
    return (struct vault *)face;
}

/* Tenants and ids are ours, but nothing in a path may ever be more than one segment (lesson L19). */
static bool segment_ok(struct span s)
{
    if (!s.len || s.at[0] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '@'))
            return false;
    }
    return true;
}

static fallible own_path(const struct vault *v, const struct key_ref *ref, struct buf *out)
{
    if (!segment_ok(ref->tenant) || !segment_ok(ref->id))
        return FAIL(INPUT, "this name cannot be part of a path in Vault");
    buf_addf(out, "%s/%.*s/%.*s/%llu", v->prefix, (int)ref->tenant.len, (const char *)ref->tenant.at, (int)ref->id.len,
             (const char *)ref->id.at, (unsigned long long)ref->version);
    return buf_check(out);
}

/* "path/to/entry#field": the path's segments each harmless; *field is empty where none is named. */
static fallible external_path(struct span reference, struct buf *out, struct span *field)
{
    struct span path = span_head(reference, span_find(reference, SPAN("#")));

    *field = span_tail(reference, path.len + 1);
    buf_add(out, path);
    while (path.len) {
        size_t len = span_find(path, SPAN("/"));
        if (!segment_ok(span_head(path, len)))
            return FAIL(INPUT, "kmip_key_id is path#field below the mount, of letters, digits, '-', '_', '.' and '@'");
        path = span_tail(path, len + 1);
    }
    return out->len ? buf_check(out) : FAIL(INPUT, "kmip_key_id names no path");
}

static fallible decode(struct span text, struct secret **out)
{
    struct buf bytes owned(buf_done) = buf_of(MATERIAL_MAX);

    if (!buf_extend(&bytes, text.len)) /* at once, so that growing leaves nothing behind */
        return FAIL(LIMIT, "the entry in Vault is too long for a key");
    buf_clear(&bytes);
    struct err e = base64_parse(text, &bytes);
    if (!failed(e))
        *out = secret_copy(buf_span(&bytes));
    wipe(bytes.at, bytes.len);
    TRY(e);
    return *out ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

/* The entry must be the one that was written under this name: entries moved in Vault do not pass for others. */
static fallible own_fields_agree(const json_t *fields, const struct key_ref *ref)
{
    struct span tenant, id;
    uint64_t version;

    TRY(json_get_str(fields, "tenant", "entry in Vault", &tenant));
    TRY(json_get_str(fields, "key_id", "entry in Vault", &id));
    TRY(json_get_u64(fields, "version", INT64_MAX, "entry in Vault", &version));
    if (!span_equal(tenant, ref->tenant) || !span_equal(id, ref->id) || version != ref->version)
        return FAIL(INPUT, "the entry in Vault is of another key");
    return OK;
}

static fallible read_own(struct vault *v, const struct key_ref *ref, struct secret **material)
{
    struct buf path owned(buf_done) = buf_of(PATH_LENGTH);
    json_t *fields owned(vault_entry_free) = NULL;
    struct span text;

    TRY(own_path(v, ref, &path));
    TRY(vault_read(v->link, buf_str(&path), &fields));
    TRY(own_fields_agree(fields, ref));
    TRY(json_get_str(fields, "material", "the entry in Vault has no material", &text));
    return decode(text, material);
}

static fallible pick_field(const json_t *fields, struct span wanted, struct span *out)
{
    static const char *const usual[] = { "private_key", "key", "pem", "value", "payload", "material" };
    char name[128];

    if (wanted.len) {
        if (wanted.len >= sizeof name)
            return FAIL(INPUT, "the field's name is too long");
        snprintf(name, sizeof name, "%.*s", (int)wanted.len, (const char *)wanted.at);
        return json_get_str(fields, name, "the entry in Vault has no such text field", out);
    }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
        if (json_is_string(json_object_get(fields, usual[i])))
            return json_get_str(fields, usual[i], "field", out);
    return FAIL(INPUT, "no field of the entry in Vault is known to hold a key: say path#field");
}

static fallible read_external(struct vault *v, const struct key_ref *ref, enum key_algorithm algorithm,
                              struct secret **material, struct key_spec *spec)
{
    struct buf path owned(buf_done) = buf_of(PATH_LENGTH);
    json_t *fields owned(vault_entry_free) = NULL;
    struct secret *given owned(secret_free) = NULL;
    struct span field, text;

    TRY(external_path(ref->external, &path, &field));
    TRY(vault_read(v->link, buf_str(&path), &fields));
    TRY(pick_field(fields, field, &text));
    given = secret_copy(text);
    if (!given)
        return FAIL(SYSTEM, "secure memory exhausted");
    return key_material_parse(given, algorithm, material, spec);
}

static fallible put(struct vault *v, const struct key_ref *ref, const struct key_spec *spec, const struct secret *material)
{
    struct buf path owned(buf_done) = buf_of(PATH_LENGTH);

    if (ref->external.len)
        return FAIL(INPUT, "a key of another system is not written");
    TRY(own_path(v, ref, &path));
    json_t *fields = json_object();
    json_set_span(fields, "tenant", ref->tenant);
    json_set_span(fields, "key_id", ref->id);
    json_set_int(fields, "version", (int64_t)ref->version);
    json_set_str(fields, "cty", key_content_type(spec));
    key_spec_describe(spec, fields);
    char *text = base64_dup(secret_expose(material));
    json_set_str(fields, "material", text);
    if (text)
        wipe(text, strlen(text));
    free(text);
    return vault_write(v->link, buf_str(&path), fields);
}

static struct err vault_create(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(key_material_make(spec, &material));
    return put(self_of(self), ref, spec, material);
}

static struct err vault_import(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec,
                               const struct secret *material)
{
    TRY(key_spec_check(spec));
    return put(self_of(self), ref, spec, material);
}

static struct err vault_describe(struct keystore *self, const struct key_ref *ref, struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL, *again owned(secret_free) = NULL;

    if (ref->external.len)
        return read_external(self_of(self), ref, spec->algorithm, &material, spec);
    TRY(read_own(self_of(self), ref, &material));
    return key_material_parse(material, spec->algorithm, &again, spec);
}

static struct err vault_wrap_to(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec,
                                const struct key *recipient, const json_t *header, struct buf *jwe)
{
    struct secret *material owned(secret_free) = NULL;
    struct key_spec found = *spec;

    if (ref->external.len)
        TRY(read_external(self_of(self), ref, spec->algorithm, &material, &found));
    else
        TRY(read_own(self_of(self), ref, &material));
    if (!key_spec_equal(&found, spec))
        return FAIL(INPUT, "the entry in Vault is another kind of key than was registered");
    return key_material_wrap(material, spec, recipient, header, jwe);
}

static struct err vault_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct buf path owned(buf_done) = buf_of(PATH_LENGTH);

    if (ref->external.len)
        return OK;
    TRY(own_path(self_of(self), ref, &path));
    return vault_delete(self_of(self)->link, buf_str(&path));
}

static struct err vault_is_well(struct keystore *self)
{
    return vault_health(self_of(self)->link);
}

static void vault_close(struct keystore *self)
{
    vault_link_close(self_of(self)->link);
    free(self_of(self)->prefix);
    free(self);
}

fallible vault_open(const struct vault_config *config, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    struct vault *v = calloc(1, sizeof *v);

    if (!v)
        return FAIL(SYSTEM, "out of memory");
    v->face = (struct keystore){ .name = "vault", .create = vault_create, .import = vault_import, .describe = vault_describe,
                                 .wrap_to = vault_wrap_to, .destroy = vault_destroy, .health = vault_is_well, .close = vault_close };
    face = &v->face;
    v->prefix = strdup(config->prefix);
    if (!v->prefix)
        return FAIL(SYSTEM, "out of memory");
    TRY(vault_link_open(config, &v->link));
    *out = TAKE(face);
    return OK;
}
