// SPDX-License-Identifier: Apache-2.0
/* Platforms that wait, lists of those that are known, and what archives carry of them. */
#include "attestd/tcs_platform.h"

#include "base/clock.h"

fallible registration_save(struct store *s, const struct raw_platform *p,
                           enum registration_state state)
{
    struct statement *q;
    TRY(store_query(
        s,
        "INSERT INTO registration (qe_id, pce_id, cpu_svn, pce_svn, enc_ppid, manifest, state)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE (SELECT COUNT(*) FROM registration WHERE NOT"
        " (qe_id = ?1 AND pce_id = ?2 AND cpu_svn = ?3 AND pce_svn = ?4)) < ?8"
        " ON CONFLICT (qe_id, pce_id, cpu_svn, pce_svn) DO UPDATE SET"
        " enc_ppid = excluded.enc_ppid, manifest = excluded.manifest, state = excluded.state",
        &q));
    bind_str(q, 1, p->qe_id);
    bind_str(q, 2, p->pce_id);
    bind_str(q, 3, p->cpu_svn);
    bind_str(q, 4, p->pce_svn);
    bind_str(q, 5, p->enc_ppid);
    bind_str(q, 6, p->manifest);
    bind_int(q, 7, state);
    bind_int(q, 8, REGISTRATIONS_MAX);
    TRY(store_run(q));
    return store_changes(s) ? OK : FAIL(LIMIT, "too many registrations wait already");
}

fallible registration_drop(struct store *s, const struct raw_platform *p)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM registration WHERE qe_id = ?1 AND pce_id = ?2", &q));
    bind_str(q, 1, p->qe_id);
    bind_str(q, 2, p->pce_id);
    return store_run(q);
}

/* Rows of texts as objects, their members named in the order of the columns. */
static fallible rows_as_json(struct statement *q, const char *const *names, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    struct err e = OK;
    for (bool row = true; row && !failed(e);) {
        e = store_step(q, &row);
        if (failed(e) || !row)
            break;
        json_t *one = json_object();
        for (int i = 0; names[i]; i++)
            json_set_span(one, names[i], column_text(q, i));
        if (json_array_append_new(list, one))
            e = FAIL(SYSTEM, "memory for a list");
    }
    store_reset(q);
    TRY(e);
    *out = TAKE(list);
    return OK;
}

static fallible registration_list(struct store *s, enum registration_state state, json_t **out)
{
    static const char *const names[] = { "enc_ppid", "platform_manifest", "qe_id", "pce_id",
                                         "cpu_svn",  "pce_svn",           NULL };
    struct statement *q;
    TRY(store_query(s,
                    "SELECT enc_ppid, manifest, qe_id, pce_id, cpu_svn, pce_svn FROM registration"
                    " WHERE state = ?1 ORDER BY qe_id, pce_id, cpu_svn, pce_svn",
                    &q));
    bind_int(q, 1, state);
    return rows_as_json(q, names, out);
}

static fallible registration_forget(struct store *s, enum registration_state state)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM registration WHERE state = ?1", &q));
    bind_int(q, 1, state);
    return store_run(q);
}

fallible registration_take(struct store *s, enum registration_state state, json_t **out)
{
    owned(json_free) json_t *list = NULL;
    TRY(store_begin(s)); /* another instance's new ones are not forgotten unseen */
    struct err e = registration_list(s, state, &list);
    if (!failed(e) && state == REGISTRATION_NEW)
        e = registration_forget(s, state);
    if (!failed(e))
        e = store_commit(s);
    if (failed(e))
        store_rollback(s);
    else
        *out = TAKE(list);
    return e;
}

static bool wanted(const json_t *fmspcs, const char *fmspc)
{
    if (!json_array_size(fmspcs))
        return true;
    for (size_t i = 0; i < json_array_size(fmspcs); i++)
        if (!strcmp(json_string_value(json_array_get(fmspcs, i)), fmspc))
            return true;
    return false;
}

fallible platform_list(struct store *s, const json_t *fmspcs, json_t **out)
{
    static const char *const names[] = { "qe_id",   "pce_id",   "cpu_svn",
                                         "pce_svn", "enc_ppid", "platform_manifest",
                                         "fmspc",   NULL };
    owned(json_free) json_t *all = NULL;
    struct statement *q;
    TRY(store_query(s,
                    "SELECT p.qe_id, p.pce_id, t.cpu_svn, t.pce_svn, p.enc_ppid, p.manifest,"
                    " p.fmspc FROM platform p JOIN raw_tcb t ON t.qe_id = p.qe_id AND"
                    " t.pce_id = p.pce_id ORDER BY p.qe_id, p.pce_id, t.cpu_svn, t.pce_svn"
                    " LIMIT 10000",
                    &q));
    TRY(rows_as_json(q, names, &all));
    for (size_t i = json_array_size(all); i--;) {
        json_t *one = json_array_get(all, i);
        if (!wanted(fmspcs, json_string_value(json_object_get(one, "fmspc"))))
            json_array_remove(all, i);
        else
            json_object_del(one, "fmspc");
    }
    *out = TAKE(all);
    return OK;
}

