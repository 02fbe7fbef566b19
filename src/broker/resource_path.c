// SPDX-License-Identifier: Apache-2.0
#include "broker/resource_path.h"

static bool is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool part_valid(struct span part)
{
    bool good = part.len && is_word(part.at[0]);

    for (size_t i = 1; i < part.len && good; i++)
        good = is_word(part.at[i]) || part.at[i] == '.';
    return good;
}

bool resource_path_valid(struct span path)
{
    size_t parts = 0;

    if (!path.len || path.len > RESOURCE_PATH_MAX)
        return false;
    for (;; parts++) {
        size_t at = span_find(path, SPAN("/"));
        if (!part_valid(span_head(path, at)))
            return false;
        if (at == path.len)
            return parts == 2;
        path = span_tail(path, at + 1);
    }
}

fallible resource_path_add(struct store *s, struct span tenant, struct span path, struct span id)
{
    struct statement *q;

    TRY(store_query(s,
                    "INSERT INTO resource_paths (tenant, path, id) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT DO NOTHING",
                    &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, path);
    bind_text(q, 3, id);
    TRY(store_run(q));
    return store_changes(s) == 1 ? OK : FAIL(CONFLICT, "another key has this resource path");
}

fallible resource_path_remove(struct store *s, struct span tenant, struct span id)
{
    struct statement *q;

    TRY(store_query(s, "DELETE FROM resource_paths WHERE tenant = ?1 AND id = ?2", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, id);
    return store_run(q);
}

static fallible find_id(struct store *s, struct span tenant, struct span path,
                        char id[UUID_TEXT_SIZE])
{
    struct statement *q;
    bool found;

    TRY(store_query(s, "SELECT id FROM resource_paths WHERE tenant = ?1 AND path = ?2", &q));
    bind_text(q, 1, tenant);
    bind_text(q, 2, path);
    TRY(store_step(q, &found));
    struct span text = found ? column_text(q, 0) : (struct span){ 0 };
    if (text.len && text.len < UUID_TEXT_SIZE)
        snprintf(id, UUID_TEXT_SIZE, "%.*s", (int)text.len, (const char *)text.at);
    store_reset(q);
    return text.len ? OK : FAIL(ABSENT, "no key has this resource path");
}

fallible resource_path_find(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span path, struct key_entry *out)
{
    struct key_entry key owned(key_entry_done) = { 0 };
    char id[UUID_TEXT_SIZE] = "";
    struct span named = { 0 };

    TRY(find_id(s, tenant, path, id));
    TRY(key_entry_read(s, integrity, tenant, span_str(id), &key));
    TRY(json_opt_str(key.content, "resource_path", "stored resource path", &named));
    if (!span_equal(named, path))
        return FAIL(ABSENT, "no key has this resource path");
    *out = key;
    key = (struct key_entry){ 0 };
    return OK;
}

struct policies {
    char ids[2 * RESOURCE_POLICIES_MAX][UUID_TEXT_SIZE];
    size_t count;
};

static fallible list_policies(struct store *s, struct span tenant, struct policies *out)
{
    struct statement *q;
    bool found;

    TRY(store_query(s,
                    "SELECT DISTINCT keys.link FROM resource_paths JOIN keys ON keys.tenant = "
                    "resource_paths.tenant AND keys.id = resource_paths.id "
                    "WHERE resource_paths.tenant = ?1 ORDER BY keys.link LIMIT 32",
                    &q));
    bind_text(q, 1, tenant);
    TRY(store_step(q, &found));
    while (found && out->count < 2 * RESOURCE_POLICIES_MAX) {
        struct span id = column_text(q, 0);
        if (id.len < UUID_TEXT_SIZE)
            snprintf(out->ids[out->count++], UUID_TEXT_SIZE, "%.*s", (int)id.len,
                     (const char *)id.at);
        struct err e = store_step(q, &found);
        if (failed(e))
            return e;
    }
    store_reset(q);
    return OK;
}

static void add_once(json_t *list, const json_t *name)
{
    json_t *have;
    size_t i;

    json_array_foreach(list, i, have) if (json_equal(have, name)) return;
    if (json_array_size(list) < RESOURCE_POLICIES_MAX)
        json_array_append(list, (json_t *)(uintptr_t)name);
}

fallible resource_policy_ids(struct store *s, const struct secret *integrity,
                             struct policy_cache *cache, struct span tenant, json_t **out)
{
    json_t *list owned(json_free) = json_pack("[s]", "default");
    struct policies p = { 0 };

    TRY(list_policies(s, tenant, &p));
    for (size_t i = 0; i < p.count; i++) {
        struct policy_entry policy owned(policy_entry_done) = { 0 };
        json_t *name;
        size_t at;
        struct err e = policy_entry_read(s, integrity, cache, tenant, span_str(p.ids[i]), &policy);
        if (e.kind == FAIL_ABSENT)
            continue;
        TRY(e);
        json_array_foreach(policy.policy->policy_ids, at, name) add_once(list, name);
    }
    *out = TAKE(list);
    return OK;
}
