// SPDX-License-Identifier: Apache-2.0
#include "pki/register_internal.h"

#include "base/clock.h"
#include "base/hex.h"
#include "store/rows.h"

#define SERIAL_BYTES_MAX 20 /* RFC 5280 section 4.1.2.2 */

static const struct migration migrations[] = {
    { 1, "CREATE TABLE certificates ("
         " tenant TEXT NOT NULL, serial TEXT NOT NULL UNIQUE, common_name TEXT NOT NULL, san TEXT "
         "NOT NULL,"
         " cert_type TEXT NOT NULL, requester TEXT NOT NULL, not_before BIGINT NOT NULL, not_after "
         "BIGINT NOT NULL,"
         " revoked_at BIGINT, pem TEXT NOT NULL, version BIGINT NOT NULL,"
         " created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,"
         " PRIMARY KEY (tenant, serial));"
         "CREATE INDEX certificates_revoked ON certificates (revoked_at);"
         "CREATE TABLE crl_counter (id BIGINT PRIMARY KEY, number BIGINT NOT NULL);"
         "INSERT INTO crl_counter (id, number) VALUES (1, 0);" },
    { 2, "ALTER TABLE certificates ADD COLUMN reason BIGINT NOT NULL DEFAULT 0;" },
};

fallible register_schema_apply(struct store *s)
{
    return store_migrate(s, migrations, sizeof(migrations) / sizeof(migrations[0]));
}

static fallible sans_text(const struct csr *csr, char **out)
{
    owned(json_free) json_t *list = json_array();

    for (char *const *san = csr->san; san && *san; san++) {
        if (json_array_append_new(list, json_string(*san)))
            return FAIL(SYSTEM, "memory for a certificate");
    }
    *out = json_text(list);
    return *out ? OK : FAIL(SYSTEM, "memory for a certificate");
}

fallible register_add(struct store *s, const struct authority_order *order, const struct cert *c)
{
    char serial[2 * SERIAL_BYTES_MAX + 1];
    struct buf pem owned(buf_done) = buf_of(2 * CERT_DER_MAX);
    char *sans owned(free) = NULL;
    struct statement *q;

    if (cert_serial(c).len > SERIAL_BYTES_MAX)
        return FAIL(SYSTEM, "certificate: serial number");
    TRY(cert_to_pem(c, &pem));
    TRY(sans_text(order->csr, &sans));
    TRY(store_query(s,
                    "INSERT INTO certificates (tenant, serial, common_name, san, cert_type, "
                    "requester, not_before,"
                    " not_after, pem, version, created_at, updated_at)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?10)",
                    &q));
    bind_str(q, 1, order->tenant);
    bind_str(q, 2, hex_str(cert_serial(c), serial));
    bind_str(q, 3, order->csr->common_name);
    bind_str(q, 4, sans);
    bind_str(q, 5, cert_type_name(order->type));
    bind_str(q, 6, order->requester);
    bind_int(q, 7, cert_not_before(c));
    bind_int(q, 8, cert_not_after(c));
    bind_text(q, 9, buf_span(&pem));
    bind_int(q, 10, order->now);
    return store_run(q);
}

static const struct {
    const char *name;
    enum revocation_reason reason;
} reasons[] = {
    { "unspecified", REVOKED_UNSPECIFIED },
    { "key_compromise", REVOKED_KEY_COMPROMISE },
    { "affiliation_changed", REVOKED_AFFILIATION_CHANGED },
    { "superseded", REVOKED_SUPERSEDED },
    { "cessation_of_operation", REVOKED_CESSATION },
    { "privilege_withdrawn", REVOKED_PRIVILEGE_WITHDRAWN },
};

bool revocation_reason_parse(struct span text, enum revocation_reason *out)
{
    if (!text.len)
        text = span_str(reasons[0].name);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (span_equal_str(text, reasons[i].name)) {
            *out = reasons[i].reason;
            return true;
        }
    return false;
}

