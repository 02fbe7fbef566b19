// SPDX-License-Identifier: Apache-2.0
#include "attestd/nonces.h"

#include "base/base64.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define ID_SIZE 16
#define NONCE_SIZE (ID_SIZE + 8 + SHA256_SIZE)
#define MAC_INPUT_MAX 4096

struct nonces {
    struct store *store;
    struct secret *key;
    int64_t seconds;
};

static const struct migration migrations[] = {
    { 1, "CREATE TABLE nonce_key (id BIGINT PRIMARY KEY, secret BLOB NOT NULL)" },
    { 2, "CREATE TABLE spent_nonce (id BLOB PRIMARY KEY, expires BIGINT NOT NULL)" },
    { 3, "CREATE INDEX spent_nonce_expires ON spent_nonce (expires)" },
};

struct parts {
    struct span id, expires, mac;
    int64_t at;
};

/* Of many instances that start at once the first one's key holds. */
static fallible load_key(struct store *s, struct secret **out)
{
    uint8_t fresh[SHA256_SIZE];
    struct statement *q;
    bool row;
    TRY(random_fill(fresh, sizeof(fresh)));
    TRY(store_query(
        s, "INSERT INTO nonce_key (id, secret) VALUES (1, ?1) ON CONFLICT (id) DO NOTHING", &q));
    bind_blob(q, 1, SPAN_OF(fresh));
    TRY(store_run(q));
    TRY(store_query(s, "SELECT secret FROM nonce_key WHERE id = 1", &q));
    TRY(store_step(q, &row));
    struct span kept = row ? column_blob(q, 0) : (struct span){ 0 };
    *out = kept.len == SHA256_SIZE ? secret_copy(kept) : NULL;
    store_reset(q);
    wipe(fresh, sizeof(fresh));
    return *out ? OK : FAIL(SYSTEM, "the key of the nonces is not there");
}

fallible nonces_open(const char *url, int64_t seconds, struct nonces **out)
{
    owned(nonces_close) struct nonces *n = calloc(1, sizeof(*n));
    if (!n)
        return FAIL(SYSTEM, "memory for nonces");
    n->seconds = seconds;
    TRY(store_open(url, &n->store));
    TRY(store_migrate(n->store, migrations, sizeof(migrations) / sizeof(migrations[0])));
    TRY(load_key(n->store, &n->key));
    *out = TAKE(n);
    return OK;
}

void nonces_close(struct nonces *n)
{
    if (!n)
        return;
    store_close(n->store);
    secret_free(n->key);
    free(n);
}

static fallible mac_of(const struct nonces *n, const struct nonce_bounds *b, struct span head,
                       uint8_t out[SHA256_SIZE])
{
    struct buf input owned(buf_done) = buf_of(MAC_INPUT_MAX);
    write_part(&input, SPAN("warder-nonce-mac-v1"));
    write_part(&input, head);
    write_part(&input, b->tenant);
    write_part(&input, b->audience);
    TRY(buf_check(&input));
    return hmac_sha256(n->key, buf_span(&input), out);
}

fallible nonces_make(const struct nonces *n, const struct nonce_bounds *b, int64_t now,
                     char out[NONCE_TEXT_SIZE], int64_t *expires)
{
    struct buf raw owned(buf_done) = buf_of(NONCE_SIZE),
                   text owned(buf_done) = buf_of(NONCE_TEXT_SIZE);
    uint8_t id[ID_SIZE], mac[SHA256_SIZE];
    TRY(random_fill(id, sizeof(id)));
    buf_add(&raw, SPAN_OF(id));
    write_u64be(&raw, (uint64_t)(now + n->seconds));
    TRY(mac_of(n, b, buf_span(&raw), mac));
    buf_add(&raw, SPAN_OF(mac));
    TRY(buf_check(&raw));
    base64url_add(&text, buf_span(&raw));
    TRY(buf_check(&text));
    memcpy(out, text.at, NONCE_TEXT_SIZE - 1);
    out[NONCE_TEXT_SIZE - 1] = 0;
    *expires = now + n->seconds;
    return OK;
}

static bool split(struct span text, uint8_t raw[NONCE_SIZE], struct parts *out)
{
    if (failed(base64url_parse_exact(text, raw, NONCE_SIZE)))
        return false;
    struct reader r = reader_of(span_from(raw, NONCE_SIZE));
    out->id = reader_take(&r, ID_SIZE);
    out->at = (int64_t)reader_u64be(&r);
    out->mac = reader_take(&r, SHA256_SIZE);
    return !failed(reader_end(&r, "nonce"));
}

static fallible is_spent(struct store *s, struct span id, bool *spent)
{
    struct statement *q;
    TRY(store_query(s, "SELECT 1 FROM spent_nonce WHERE id = ?1", &q));
    bind_blob(q, 1, id);
    TRY(store_step(q, spent));
    store_reset(q);
    return OK;
}

fallible nonces_check(struct nonces *n, struct span text, const struct nonce_bounds *b, int64_t now,
                      enum nonce_verdict *verdict)
{
    uint8_t raw[NONCE_SIZE], mac[SHA256_SIZE];
    struct parts p;
    bool spent;
    *verdict = NONCE_INVALID;
    if (!split(text, raw, &p))
        return OK;
    TRY(mac_of(n, b, span_from(raw, NONCE_SIZE - SHA256_SIZE), mac));
    if (!span_equal_secret(p.mac, SPAN_OF(mac)))
        return OK;
    *verdict = NONCE_EXPIRED;
    if (p.at <= now)
        return OK;
    store_lock(n->store);
    struct err e = is_spent(n->store, p.id, &spent);
    store_unlock(n->store);
    TRY(e);
    *verdict = spent ? NONCE_SPENT : NONCE_GOOD;
    return OK;
}

static fallible remember(struct store *s, const struct parts *p, int64_t now)
{
    struct statement *q;
    TRY(store_query(s, "DELETE FROM spent_nonce WHERE expires < ?1", &q));
    bind_int(q, 1, now);
    TRY(store_run(q));
    TRY(store_query(s, "INSERT INTO spent_nonce (id, expires) VALUES (?1, ?2)", &q));
    bind_blob(q, 1, p->id);
    bind_int(q, 2, p->at);
    return store_run(q);
}

fallible nonces_spend(struct nonces *n, struct span text, int64_t now, enum nonce_verdict *verdict)
{
    uint8_t raw[NONCE_SIZE];
    struct parts p;
    if (!split(text, raw, &p))
        return FAIL(INPUT, "not a nonce");
    store_lock(n->store);
    struct err e = p.at <= now ? OK : remember(n->store, &p, now);
    store_unlock(n->store);
    if (failed(e) && e.kind != FAIL_CONFLICT)
        return e;
    *verdict = p.at <= now ? NONCE_EXPIRED : e.kind == FAIL_CONFLICT ? NONCE_SPENT : NONCE_GOOD;
    return OK;
}
