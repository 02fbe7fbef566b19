// SPDX-License-Identifier: Apache-2.0
#include "keys/kmip.h"

#include "keys/kmip_internal.h"

#define TENANT_UNBOUND "default"

static struct kmip *self_of(struct keystore *face)
{
    return (struct kmip *)face;
}

static bool plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-_.~@:=", c));
}

/* No slash: it parts the names of ours. */
static bool segment_good(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!plain(s.at[i]))
            return false;
    return s.len;
}

static fallible name_of(const struct kmip *k, const struct key_ref *ref, struct buf *out)
{
    if (!segment_good(ref->tenant) || !segment_good(ref->id))
        return FAIL(INPUT, "a tenant or key id that cannot be a name in a KMIP server");
    buf_addf(out, "%s/", k->prefix);
    buf_add(out, ref->tenant);
    buf_add_u8(out, '/');
    buf_add(out, ref->id);
    buf_addf(out, "/%llu", (unsigned long long)ref->version);
    return buf_check(out);
}

/* The identifier lives in `out`. FAIL_ABSENT: none of this name. */
static fallible locate(struct kmip_call *c, struct span name, bool active_only, struct buf *out)
{
    const struct kmip_request q = { .operation = KMIP_LOCATE,
                                    .name = name,
                                    .active_only = active_only };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    struct kmip_id_list found;

    TRY(kmip_ask(c, &q, &reply));
    TRY(kmip_read_located(reply.payload, &found));
    if (!found.count)
        return FAIL(ABSENT, "the KMIP server does not hold this key");
    if (found.count > 1)
        return FAIL(CONFLICT, "the KMIP server holds several keys of the same name");
    buf_add(out, found.ids[0]);
    return buf_check(out);
}

static fallible act_on(struct kmip_call *c, enum kmip_operation operation, struct span id)
{
    const struct kmip_request q = { .operation = operation, .id = id };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    return kmip_ask(c, &q, &reply);
}

static bool name_is_below(struct span name, struct span folder)
{
    return span_starts(name, folder) && name.len > folder.len && name.at[folder.len] == '/';
}

/* Which of the server's objects may be registered: an active or not yet activated key, none of the
 * broker's own, and for tenants other than the default one a key whose name says so. */
static fallible external_check(const struct kmip *k, const struct key_ref *ref,
                               const struct kmip_attributes *a)
{
    bool theirs = span_equal_str(ref->tenant, TENANT_UNBOUND);

    for (size_t i = 0; i < a->count; i++) {
        if (name_is_below(a->names[i], span_str(k->prefix)))
            return FAIL(DENIED, "this key in the KMIP server is the key broker's own");
        theirs |= name_is_below(a->names[i], ref->tenant);
    }
    if (!theirs)
        return FAIL(DENIED, "a tenant's keys in the KMIP server have a name TENANT/...");
    if (a->state && a->state != KMIP_PRE_ACTIVE && a->state != KMIP_ACTIVE)
        return FAIL(DENIED, "the key is not active in the KMIP server");
    return OK;
}

static fallible find_external(struct kmip_call *c, const struct key_ref *ref, struct buf *id)
{
    const struct kmip_request q = { .operation = KMIP_GET_ATTRIBUTES, .id = ref->external };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    struct kmip_attributes attributes;

    for (size_t i = 0; i < ref->external.len; i++)
        if (ref->external.at[i] <= ' ' || ref->external.at[i] > '~')
            return FAIL(INPUT, "not a unique identifier of a KMIP server");
    if (ref->external.len > KMIP_ID_MAX || !segment_good(ref->tenant))
        return FAIL(INPUT, "not a unique identifier of a KMIP server");
    TRY(kmip_ask(c, &q, &reply));
    TRY(kmip_read_attributes(reply.payload, &attributes));
    TRY(external_check(c->k, ref, &attributes));
    buf_add(id, ref->external);
    return buf_check(id);
}

static fallible find(struct kmip_call *c, const struct key_ref *ref, struct buf *id)
{
    struct buf name owned(buf_done) = buf_of(KMIP_NAME_MAX);

    if (ref->external.len)
        return find_external(c, ref, id);
    TRY(name_of(c->k, ref, &name));
    return locate(c, buf_span(&name), true, id);
}

/* As it is stored; where we do not read that form, in the usual one. */
static fallible get(struct kmip_call *c, struct span id, enum key_algorithm algorithm,
                    struct kmip_reply *reply, struct kmip_key *key)
{
    struct kmip_request q = { .operation = KMIP_GET, .id = id };

    TRY(kmip_ask(c, &q, reply));
    TRY(kmip_read_key(reply->payload, key));
    if (key->object_type != kmip_object_of(algorithm))
        return FAIL(INPUT, "the object in the KMIP server is not a key of this algorithm");
    if (key->material.len)
        return OK;
    q.format = key->object_type == KMIP_PRIVATE_KEY ? KMIP_PKCS8 : KMIP_RAW;
    TRY(kmip_ask(c, &q, reply));
    TRY(kmip_read_key(reply->payload, key));
    return key->material.len ? OK : FAIL(INPUT, "the KMIP server gives the key in no known form");
}