const char *revocation_reason_name(enum revocation_reason reason)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].reason == reason)
            return reasons[i].name;
    return reasons[0].name;
}

fallible register_revoke(struct store *s, const char *tenant, const char *serial,
                         enum revocation_reason reason, int64_t now)
{
    struct statement *q;

    TRY(store_query(
        s,
        "UPDATE certificates SET reason = CASE WHEN revoked_at IS NULL THEN ?4 ELSE reason END,"
        " revoked_at = COALESCE(revoked_at, ?3), updated_at = ?3, version = version + 1"
        " WHERE tenant = ?1 AND serial = ?2",
        &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, serial);
    bind_int(q, 3, now);
    bind_int(q, 4, (int64_t)reason);
    return store_run_one(s, q, "no such certificate");
}

static fallible read_row(struct statement *q, json_t **out)
{
    owned(json_free) json_t *c = json_object();
    json_t *sans = NULL;
    char time[CLOCK_TEXT_MAX];

    TRY(json_parse(column_text(q, 2), &sans));
    json_set_span(c, "serial", column_text(q, 0));
    json_set_span(c, "common_name", column_text(q, 1));
    json_object_set_new(c, "san", sans);
    json_set_span(c, "cert_type", column_text(q, 3));
    json_set_span(c, "requester", column_text(q, 4));
    json_set_str(c, "not_before", clock_format(column_int(q, 5), time));
    json_set_str(c, "not_after", clock_format(column_int(q, 6), time));
    if (!column_is_null(q, 7)) {
        json_set_str(c, "revoked_at", clock_format(column_int(q, 7), time));
        json_set_str(c, "reason", revocation_reason_name((enum revocation_reason)column_int(q, 8)));
    }
    *out = TAKE(c);
    return OK;
}

fallible register_list(struct store *s, const char *tenant, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    struct statement *q;

    TRY(store_query(
        s,
        "SELECT serial, common_name, san, cert_type, requester, not_before, not_after, revoked_at, "
        "reason FROM certificates WHERE tenant = ?1 ORDER BY created_at DESC, serial LIMIT ?2",
        &q));
    bind_str(q, 1, tenant);
    bind_int(q, 2, AUTHORITY_LIST_MAX);
    TRY(store_read_all(q, read_row, AUTHORITY_LIST_MAX, list));
    *out = TAKE(list);
    return OK;
}

static fallible read_shown(struct statement *q, json_t **out)
{
    owned(json_free) json_t *c = NULL;

    TRY(read_row(q, &c));
    json_set_span(c, "pem", column_text(q, 9));
    *out = TAKE(c);
    return OK;
}

fallible register_show(struct store *s, const char *tenant, const char *serial, json_t **out)
{
    owned(json_free) json_t *list = json_array();
    struct statement *q;

    TRY(store_query(
        s,
        "SELECT serial, common_name, san, cert_type, requester, not_before, not_after, revoked_at, "
        "reason, pem FROM certificates WHERE tenant = ?1 AND serial = ?2",
        &q));
    bind_str(q, 1, tenant);
    bind_str(q, 2, serial);
    TRY(store_read_all(q, read_shown, 1, list));
    if (!json_array_size(list))
        return FAIL(ABSENT, "no such certificate");
    *out = json_incref(json_array_get(list, 0));
    return OK;
}

/* What the row of the serial says of the certificate; a row's spans live until it is reset. */
static fallible know_row(struct statement *q, const struct cert *c, struct authority_holder *out)
{
    struct buf pem owned(buf_done) = buf_of(2 * CERT_DER_MAX);
    struct authority_holder h owned(authority_holder_done) = { 0 };

    TRY(cert_to_pem(c, &pem));
    if (!span_equal(column_text(q, 2), buf_span(&pem)))
        return FAIL(DENIED, "the certificate is not the one that the register has");
    if (!column_is_null(q, 3))
        return FAIL(DENIED, "the certificate was revoked");
    if (!cert_type_parse(column_text(q, 1), &h.type))
        return FAIL(SYSTEM, "store: type of a certificate");
    h.tenant = (char *)span_dup(column_text(q, 0));
    h.common_name = (char *)span_dup(column_text(q, 4));
    TRY(json_parse(column_text(q, 5), &h.sans));
    if (!h.tenant || !h.common_name)
        return FAIL(SYSTEM, "memory for a certificate");
    *out = h;
    h = (struct authority_holder){ 0 };
    return OK;
}

fallible register_know(struct store *s, const struct cert *c, struct authority_holder *out)
{
    char serial[2 * SERIAL_BYTES_MAX + 1];
    struct statement *q;
    bool row = false;

    if (cert_serial(c).len > SERIAL_BYTES_MAX)
        return FAIL(DENIED, "the certificate is none of ours");
    TRY(store_query(s,
                    "SELECT tenant, cert_type, pem, revoked_at, common_name, san FROM "
                    "certificates WHERE serial = ?1",
                    &q));
    bind_str(q, 1, hex_str(cert_serial(c), serial));
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(DENIED, "the certificate is none of ours");
    struct err e = know_row(q, c, out);
    store_reset(q);
    return e;
}

fallible register_revoked_mark(struct store *s, int64_t *out)
{
    struct statement *q;
    bool row = false;

    TRY(store_query(s, "SELECT COUNT(*) FROM certificates WHERE revoked_at IS NOT NULL", &q));
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(SYSTEM, "store: no count");
    *out = column_int(q, 0);
    store_reset(q);
    return OK;
}

void revoked_set_done(struct revoked_set *r)
{
    free(r->entries);
    free(r->serials);
    *r = (struct revoked_set){ 0 };
}

static fallible add_entry(struct revoked_set *r, struct statement *q)
{
    struct span text = column_text(q, 0);
    size_t len = text.len / 2;

    if (r->count == AUTHORITY_CRL_ENTRIES_MAX)
        return FAIL(LIMIT, "more revoked certificates than a list may have");
    if (len > SERIAL_BYTES_MAX)
        return FAIL(SYSTEM, "store: serial number");
    TRY(hex_parse_exact(text, r->serials[r->count], len));
    r->entries[r->count] = (struct crl_entry){ .serial = span_from(r->serials[r->count], len),
                                               .at = column_int(q, 1),
                                               .reason = (uint8_t)column_int(q, 2) };
    r->count++;
    return OK;
}

fallible register_revoked(struct store *s, int64_t now, struct revoked_set *out)
{
    struct revoked_set r owned(revoked_set_done) = {
        .entries = calloc(AUTHORITY_CRL_ENTRIES_MAX, sizeof(*r.entries)),
        .serials = calloc(AUTHORITY_CRL_ENTRIES_MAX, sizeof(*r.serials)),
    };
    struct statement *q;

    if (!r.entries || !r.serials)
        return FAIL(SYSTEM, "memory for a revocation list");
    TRY(store_query(s,
                    "SELECT serial, revoked_at, reason FROM certificates WHERE revoked_at IS NOT "
                    "NULL AND not_after >= ?1 ORDER BY serial",
                    &q));
    bind_int(q, 1, now);
    for (;;) {
        bool row = false;
        TRY(store_step(q, &row));
        if (!row)
            break;
        struct err e = add_entry(&r, q);
        if (failed(e)) {
            store_reset(q);
            return e;
        }
    }
    *out = r;
    r = (struct revoked_set){ 0 };
    return OK;
}

fallible register_next_crl_number(struct store *s, uint64_t *out)
{
    struct statement *q;
    bool row = false;

    TRY(store_query(s, "UPDATE crl_counter SET number = number + 1 WHERE id = 1", &q));
    TRY(store_run(q));
    TRY(store_query(s, "SELECT number FROM crl_counter WHERE id = 1", &q));
    TRY(store_step(q, &row));
    if (!row)
        return FAIL(SYSTEM, "store: no counter of revocation lists");
    *out = (uint64_t)column_int(q, 0);
    store_reset(q);
    return OK;
}