static fallible add_parts(struct store *s, json_t *platform)
{
    static const char *const cert_names[] = { "pem", NULL };
    static const char *const raw_names[] = { "cpu_svn", "pce_svn", NULL };
    const char *qe_id = json_string_value(json_object_get(platform, "qe_id"));
    const char *pce_id = json_string_value(json_object_get(platform, "pce_id"));
    struct statement *q;
    json_t *rows;
    TRY(store_query(s, "SELECT pem FROM pck_cert WHERE qe_id = ?1 AND pce_id = ?2 ORDER BY tcbm",
                    &q));
    bind_str(q, 1, qe_id);
    bind_str(q, 2, pce_id);
    TRY(rows_as_json(q, cert_names, &rows));
    json_object_set_new(platform, "certs", rows);
    TRY(store_query(s,
                    "SELECT cpu_svn, pce_svn FROM raw_tcb WHERE qe_id = ?1 AND pce_id = ?2"
                    " ORDER BY cpu_svn, pce_svn",
                    &q));
    bind_str(q, 1, qe_id);
    bind_str(q, 2, pce_id);
    TRY(rows_as_json(q, raw_names, &rows));
    json_object_set_new(platform, "raw", rows);
    return OK;
}

fallible platform_export(struct store *s, json_t **out)
{
    static const char *const names[] = { "qe_id", "pce_id", "enc_ppid", "manifest",
                                         "fmspc", "ca",     NULL };
    owned(json_free) json_t *all = NULL;
    struct statement *q;
    TRY(store_query(s,
                    "SELECT qe_id, pce_id, enc_ppid, manifest, fmspc, ca FROM platform"
                    " ORDER BY qe_id, pce_id LIMIT 10000",
                    &q));
    TRY(rows_as_json(q, names, &all));
    for (size_t i = 0; i < json_array_size(all); i++)
        TRY(add_parts(s, json_array_get(all, i)));
    *out = TAKE(all);
    return OK;
}

fallible pck_chain_export(struct store *s, json_t **out)
{
    static const char *const names[] = { "ca", "chain", NULL };
    owned(json_free) json_t *rows = NULL;
    struct statement *q;
    TRY(store_query(s, "SELECT ca, chain FROM pck_chain ORDER BY ca", &q));
    TRY(rows_as_json(q, names, &rows));
    json_t *chains = json_object();
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        json_object_set(chains, json_string_value(json_object_get(row, "ca")),
                        json_object_get(row, "chain"));
    }
    *out = chains;
    return chains ? OK : FAIL(SYSTEM, "memory for chains");
}

fallible seen_platform_save(struct store *s, const char *id, struct span chain, int64_t now)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO seen_platform (id, chain, seen_at) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
                    &q));
    bind_str(q, 1, id);
    bind_text(q, 2, chain);
    bind_int(q, 3, now);
    TRY(store_run(q));
    /* A stranger's certificates are few, but bounded all the same. */
    TRY(store_query(s,
                    "DELETE FROM seen_platform WHERE id NOT IN"
                    " (SELECT id FROM seen_platform ORDER BY seen_at DESC LIMIT 10000)",
                    &q));
    return store_run(q);
}

fallible seen_platform_list(struct store *s, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    struct statement *q;
    struct err e = OK;
    TRY(store_query(s, "SELECT chain, seen_at FROM seen_platform ORDER BY id", &q));
    for (bool row = true; row && !failed(e);) {
        char when[CLOCK_TEXT_MAX];
        e = store_step(q, &row);
        if (failed(e) || !row)
            break;
        json_t *one = json_object();
        json_set_span(one, "chain", column_text(q, 0));
        json_set_str(one, "seen_at", clock_format(column_int(q, 1), when));
        if (json_array_append_new(list, one))
            e = FAIL(SYSTEM, "memory for a list");
    }
    store_reset(q);
    TRY(e);
    *out = TAKE(list);
    return OK;
}

fallible appraisal_policy_save(struct store *s, const char *fmspc, struct span policy)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO appraisal_policy (fmspc, policy) VALUES (?1, ?2)"
                    " ON CONFLICT (fmspc) DO UPDATE SET policy = excluded.policy",
                    &q));
    bind_str(q, 1, fmspc);
    bind_text(q, 2, policy);
    return store_run(q);
}

fallible appraisal_policy_load(struct store *s, const char *fmspc, struct buf *out)
{
    struct statement *q;
    bool row;
    TRY(store_query(s, "SELECT policy FROM appraisal_policy WHERE fmspc = ?1", &q));
    bind_str(q, 1, fmspc);
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(ABSENT, "no appraisal policy");
    buf_add(out, column_text(q, 0));
    store_reset(q);
    return buf_check(out);
}
