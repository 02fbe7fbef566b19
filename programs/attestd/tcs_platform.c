// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_platform.h"

#include <ctype.h>

#include "base/hex.h"

void raw_platform_done(struct raw_platform *p)
{
    free(p->enc_ppid);
    free(p->manifest);
    *p = (struct raw_platform){ 0 };
}

void pck_certs_done(struct pck_certs *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->at[i].pem);
    *c = (struct pck_certs){ 0 };
}

static bool is_hex(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isxdigit(s.at[i]))
            return false;
    return true;
}

static void upper(struct span from, char *to)
{
    for (size_t i = 0; i < from.len; i++)
        to[i] = (char)toupper(from.at[i]);
    to[from.len] = 0;
}

static bool digits(struct span s, size_t count, bool optional)
{
    return is_hex(s) && (s.len == count || (optional && !s.len));
}

static bool alphanumeric(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!isalnum(s.at[i]))
            return false;
    return true;
}

static bool all_zeros(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != '0')
            return false;
    return true;
}

fallible raw_platform_set(struct raw_platform *p, struct span qe_id, struct span pce_id,
                          struct span cpu_svn, struct span pce_svn, struct span enc_ppid,
                          struct span manifest, bool svns_optional)
{
    bool good = qe_id.len && qe_id.len <= QE_ID_MAX && alphanumeric(qe_id) &&
                digits(pce_id, 4, false) && digits(cpu_svn, 32, svns_optional) &&
                digits(pce_svn, 4, svns_optional) && digits(enc_ppid, ENC_PPID_DIGITS, true) &&
                is_hex(manifest) && manifest.len <= MANIFEST_MAX;
    if (!good)
        return FAIL(INPUT, "not a platform");
    *p = (struct raw_platform){ 0 };
    upper(qe_id, p->qe_id);
    upper(pce_id, p->pce_id);
    upper(cpu_svn, p->cpu_svn);
    upper(pce_svn, p->pce_svn);
    p->enc_ppid = all_zeros(enc_ppid) ? strdup("") : span_dup(enc_ppid);
    p->manifest = span_dup(manifest);
    if (p->enc_ppid && p->manifest)
        return OK;
    raw_platform_done(p);
    return FAIL(SYSTEM, "memory for a platform");
}

/* Exactly one row is expected; absent ones are FAIL_ABSENT. */
static fallible first_row(struct statement *q)
{
    bool row;
    TRY(store_step(q, &row));
    return row ? OK : FAIL(ABSENT, "no such platform");
}

static void bind_platform(struct statement *q, const struct raw_platform *p)
{
    bind_str(q, 1, p->qe_id);
    bind_str(q, 2, p->pce_id);
}

static void copy_text(struct span s, char *to, size_t room)
{
    size_t len = s.len < room ? s.len : room - 1;
    memcpy(to, s.at, len);
    to[len] = 0;
}

static fallible set_tcbm(struct pck_cert *c, struct span tcbm)
{
    uint8_t bytes[TCBM_DIGITS / 2];
    TRY(hex_parse_exact(tcbm, bytes, sizeof(bytes)));
    upper(tcbm, c->tcbm);
    memcpy(c->components, bytes, sizeof(c->components));
    c->pce_svn = (uint16_t)(bytes[16] | bytes[17] << 8);
    return OK;
}

static fallible load_rows(struct store *s, const struct raw_platform *p, struct pck_certs *c)
{
    struct statement *q;
    bool row = true;
    TRY(store_query(s, "SELECT tcbm, pem, not_after FROM pck_cert WHERE qe_id = ?1 AND pce_id = ?2",
                    &q));
    bind_platform(q, p);
    while (c->count < PCK_CERTS_MAX) {
        TRY(store_step(q, &row));
        if (!row)
            return OK;
        struct pck_cert *one = &c->at[c->count];
        TRY(set_tcbm(one, column_text(q, 0)));
        if (!(one->pem = span_dup(column_text(q, 1))))
            return FAIL(SYSTEM, "memory for a certificate");
        one->not_after = column_int(q, 2);
        c->count++;
    }
    store_reset(q);
    return OK;
}

fallible platform_certs_load(struct store *s, const struct raw_platform *p, struct pck_certs *out)
{
    struct pck_certs c owned(pck_certs_done) = { 0 };
    struct statement *q;
    TRY(store_query(s, "SELECT fmspc, ca FROM platform WHERE qe_id = ?1 AND pce_id = ?2", &q));
    bind_platform(q, p);
    TRY(first_row(q));
    copy_text(column_text(q, 0), c.fmspc, sizeof(c.fmspc));
    copy_text(column_text(q, 1), c.ca, sizeof(c.ca));
    store_reset(q);
    TRY(load_rows(s, p, &c));
    *out = c;
    c = (struct pck_certs){ 0 };
    return OK;
}