/* `spec` has the algorithm that is expected, and gets the size. */
static fallible read_material(struct kmip_call *c, const struct key_ref *ref,
                              struct secret **material, struct key_spec *spec)
{
    struct buf id owned(buf_done) = buf_of(KMIP_ID_MAX);
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    struct kmip_key key;

    TRY(find(c, ref, &id));
    TRY(get(c, buf_span(&id), spec->algorithm, &reply, &key));
    struct secret *given owned(secret_free) = secret_copy(key.material);
    if (!given)
        return FAIL(SYSTEM, "secure memory exhausted");
    enum key_algorithm algorithm = spec->algorithm;
    struct err e = key_material_parse(given, algorithm, material, spec);
    return e.kind == FAIL_INPUT
               ? FAIL(INPUT, "the object in the KMIP server is not a key of this algorithm")
               : e;
}

static fallible refuse_existing(struct kmip_call *c, struct span name)
{
    struct buf id owned(buf_done) = buf_of(KMIP_ID_MAX);
    struct err e = locate(c, name, false, &id);

    if (e.kind == FAIL_ABSENT)
        return OK;
    return failed(e) ? e : FAIL(CONFLICT, "the KMIP server holds a key under this reference");
}

/* A key that nobody will ask for; what fails here is not the failure to tell. */
static void give_up_on(struct kmip_call *c, struct span id)
{
    (void)act_on(c, KMIP_DESTROY, id).kind;
}

static fallible activate(struct kmip_call *c, struct span id)
{
    struct err e = act_on(c, KMIP_ACTIVATE, id);

    if (failed(e))
        give_up_on(c, id);
    return e;
}

static fallible put(struct kmip_call *c, struct span name, const struct key_spec *spec,
                    const struct secret *material)
{
    const struct kmip_request q = {
        .operation = KMIP_REGISTER, .name = name, .spec = *spec, .key = material
    };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    struct span id;

    TRY(kmip_ask(c, &q, &reply));
    TRY(kmip_read_made(reply.payload, &id));
    return activate(c, id);
}

static fallible make_there(struct kmip_call *c, struct span name, const struct key_spec *spec)
{
    bool aes = spec->algorithm == KEY_ALGORITHM_AES;
    const struct kmip_request q = { .operation = aes ? KMIP_CREATE : KMIP_CREATE_KEY_PAIR,
                                    .name = name,
                                    .spec = *spec };
    struct kmip_reply reply owned(kmip_reply_done) = { 0 };
    struct span id, public_id = { 0 };

    TRY(kmip_ask(c, &q, &reply));
    if (aes)
        TRY(kmip_read_made(reply.payload, &id));
    else
        TRY(kmip_read_pair(reply.payload, &id, &public_id));
    struct err e = activate(c, id);
    if (failed(e) && public_id.len)
        give_up_on(c, public_id);
    return e;
}

/* Servers that make no keys of this kind (elliptic curves, mostly) get one that is made here. */
static fallible make_here(struct kmip_call *c, struct span name, const struct key_spec *spec)
{
    struct secret *material owned(secret_free) = NULL;

    TRY(key_material_make(spec, &material));
    return put(c, name, spec, material);
}

static fallible begin_new(struct kmip_call *c, const struct key_ref *ref, struct buf *name)
{
    if (ref->external.len)
        return FAIL(INPUT, "a key of another system is registered, not written");
    TRY(name_of(c->k, ref, name));
    return refuse_existing(c, buf_span(name));
}

static struct err store_create(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec)
{
    struct kmip_call c = kmip_call_of(self_of(self), KMIP_MAKE_US);
    struct buf name owned(buf_done) = buf_of(KMIP_NAME_MAX);

    TRY(key_spec_check(spec));
    TRY(begin_new(&c, ref, &name));
    struct err e = make_there(&c, buf_span(&name), spec);
    if (failed(e) && kmip_reason_is_incapable(c.reason))
        return make_here(&c, buf_span(&name), spec);
    return e;
}

static struct err store_import(struct keystore *self, const struct key_ref *ref,
                               const struct key_spec *spec, const struct secret *material)
{
    struct kmip_call c = kmip_call_of(self_of(self), KMIP_CALL_US);
    struct buf name owned(buf_done) = buf_of(KMIP_NAME_MAX);

    TRY(key_spec_check(spec));
    TRY(begin_new(&c, ref, &name));
    return put(&c, buf_span(&name), spec, material);
}

static struct err store_describe(struct keystore *self, const struct key_ref *ref,
                                 struct key_spec *spec)
{
    struct kmip_call c = kmip_call_of(self_of(self), KMIP_CALL_US);
    struct secret *material owned(secret_free) = NULL;
    return read_material(&c, ref, &material, spec);
}

