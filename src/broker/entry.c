// SPDX-License-Identifier: Apache-2.0
#include "broker/entry.h"

void key_entry_done(struct key_entry *k)
{
    row_done(&k->row);
    json_free(k->content);
    *k = (struct key_entry){ 0 };
}

static struct row row_take(struct row *r)
{
    struct row taken = *r;
    r->content = buf_of(0);
    return taken;
}

fallible key_entry_spec(const json_t *content, struct key_spec *out)
{
    struct key_spec spec = { 0 };
    struct span text;
    uint64_t bits = 0;

    TRY(json_get_str(content, "algorithm", "stored algorithm", &text));
    TRY(key_algorithm_parse(text, &spec.algorithm));
    switch (spec.algorithm) {
    case KEY_ALGORITHM_EC:
        TRY(json_get_str(content, "curve_type", "stored curve", &text));
        TRY(key_curve_parse(text, &spec.bits));
        break;
    case KEY_ALGORITHM_OPAQUE:
        TRY(json_get_u64(content, "size", OPAQUE_SECRET_MAX, "stored size", &bits));
        spec.bits = (unsigned)bits * 8;
        break;
    case KEY_ALGORITHM_RSA:
    case KEY_ALGORITHM_AES:
        TRY(json_get_u64(content, "key_length", 65535, "stored length", &bits));
        spec.bits = (unsigned)bits;
        break;
    }
    TRY(key_spec_check(&spec));
    *out = spec;
    return OK;
}

static fallible understand_key(struct key_entry *k)
{
    TRY(json_parse_object(buf_span(&k->row.content), &k->content));
    TRY(key_versions_read(k->content, &k->versions));
    const struct key_version *current = key_versions_current(&k->versions);
    k->spec = (current ? current : key_versions_newest(&k->versions))->spec;
    TRY(json_opt_str(k->content, "label", "stored label", &k->label));
    return json_opt_str(k->content, "key_id", "stored id", &k->whose);
}

fallible key_entry_of(struct row *row, struct key_entry *out)
{
    struct key_entry k owned(key_entry_done) = { .row = row_take(row) };

    /* The MAC was good: what does not parse is our own mistake. */
    if (failed(understand_key(&k)))
        return FAIL(SYSTEM, "a stored key record cannot be understood");
    *out = k;
    k = (struct key_entry){ 0 };
    return OK;
}

fallible key_entry_read(struct store *s, const struct secret *integrity, struct span tenant,
                        struct span id, struct key_entry *out)
{
    struct row row owned(row_done) = { 0 };
    TRY(row_read(s, integrity, ROW_KEYS, tenant, id, &row));
    return key_entry_of(&row, out);
}

uint64_t key_entry_version(const struct key_entry *k)
{
    const struct key_version *v = key_versions_current(&k->versions);
    return v ? v->number : 0;
}

struct key_ref key_entry_ref(const struct key_entry *k, const struct key_version *v)
{
    return (struct key_ref){ span_str(k->row.tenant), k->whose.len ? k->whose : span_str(k->row.id),
                             v->number, v->external };
}

fallible key_entry_changed(const struct key_entry *k, struct row *out)
{
    struct row row owned(row_done) = { 0 };
    json_t *content owned(json_free) = json_deep_copy(k->content);

    TRY(row_init(&row, span_str(k->row.tenant), span_str(k->row.id), span_str(k->row.link)));
    row.version = k->row.version + 1;
    TRY(key_versions_write(&k->versions, content));
    TRY(json_canonical(content, &row.content));
    *out = row_take(&row);
    return OK;
}

static void copy_member(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value)
        json_object_set(to, name, value);
}

json_t *key_entry_json(const struct key_entry *k)
{
    json_t *j = json_object(), *information = json_object();

    json_set_str(information, "id", k->row.id);
    key_spec_describe(&k->spec, information);
    copy_member(information, k->content, "kmip_key_id");
    json_object_set_new(j, "key_information", information);
    json_set_str(j, "transfer_policy_id", k->row.link);
    copy_member(j, k->content, "created_at");
    copy_member(j, k->content, "label");
    copy_member(j, k->content, "usage");
    copy_member(j, k->content, "four_eyes");
    copy_member(j, k->content, "resource_path");
    json_set_int(j, "version", (int64_t)key_versions_newest(&k->versions)->number);
    json_set_str(j, "state", key_versions_current(&k->versions) ? "enabled" : "disabled");
    json_set_int(j, "keep_old_versions", (int64_t)k->versions.keep_old);
    json_object_set_new(j, "versions", key_versions_json(&k->versions));
    json_set_str(j, "tenant", k->row.tenant);
    return j;
}

void policy_entry_done(struct policy_entry *p)
{
    row_done(&p->row);
    json_free(p->content);
    transfer_policy_free(p->policy);
    *p = (struct policy_entry){ 0 };
}

static fallible understand_policy(struct policy_entry *p)
{
    const json_t *document;
    char *message owned(free) = NULL;

    TRY(json_parse_object(buf_span(&p->row.content), &p->content));
    TRY(json_get_object(p->content, "document", "stored policy", &document));
    return transfer_policy_parse(document, &p->policy, &message);
}

fallible policy_entry_of(struct row *row, struct policy_cache *cache, struct policy_entry *out)
{
    struct policy_entry p owned(policy_entry_done) = { .row = row_take(row) };

    if (!cache || !policy_cache_get(cache, p.row.mac, &p.content, &p.policy)) {
        if (failed(understand_policy(&p)))
            return FAIL(SYSTEM, "a stored policy cannot be understood");
        if (cache)
            policy_cache_put(cache, p.row.mac, p.content, p.policy);
    }
    *out = p;
    p = (struct policy_entry){ 0 };
    return OK;
}

fallible policy_entry_read(struct store *s, const struct secret *integrity,
                           struct policy_cache *cache, struct span tenant, struct span id,
                           struct policy_entry *out)
{
    struct row row owned(row_done) = { 0 };

    if (uuid_valid(id))
        TRY(row_read(s, integrity, ROW_POLICIES, tenant, id, &row));
    else
        TRY(row_read_linked(s, integrity, ROW_POLICIES, tenant, id, &row));
    return policy_entry_of(&row, cache, out);
}

json_t *policy_entry_json(const struct policy_entry *p)
{
    json_t *j = json_copy(p->policy->document);

    json_set_str(j, "id", p->row.id);
    json_set_int(j, "version", (int64_t)p->row.version);
    json_set_str(j, "tenant", p->row.tenant);
    json_set_str(j, "digest", p->policy->digest);
    copy_member(j, p->content, "created_at");
    copy_member(j, p->content, "updated_at");
    if (j && !json_equal(p->policy->document, p->policy->native))
        json_object_set(j, "effective", p->policy->native);
    return j;
}

fallible policy_row_make(struct span tenant, struct span id, const struct transfer_policy *p,
                         const char *created_at, const char *updated_at, struct row *out)
{
    struct row r owned(row_done) = { 0 };
    json_t *content owned(json_free) = json_object();

    TRY(row_init(&r, tenant, id, p->name));
    json_object_set(content, "document", p->document);
    json_set_str(content, "created_at", created_at);
    json_set_str(content, "updated_at", updated_at);
    TRY(json_canonical(content, &r.content));
    *out = row_take(&r);
    return OK;
}
