// SPDX-License-Identifier: Apache-2.0
#include "keys/seal_record.h"

#include "base/hex.h"
#include "base/writer.h"
#include "crypto/aead.h"

#define DOCUMENT_MAX (16U << 10)
#define MASTER_MAX 128
#define COST_MAX (1U << 20)

static const char *const kinds[SEAL_KINDS] = {
    [SEAL_FILE] = "file",
    [SEAL_PASSPHRASE] = "passphrase",
    [SEAL_SHAMIR] = "shamir",
    [SEAL_HSM] = "pkcs11",
};

const char *seal_kind_name(enum seal_kind kind)
{
    return kinds[kind];
}

fallible seal_kind_parse(struct span name, enum seal_kind *out)
{
    for (unsigned i = 0; i < SEAL_KINDS; i++)
        if (span_equal_str(name, kinds[i])) {
            *out = (enum seal_kind)i;
            return OK;
        }
    return FAIL(INPUT, "a seal is file, passphrase, shamir or pkcs11");
}

void keyring_done(struct keyring *r)
{
    secret_free(r->root);
    for (size_t i = 0; i < r->count; i++)
        secret_free(r->masters[i].key);
    *r = (struct keyring){ 0 };
}

static fallible get_hex(const json_t *j, const char *name, uint8_t *out, size_t len)
{
    struct span text;

    TRY(json_get_str(j, name, "stored seal", &text));
    return hex_parse_exact(text, out, len);
}

static fallible read_shares(const json_t *j, struct seal_record *r)
{
    const json_t *checks;
    uint64_t threshold;

    TRY(json_get_array(j, "checks", "stored seal", &checks));
    TRY(json_get_u64(j, "threshold", SHARES_MAX, "stored seal", &threshold));
    TRY(get_hex(j, "check_key", r->check_key, sizeof r->check_key));
    r->shares = (unsigned)json_array_size(checks);
    r->threshold = (unsigned)threshold;
    if (r->shares > SHARES_MAX || r->threshold < 2 || r->threshold > r->shares)
        return FAIL(INPUT, "stored seal");
    for (unsigned i = 0; i < r->shares; i++)
        TRY(hex_parse_exact(span_str(json_string_value(json_array_get(checks, i))), r->checks[i],
                            SHA256_SIZE));
    return OK;
}

static fallible read_passphrase(const json_t *j, struct seal_record *r)
{
    uint64_t memory, passes;

    TRY(get_hex(j, "salt", r->salt, sizeof r->salt));
    TRY(json_get_u64(j, "memory_kib", COST_MAX, "stored seal", &memory));
    TRY(json_get_u64(j, "passes", COST_MAX, "stored seal", &passes));
    r->memory_kib = (unsigned)memory;
    r->passes = (unsigned)passes;
    return OK;
}

static fallible read_hsm(const json_t *j, struct seal_record *r)
{
    struct span text;

    TRY(json_get_str(j, "wrapped", "stored seal", &text));
    r->wrapped_len = text.len / 2;
    if (r->wrapped_len > sizeof r->wrapped)
        return FAIL(LIMIT, "stored seal");
    return hex_parse_exact(text, r->wrapped, r->wrapped_len);
}

static fallible read_document(struct span text, struct seal_record *r)
{
    json_t *j owned(json_free) = NULL;
    struct span kind;

    TRY(json_parse_object(text, &j));
    TRY(json_get_str(j, "kind", "stored seal", &kind));
    TRY(seal_kind_parse(kind, &r->kind));
    TRY(get_hex(j, "store", r->id, sizeof r->id));
    TRY(json_get_u64(j, "generation", UINT32_MAX, "stored seal", &r->generation));
    switch (r->kind) {
    case SEAL_FILE:
        return OK;
    case SEAL_PASSPHRASE:
        return read_passphrase(j, r);
    case SEAL_SHAMIR:
        return read_shares(j, r);
    case SEAL_HSM:
        return read_hsm(j, r);
    }
    return FAIL(INPUT, "stored seal");
}

fallible seal_record_read(struct store *s, struct seal_record *out)
{
    struct seal_record r = { 0 };
    struct statement *q;
    bool found;

    TRY(store_query(s, "SELECT document FROM seal", &q));
    TRY(store_step(q, &found));
    struct err e = found ? read_document(column_text(q, 0), &r) : FAIL(ABSENT, "no seal yet");
    store_reset(q);
    if (e.kind == FAIL_INPUT || e.kind == FAIL_LIMIT)
        return FAIL(SYSTEM, "the stored seal cannot be understood");
    TRY(e);
    *out = r;
    return OK;
}

