// SPDX-License-Identifier: Apache-2.0
#include "keys/embedded_internal.h"

#include "base/file.h"
#include "base/writer.h"
#include "crypto/aead.h"

static const struct migration schema[] = {
    { 1, "CREATE TABLE material (tenant TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,"
         " master_version INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (tenant, id, "
         "version))" },
    { 2, "CREATE TABLE seal (document TEXT NOT NULL);"
         "CREATE TABLE masters (version INTEGER NOT NULL PRIMARY KEY, sealed BLOB NOT NULL);"
         "CREATE INDEX material_master ON material (master_version, tenant, id, version);" },
};

void embedded_associated(const struct key_ref *ref, struct buf *out)
{
    write_part(out, SPAN("warder-embedded-v1"));
    write_part(out, ref->tenant);
    write_part(out, ref->id);
    write_u64be(out, ref->version);
}

static const struct master *newest(const struct keyring *r)
{
    return r->count ? &r->masters[r->count - 1] : NULL;
}

static fallible find_master(const struct keyring *r, uint64_t version, const struct master **out)
{
    if (!r->count)
        return FAIL(UPSTREAM, KEYSTORE_SEALED);
    for (size_t i = 0; i < r->count; i++)
        if (r->masters[i].version == version) {
            *out = &r->masters[i];
            return OK;
        }
    return FAIL(DENIED, "the key is sealed under a master key that is not there");
}

/* The ring is held until the row is committed: else it could be one of a master key that a rotation
 * has meanwhile taken out of use. */
static fallible put(struct embedded *e, const struct key_ref *ref, const struct secret *material)
{
    struct buf associated owned(buf_done) = buf_of(ASSOCIATED_MAX);
    struct buf sealed owned(buf_done) = buf_of(SEALED_MAX);
    struct statement *q;

    if (ref->external.len)
        return FAIL(INPUT, "the embedded key manager holds no keys of other systems");
    struct embedded *using owned(embedded_used) = embedded_use(e);
    const struct master *master = newest(&using->ring);
    if (!master)
        return FAIL(UPSTREAM, KEYSTORE_SEALED);
    embedded_associated(ref, &associated);
    TRY(buf_check(&associated));
    TRY(aead_seal(master->key, buf_span(&associated), material, &sealed));
    store_lock(e->store);
    struct err err =
        store_query(e->store,
                    "INSERT INTO material (tenant, id, version, master_version, sealed)"
                    " VALUES (?1, ?2, ?3, ?5, ?4)",
                    &q);
    if (!failed(err)) {
        bind_text(q, 1, ref->tenant);
        bind_text(q, 2, ref->id);
        bind_int(q, 3, (int64_t)ref->version);
        bind_blob(q, 4, buf_span(&sealed));
        bind_int(q, 5, (int64_t)master->version);
        err = store_run(q);
    }
    store_unlock(e->store);
    return err;
}

static fallible read_sealed(struct embedded *e, const struct key_ref *ref, struct buf *sealed,
                            uint64_t *master_version)
{
    struct statement *q;
    bool row = false;

    store_lock(e->store);
    struct err err = store_query(e->store,
                                 "SELECT sealed, master_version FROM material WHERE tenant = ?1 "
                                 "AND id = ?2 AND version = ?3",
                                 &q);
    if (!failed(err)) {
        bind_text(q, 1, ref->tenant);
        bind_text(q, 2, ref->id);
        bind_int(q, 3, (int64_t)ref->version);
        err = store_step(q, &row);
        if (!failed(err) && row)
            buf_add(sealed, column_blob(q, 0)), *master_version = (uint64_t)column_int(q, 1);
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

    struct embedded *using owned(embedded_used) = embedded_use(e);
    const struct master *master;
    uint64_t version = 0;
    if (!using->ring.count)
        return FAIL(UPSTREAM, KEYSTORE_SEALED);
    TRY(read_sealed(e, ref, &sealed, &version));
    TRY(find_master(&using->ring, version, &master));
    embedded_associated(ref, &associated);
    TRY(buf_check(&associated));
    return aead_open(master->key, buf_span(&associated), buf_span(&sealed), out);
}

static struct err embedded_create(struct keystore *self, const struct key_ref *ref,
                                  const struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(key_material_make(spec, &material));
    return put(embedded_of(self), ref, material);
}

static struct err embedded_import(struct keystore *self, const struct key_ref *ref,
                                  const struct key_spec *spec, const struct secret *material)
{
    TRY(key_spec_check(spec));
    return put(embedded_of(self), ref, material);
}

static struct err embedded_describe(struct keystore *self, const struct key_ref *ref,
                                    struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL, *again owned(secret_free) = NULL;

    if (ref->external.len)
        return FAIL(ABSENT, "the embedded key manager holds no keys of other systems");
    TRY(get(embedded_of(self), ref, &material));
    enum key_algorithm algorithm = spec->algorithm;
    return key_material_parse(material, algorithm, &again, spec);
}

static struct err embedded_wrap_to(struct keystore *self, const struct key_ref *ref,
                                   const struct key_spec *spec, const struct key *recipient,
                                   const json_t *header, struct buf *jwe)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(get(embedded_of(self), ref, &material));
    return key_material_wrap(material, spec, recipient, header, jwe);
}

static struct err embedded_use_key(struct keystore *self, const struct key_ref *ref,
                                   const struct key_spec *spec, const struct key_use *use,
                                   struct buf *result)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(get(embedded_of(self), ref, &material));
    return key_material_use(material, spec, use, result);
}

static struct err embedded_public_half(struct keystore *self, const struct key_ref *ref,
                                       const struct key_spec *spec, struct buf *spki)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(get(embedded_of(self), ref, &material));
    return key_material_public(material, spec, spki);
}

static struct err embedded_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct embedded *e = embedded_of(self);
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
    struct embedded *e = embedded_of(self);
    struct statement *q;
    bool row = false;

    {
        struct embedded *using owned(embedded_used) = embedded_use(e);
        if (!using->ring.count)
            return FAIL(UPSTREAM, KEYSTORE_SEALED);
    }
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
    struct embedded *e = embedded_of(self);

    given_forget(&e->given);
    keyring_done(&e->ring);
    store_close(e->store);
    pthread_mutex_destroy(&e->acts);
    pthread_rwlock_destroy(&e->use);
    buf_done(&e->cursor[0]);
    buf_done(&e->cursor[1]);
    free(e->master_key_file);
    free(e);
}

fallible embedded_open(const struct embedded_config *config, struct keystore **out)
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
                                 .use = embedded_use_key,
                                 .public_half = embedded_public_half,
                                 .destroy = embedded_destroy,
                                 .health = embedded_health,
                                 .close = embedded_close,
                                 .tend = embedded_tend,
                                 .seal = embedded_act };
    face = &e->face;
    pthread_mutex_init(&e->acts, NULL);
    pthread_rwlock_init(&e->use, NULL);
    e->cursor[0] = e->cursor[1] = buf_of(KEY_REFERENCE_MAX);
    e->wanted = config->seal;
    e->hsm = config->hsm;
    e->master_key_file = strdup(config->master_key_file);
    if (!e->master_key_file)
        return FAIL(SYSTEM, "out of memory");
    TRY(store_open(config->store_url, &e->store));
    TRY(store_migrate(e->store, schema, sizeof schema / sizeof schema[0]));
    TRY(embedded_begin(e));
    *out = TAKE(face);
    return OK;
}
