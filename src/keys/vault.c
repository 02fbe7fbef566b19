// SPDX-License-Identifier: Apache-2.0
#include "keys/vault.h"

#include "keys/vault_internal.h"
#include "keys/vault_stay_internal.h"
#include "keys/vault_transit.h"

static struct vault *self_of(struct keystore *face)
{
    return (struct vault *)face;
}

/* MOUNT/PATH, MOUNT/data/PATH or MOUNT/metadata/PATH. */
static fallible full_path(const struct vault *v, const struct vault_place *place, const char *part,
                          struct buf *out)
{
    buf_addf(out, "%s/%s%s", v->mount, part, buf_str(&place->path));
    return buf_check(out);
}

static fallible name_agrees(struct span reply, unsigned version, const struct vault_place *place)
{
    struct secret *name owned(secret_free) = NULL;

    TRY(vault_value_parse(reply, version, SPAN(VAULT_NAME_FIELD), &name));
    return span_equal(secret_expose(name), buf_span(&place->name))
               ? OK
               : FAIL(INPUT, "the secret in Vault is of another key");
}

static fallible read_text(struct vault *v, const struct key_ref *ref, struct secret **out)
{
    struct vault_place place owned(vault_place_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    unsigned version;

    TRY(vault_place_of(v, ref, &place));
    TRY(vault_version(v, &version));
    TRY(full_path(v, &place, version == 2 ? "data/" : "", &path));
    TRY(vault_get(v, buf_str(&path), &reply));
    if (!ref->external.len)
        TRY(name_agrees(buf_span(&reply.body), version, &place));
    return vault_value_parse(buf_span(&reply.body), version, place.field, out);
}

/* `spec` has the algorithm that is expected, and gets the size. */
static fallible read_material(struct vault *v, const struct key_ref *ref, struct secret **material,
                              struct key_spec *spec)
{
    struct secret *text owned(secret_free) = NULL, *bytes owned(secret_free) = NULL;

    TRY(read_text(v, ref, &text));
    enum key_algorithm algorithm = spec->algorithm;
    bool ours = !ref->external.len; /* what others wrote is taken as it stands there */
    if (algorithm == KEY_ALGORITHM_OPAQUE && ours)
        TRY(vault_value_bytes(secret_expose(text), &bytes));
    struct err e = key_material_parse(bytes ? bytes : text, algorithm, material, spec);
    return e.kind == FAIL_INPUT
               ? FAIL(INPUT,
                      "the field in Vault is not a key of this algorithm: PEM, or base64 for AES")
               : e;
}

/* After a conflict with a write that was tried twice: was it the first try that got there? */
static fallible settle(struct vault *v, const struct key_ref *ref, const struct key_spec *spec,
                       const struct secret *material, struct err conflict)
{
    struct secret *there owned(secret_free) = NULL;
    struct key_spec found = *spec;

    TRY(read_material(v, ref, &there, &found));
    return secret_equal(there, material) ? OK : conflict;
}

/* KV version 1 overwrites: look first. Ids are random, so there is nobody to race with. */
static fallible refuse_existing(struct vault *v, const char *path)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct err e = vault_get(v, path, &reply);

    if (e.kind == FAIL_ABSENT)
        return OK;
    return failed(e) ? e : FAIL(CONFLICT, "Vault holds a key under this reference");
}