static json_t *document_of(const struct seal_record *r)
{
    json_t *j = json_object(), *checks;

    json_set_str(j, "kind", seal_kind_name(r->kind));
    json_set_hex(j, "store", SPAN_OF(r->id));
    json_set_int(j, "generation", (int64_t)r->generation);
    switch (r->kind) {
    case SEAL_FILE:
        break;
    case SEAL_PASSPHRASE:
        json_set_hex(j, "salt", SPAN_OF(r->salt));
        json_set_int(j, "memory_kib", r->memory_kib);
        json_set_int(j, "passes", r->passes);
        break;
    case SEAL_SHAMIR:
        checks = json_array();
        for (unsigned i = 0; i < r->shares; i++) {
            char text[2 * SHA256_SIZE + 1];
            json_array_append_new(checks, json_string(hex_str(SPAN_OF(r->checks[i]), text)));
        }
        json_set_int(j, "threshold", r->threshold);
        json_set_hex(j, "check_key", SPAN_OF(r->check_key));
        json_object_set_new(j, "checks", checks);
        break;
    case SEAL_HSM:
        json_set_hex(j, "wrapped", span_from(r->wrapped, r->wrapped_len));
        break;
    }
    return j;
}

static fallible run(struct store *s, const char *sql)
{
    struct statement *q;

    TRY(store_query(s, sql, &q));
    return store_run(q);
}

static void associated_of(const struct seal_record *r, uint64_t version, struct buf *out)
{
    write_part(out, SPAN("warder-master-v1"));
    write_part(out, SPAN_OF(r->id));
    write_u64be(out, version);
}

static fallible write_master(struct store *s, const struct seal_record *r,
                             const struct secret *root, const struct master *m)
{
    struct buf associated owned(buf_done) = buf_of(MASTER_MAX),
                          sealed owned(buf_done) = buf_of(MASTER_MAX);
    struct statement *q;

    associated_of(r, m->version, &associated);
    TRY(buf_check(&associated));
    TRY(aead_seal(root, buf_span(&associated), m->key, &sealed));
    TRY(store_query(s, "INSERT INTO masters (version, sealed) VALUES (?1, ?2)", &q));
    bind_int(q, 1, (int64_t)m->version);
    bind_blob(q, 2, buf_span(&sealed));
    return store_run(q);
}

fallible seal_record_write(struct store *s, const struct seal_record *r, const struct keyring *ring)
{
    json_t *document owned(json_free) = document_of(r);
    struct buf text owned(buf_done) = buf_of(DOCUMENT_MAX);
    struct statement *q;

    TRY(json_canonical(document, &text));
    TRY(run(s, "DELETE FROM seal"));
    TRY(run(s, "DELETE FROM masters"));
    TRY(store_query(s, "INSERT INTO seal (document) VALUES (?1)", &q));
    bind_text(q, 1, buf_span(&text));
    TRY(store_run(q));
    for (size_t i = 0; i < ring->count; i++)
        TRY(write_master(s, r, ring->root, &ring->masters[i]));
    return OK;
}

static fallible open_master(struct statement *q, const struct seal_record *r,
                            const struct secret *root, struct keyring *ring)
{
    struct buf associated owned(buf_done) = buf_of(MASTER_MAX);
    struct master m = { .version = (uint64_t)column_int(q, 0) };

    if (ring->count == MASTERS_MAX)
        return FAIL(SYSTEM, "the store has too many master keys");
    associated_of(r, m.version, &associated);
    TRY(buf_check(&associated));
    TRY(aead_open(root, buf_span(&associated), column_blob(q, 1), &m.key));
    ring->masters[ring->count++] = m;
    return OK;
}

fallible seal_masters_open(struct store *s, const struct seal_record *r, struct secret *root,
                           struct keyring *out)
{
    struct keyring ring owned(keyring_done) = { .root = root };
    struct statement *q;
    struct err e = OK;

    TRY(store_query(s, "SELECT version, sealed FROM masters ORDER BY version", &q));
    for (bool more = true; more && !failed(e);) {
        e = store_step(q, &more);
        if (!failed(e) && more)
            e = open_master(q, r, root, &ring);
    }
    store_reset(q);
    TRY(e);
    if (!ring.count)
        return FAIL(SYSTEM, "the store has lost its master key");
    *out = ring;
    ring = (struct keyring){ 0 };
    return OK;
}
