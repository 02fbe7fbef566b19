// SPDX-License-Identifier: Apache-2.0
#include "keys/embedded.h"

#include "base/file.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "store/store.h"

#define SEALED_MAX (OPAQUE_SECRET_MAX + AEAD_OVERHEAD)
#define ASSOCIATED_MAX 1024

struct embedded {
    struct keystore face; /* first: a keystore pointer is one to this */
    struct store *store;
    struct secret *master;
};

static const struct migration schema[] = {
    { 1, "CREATE TABLE material (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,"
         " master_version INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, id, "
         "version))" },
};

static struct embedded *self_of(struct keystore *face)
{
    return (struct embedded *)face;
}

static void associated_of(const struct key_ref *ref, struct buf *out)
{
    write_part(out, SPAN("warder-embedded-v1"));
    write_part(out, ref->tenant);
    write_part(out, ref->id);
    write_u64be(out, ref->version);
}

static fallible put(struct embedded *e, const struct key_ref *ref, const struct secret *material)
{
    struct buf associated owned(buf_done) = buf_of(ASSOCIATED_MAX);
    struct buf sealed owned(buf_done) = buf_of(SEALED_MAX);
    struct statement *q;

    if (ref->external.len)
        return FAIL(INPUT, "the embedded key manager holds no keys of other systems");
    associated_of(ref, &associated);
    TRY(buf_check(&associated));
    TRY(aead_seal(e->master, buf_span(&associated), material, &sealed));
    store_lock(e->store);
    struct err err =
        store_query(e->store,
                    "INSERT INTO material (tenant, id, version, master_version, sealed)"
                    " VALUES (?1, ?2, ?3, 1, ?4)",
                    &q);
    if (!failed(err)) {
        bind_text(q, 1, ref->tenant);
        bind_text(q, 2, ref->id);
        bind_int(q, 3, (int64_t)ref->version);
        bind_blob(q, 4, buf_span(&sealed));
        err = store_run(q);
    }
    store_unlock(e->store);
    return err;
}

static fallible read_sealed(struct embedded *e, const struct key_ref *ref, struct buf *sealed)
{
    struct statement *q;
    bool row = false;

    store_lock(e->store);
    struct err err = store_query(
        e->store, "SELECT sealed FROM material WHERE tenant = ?1 AND id = ?2 AND version = ?3", &q);
    if (!failed(err)) {
        bind_text(q, 1, ref->tenant);
        bind_text(q, 2, ref->id);
        bind_int(q, 3, (int64_t)ref->version);
        err = store_step(q, &row);
        if (!failed(err) && row)
            buf_add(sealed, column_blob(q, 0));
        store_reset(q);
    }
    store_unlock(e->store);
    TRY(err);
    return row ? buf_check(sealed) : FAIL(ABSENT, "the key manager does not hold this key");
}

static fallible get(struct embedded *e, const struct key_ref *ref, struct secret **out)
{
    struct buf associated owned(buf_done) = buf_of(ASSOCIATED_MAX);
    struct buf sealed owned(buf_done) = buf_of(SEALED_MAX);

    TRY(read_sealed(e, ref, &sealed));
    associated_of(ref, &associated);
    TRY(buf_check(&associated));
    return aead_open(e->master, buf_span(&associated), buf_span(&sealed), out);
}

static struct err embedded_create(struct keystore *self, const struct key_ref *ref,
                                  const struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(key_material_make(spec, &material));
    return put(self_of(self), ref, material);
}

static struct err embedded_import(struct keystore *self, const struct key_ref *ref,
                                  const struct key_spec *spec, const struct secret *material)
{
    TRY(key_spec_check(spec));
    return put(self_of(self), ref, material);
}

static struct err embedded_describe(struct keystore *self, const struct key_ref *ref,
                                    struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL, *again owned(secret_free) = NULL;

    if (ref->external.len)
        return FAIL(ABSENT, "the embedded key manager holds no keys of other systems");
    TRY(get(self_of(self), ref, &material));
    enum key_algorithm algorithm = spec->algorithm;
    return key_material_parse(material, algorithm, &again, spec);
}

static struct err embedded_wrap_to(struct keystore *self, const struct key_ref *ref,
                                   const struct key_spec *spec, const struct key *recipient,
                                   const json_t *header, struct buf *jwe)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(get(self_of(self), ref, &material));
    return key_material_wrap(material, spec, recipient, header, jwe);
}

static struct err embedded_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct embedded *e = self_of(self);
    struct statement *q;

    store_lock(e->store);
    struct err err = store_query(
        e->store, "DELETE FROM material WHERE tenant = ?1 AND id = ?2 AND version = ?3", &q);
    if (!failed(err)) {
        bind_text(q, 1, ref->tenant);
        bind_text(q, 2, ref->id);
        bind_int(q, 3, (int64_t)ref->version);
        err = store_run(q);
    }
    store_unlock(e->store);
    return err;
}

static struct err embedded_health(struct keystore *self)
{
    struct embedded *e = self_of(self);
    struct statement *q;
    bool row = false;

    store_lock(e->store);
    struct err err = store_query(e->store, "SELECT count(*) FROM material WHERE tenant = ''", &q);
    if (!failed(err)) {
        err = store_step(q, &row);
        store_reset(q);
    }
    store_unlock(e->store);
    return err;
}

static void embedded_close(struct keystore *self)
{
    struct embedded *e = self_of(self);
    store_close(e->store);
    secret_free(e->master);
    free(e);
}

static fallible load_master(const char *path, struct secret **out)
{
    if (!file_exists(path)) {
        struct secret *made owned(secret_free) = NULL;
        TRY(random_secret(AEAD_KEY_SIZE, &made));
        TRY(secret_save(path, made));
    }
    struct secret *master owned(secret_free) = NULL;
    TRY(secret_load(path, &master));
    if (secret_len(master) != AEAD_KEY_SIZE)
        return FAIL(INPUT, "the master key file must hold 32 bytes");
    *out = TAKE(master);
    return OK;
}

fallible embedded_open(const char *store_url, const char *master_key_file, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    struct embedded *e = calloc(1, sizeof *e);

    if (!e)
        return FAIL(SYSTEM, "out of memory");
    e->face = (struct keystore){ .name = "embedded",
                                 .create = embedded_create,
                                 .import = embedded_import,
                                 .describe = embedded_describe,
                                 .wrap_to = embedded_wrap_to,
                                 .destroy = embedded_destroy,
                                 .health = embedded_health,
                                 .close = embedded_close };
    face = &e->face;
    TRY(load_master(master_key_file, &e->master));
    TRY(store_open(store_url, &e->store));
    TRY(store_migrate(e->store, schema, sizeof schema / sizeof schema[0]));
    *out = TAKE(face);
    return OK;
}