static fallible read_wanted(struct keystore *self, const struct key_ref *ref,
                            const struct key_spec *spec, struct secret **out)
{
    struct secret *material owned(secret_free) = NULL;
    struct key_spec found = *spec;

    struct kmip_call c = kmip_call_of(self_of(self), KMIP_CALL_US);
    TRY(read_material(&c, ref, &material, &found));
    if (!key_spec_equal(&found, spec))
        return FAIL(INPUT, "the key in the KMIP server is another than was registered");
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
    TRY(read_wanted(self, ref, spec, &material));
    return key_material_use(material, spec, use, result);
}

static struct err store_public_half(struct keystore *self, const struct key_ref *ref,
                                    const struct key_spec *spec, struct buf *spki)
{
    struct secret *material owned(secret_free) = NULL;
    TRY(read_wanted(self, ref, spec, &material));
    return key_material_public(material, spec, spki);
}

/* Revoked first, for an active object is not destroyed; one that cannot be revoked may be
 * destroyed all the same. */
static fallible end_named(struct kmip_call *c, struct span name)
{
    struct buf id owned(buf_done) = buf_of(KMIP_ID_MAX);
    struct err e = locate(c, name, false, &id);

    if (e.kind == FAIL_ABSENT)
        return OK;
    TRY(e);
    e = act_on(c, KMIP_REVOKE, buf_span(&id));
    if (failed(e) && !c->reason) /* not the server's word: it is away */
        return e;
    e = act_on(c, KMIP_DESTROY, buf_span(&id));
    return e.kind == FAIL_ABSENT ? OK : e;
}

static struct err store_destroy(struct keystore *self, const struct key_ref *ref)
{
    struct kmip_call c = kmip_call_of(self_of(self), KMIP_CALL_US);
    struct buf name owned(buf_done) = buf_of(KMIP_NAME_MAX);

    if (ref->external.len)
        return OK;
    TRY(name_of(c.k, ref, &name));
    TRY(end_named(&c, buf_span(&name)));
    buf_add_str(&name, "/public");
    TRY(buf_check(&name));
    return end_named(&c, buf_span(&name));
}

/* It answers, and lets us look for what is not there. */
static struct err store_health(struct keystore *self)
{
    struct kmip_call c = kmip_call_of(self_of(self), KMIP_CALL_US);
    struct buf name owned(buf_done) = buf_of(KMIP_NAME_MAX),
                    id owned(buf_done) = buf_of(KMIP_ID_MAX);

    c.impatient = true;
    buf_addf(&name, "%s/health", c.k->prefix);
    TRY(buf_check(&name));
    struct err e = locate(&c, buf_span(&name), true, &id);
    return e.kind == FAIL_UPSTREAM || e.kind == FAIL_SYSTEM ? e : OK;
}

static void store_close(struct keystore *self)
{
    struct kmip *k = self_of(self);

    kmip_drop_idle(k);
    pthread_mutex_destroy(&k->lock);
    free(k->host);
    free(k->port);
    free(k->ca);
    free(k->certificate);
    free(k->key);
    free(k->prefix);
    free(k);
}

static fallible keep_texts(struct kmip *k, const struct kmip_config *config)
{
    k->host = strdup(config->host);
    k->port = strdup(config->port);
    k->ca = strdup(config->ca_file);
    k->certificate = strdup(config->certificate);
    k->key = strdup(config->key);
    k->prefix = strdup(config->prefix);
    if (!k->host || !k->port || !k->ca || !k->certificate || !k->key || !k->prefix)
        return FAIL(SYSTEM, "out of memory");
    k->tls = (struct tls_stream_config){ .host = k->host,
                                         .port = k->port,
                                         .ca = k->ca,
                                         .certificate = k->certificate,
                                         .key = k->key,
                                         .crl = config->crl };
    return OK;
}

fallible kmip_open(const struct kmip_config *config, struct keystore **out)
{
    struct keystore *face owned(keystore_close) = NULL;
    unsigned version = 0;

    if (strcmp(config->version, "auto"))
        TRY(kmip_version_parse(span_str(config->version), &version));
    if (!segment_good(span_str(config->prefix)))
        return FAIL(INPUT, "the KMIP prefix has letters, digits and -_.~@:=");
    struct kmip *k = calloc(1, sizeof *k);
    if (!k)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&k->lock, NULL);
    k->face = (struct keystore){ .name = "kmip",
                                 .create = store_create,
                                 .import = store_import,
                                 .describe = store_describe,
                                 .wrap_to = store_wrap_to,
                                 .use = store_use,
                                 .public_half = store_public_half,
                                 .destroy = store_destroy,
                                 .health = store_health,
                                 .close = store_close };
    k->version = version;
    k->gave_up_at = INT64_MIN / 2;
    face = &k->face;
    TRY(keep_texts(k, config));
    TRY(tls_stream_check(&k->tls));
    *out = TAKE(face);
    return OK;
}