static fallible save_platform(struct store *s, const struct raw_platform *p,
                              const struct pck_certs *certs)
{
    struct statement *q;
    TRY(store_query(
        s,
        "INSERT INTO platform (qe_id, pce_id, enc_ppid, manifest, fmspc, ca)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (qe_id, pce_id) DO UPDATE SET"
        " enc_ppid = CASE WHEN excluded.enc_ppid = '' THEN enc_ppid ELSE excluded.enc_ppid END,"
        " manifest = CASE WHEN excluded.manifest = '' THEN manifest ELSE excluded.manifest END,"
        " fmspc = excluded.fmspc, ca = excluded.ca",
        &q));
    bind_platform(q, p);
    bind_str(q, 3, p->enc_ppid);
    bind_str(q, 4, p->manifest);
    bind_str(q, 5, certs->fmspc);
    bind_str(q, 6, certs->ca);
    return store_run(q);
}

static fallible forget(struct store *s, const char *sql, const struct raw_platform *p)
{
    struct statement *q;
    TRY(store_query(s, sql, &q));
    bind_platform(q, p);
    return store_run(q);
}

fallible platform_certs_save(struct store *s, const struct raw_platform *p,
                             const struct pck_certs *certs, bool choose_anew)
{
    TRY(save_platform(s, p, certs));
    TRY(forget(s, "DELETE FROM pck_cert WHERE qe_id = ?1 AND pce_id = ?2", p));
    if (choose_anew)
        TRY(forget(s, "DELETE FROM raw_tcb WHERE qe_id = ?1 AND pce_id = ?2", p));
    for (size_t i = 0; i < certs->count; i++) {
        struct statement *q;
        TRY(store_query(s,
                        "INSERT INTO pck_cert (qe_id, pce_id, tcbm, pem, not_after)"
                        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (qe_id, pce_id, tcbm)"
                        " DO UPDATE SET pem = excluded.pem, not_after = excluded.not_after",
                        &q));
        bind_platform(q, p);
        bind_str(q, 3, certs->at[i].tcbm);
        bind_str(q, 4, certs->at[i].pem);
        bind_int(q, 5, certs->at[i].not_after);
        TRY(store_run(q));
    }
    return OK;
}

fallible pck_chain_load(struct store *s, const char *ca, char **out)
{
    struct statement *q;
    TRY(store_query(s, "SELECT chain FROM pck_chain WHERE ca = ?1", &q));
    bind_str(q, 1, ca);
    TRY(first_row(q));
    *out = span_dup(column_text(q, 0));
    store_reset(q);
    return *out ? OK : FAIL(SYSTEM, "memory for a chain");
}

fallible pck_chain_save(struct store *s, const char *ca, const char *chain)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO pck_chain (ca, chain) VALUES (?1, ?2) ON CONFLICT (ca)"
                    " DO UPDATE SET chain = excluded.chain",
                    &q));
    bind_str(q, 1, ca);
    bind_str(q, 2, chain);
    return store_run(q);
}

fallible raw_tcb_save(struct store *s, const struct raw_platform *p, const char *tcbm)
{
    struct statement *q;
    TRY(store_query(s,
                    "INSERT INTO raw_tcb (qe_id, pce_id, cpu_svn, pce_svn, tcbm)"
                    " SELECT ?1, ?2, ?3, ?4, ?5 WHERE (SELECT COUNT(*) FROM raw_tcb WHERE qe_id = ?1"
                    " AND pce_id = ?2 AND NOT (cpu_svn = ?3 AND pce_svn = ?4)) < ?6"
                    " ON CONFLICT (qe_id, pce_id, cpu_svn, pce_svn)"
                    " DO UPDATE SET tcbm = excluded.tcbm",
                    &q));
    bind_platform(q, p);
    bind_str(q, 3, p->cpu_svn);
    bind_str(q, 4, p->pce_svn);
    bind_str(q, 5, tcbm);
    bind_int(q, 6, RAW_TCBS_MAX);
    return store_run(q);
}

fallible raw_tcb_load(struct store *s, const struct raw_platform *p, char tcbm[TCBM_DIGITS + 1])
{
    struct statement *q;
    TRY(store_query(s,
                    "SELECT tcbm FROM raw_tcb WHERE qe_id = ?1 AND pce_id = ?2 AND cpu_svn = ?3"
                    " AND pce_svn = ?4",
                    &q));
    bind_platform(q, p);
    bind_str(q, 3, p->cpu_svn);
    bind_str(q, 4, p->pce_svn);
    TRY(first_row(q));
    copy_text(column_text(q, 0), tcbm, TCBM_DIGITS + 1);
    store_reset(q);
    return OK;
}