static fallible put(struct vault *v, const struct key_ref *ref, const struct key_spec *spec,
                    const struct secret *material)
{
    struct vault_place place owned(vault_place_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *body owned(secret_free) = NULL;
    unsigned version;

    if (ref->external.len)
        return FAIL(INPUT, "a key of another system is registered, not written");
    TRY(vault_place_of(v, ref, &place));
    TRY(vault_version(v, &version));
    TRY(full_path(v, &place, version == 2 ? "data/" : "", &path));
    TRY(vault_value_write(material, spec, buf_span(&place.name), version, &body));
    if (version == 1)
        TRY(refuse_existing(v, buf_str(&path)));
    struct vault_ask ask = { .method = "POST",
                             .path = buf_str(&path),
                             .body = secret_expose(body) };
    struct err e = vault_ask(v, &ask, &reply);
    if (e.kind == FAIL_CONFLICT && ask.repeated)
        return settle(v, ref, spec, material, e);
    return e.kind == FAIL_ABSENT
               ? FAIL(UPSTREAM, "Vault has no KV store of this version at the mount")
               : e;
}

static struct err store_create(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;

    if (vault_stays_inside(self, ref))
        return vault_transit_create(self, ref, spec);
    TRY(key_material_make(spec, &material));
    return put(self_of(self), ref, spec, material);
}

static struct err store_import(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec, const struct secret *material)
{
    TRY(key_spec_check(spec));
    if (vault_stays_inside(self, ref) && spec->algorithm != KEY_ALGORITHM_OPAQUE)
        return vault_transit_import(self, ref, spec, material);
    return put(self_of(self), ref, spec, material);
}

static struct err store_describe(struct keystore *self, const struct key_ref *ref,
                                 struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;

    if (vault_stays_inside(self, ref))
        return vault_stay_describe(self, ref, spec);
    return read_material(self_of(self), ref, &material, spec);
}

static fallible read_wanted(struct keystore *self, const struct key_ref *ref,
                            const struct key_spec *spec, struct secret **out)
{
    struct secret *material owned(secret_free) = NULL;
    struct key_spec found = *spec;

    TRY(read_material(self_of(self), ref, &material, &found));
    if (!key_spec_equal(&found, spec))
        return FAIL(INPUT, "the key in Vault is another than was registered");
    *out = TAKE(material);
    return OK;
}

static struct err store_wrap_to(struct keystore *self, const struct key_ref *ref,
                                const struct key_spec *spec, const struct key *recipient,
                                const json_t *header, struct buf *jwe)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(read_wanted(self, ref, spec, &material));
    return key_material_wrap(material, spec, recipient, header, jwe);
}

static struct err store_use(struct keystore *self, const struct key_ref *ref,
                            const struct key_spec *spec, const struct key_use *use,
                            struct buf *result)
{
    struct secret *material owned(secret_free) = NULL;
    struct err e = vault_stay_use(self, ref, spec, use, result);

    if (e.kind != FAIL_ABSENT)
        return e;
    TRY(read_wanted(self, ref, spec, &material));
    return key_material_use(material, spec, use, result);
}

static struct err store_public_half(struct keystore *self, const struct key_ref *ref,
                                    const struct key_spec *spec, struct buf *spki)
{
    struct secret *material owned(secret_free) = NULL;
    struct err e = vault_stay_public(self, ref, spec, spki);

    if (e.kind != FAIL_ABSENT)
        return e;
    TRY(read_wanted(self, ref, spec, &material));
    return key_material_public(material, spec, spki);
}

static struct err store_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct vault *v = self_of(self);
    struct vault_place place owned(vault_place_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    struct http_reply reply owned(http_reply_done) = { 0 };
    unsigned version;

    if (ref->external.len)
        return OK;
    TRY(vault_stay_destroy(self, ref));
    TRY(vault_place_of(v, ref, &place));
    TRY(vault_version(v, &version));
    TRY(full_path(v, &place, version == 2 ? "metadata/" : "",
                  &path)); /* the metadata goes with all versions */
    struct vault_ask ask = { .method = "DELETE", .path = buf_str(&path) };
    struct err e = vault_ask(v, &ask, &reply);
    return e.kind == FAIL_ABSENT ? OK : e;
}

static struct err store_health(struct keystore *self)
{
    return vault_health(self_of(self));
}

static struct err store_tend(struct keystore *self, struct keystore_chore *chore)
{
    return vault_tend(self_of(self), chore);
}

const struct keystore vault_face = {
    .name = "vault",
    .create = store_create,
    .import = store_import,
    .describe = store_describe,
    .wrap_to = store_wrap_to,
    .use = store_use,
    .public_half = store_public_half,
    .destroy = store_destroy,
    .health = store_health,
    .tend = store_tend,
    .close = vault_close,
};
