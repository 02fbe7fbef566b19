// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_archive.h"

#include "base/base64.h"
#include "base/clock.h"
#include "crypto/digest.h"

#define ARCHIVE_TYP "warder-collateral+jws"
#define ARCHIVE_FORMAT 1

void tcs_archive_done(struct tcs_archive_read *a)
{
    tcs_upload_done(&a->upload);
    *a = (struct tcs_archive_read){ 0 };
}

struct writing {
    struct store *store;
    json_t *items;
};

static fallible add_item(const struct tcs_listed *row, void *context)
{
    struct writing *w = context;
    struct tcs_item item owned(tcs_item_done) = tcs_item_of();
    char key[TCS_KEY_MAX];
    int64_t fetched_at;
    tcs_id_key(&row->id, key);
    TRY(tcs_store_load(w->store, key, &item, &fetched_at));
    char *body owned(free) = base64url_dup(buf_span(&item.body));
    json_t *j = json_object();
    json_set_str(j, "key", key);
    json_set_str(j, "body", body);
    json_set_str(j, "chain", item.chain);
    return json_array_append_new(w->items, j) || !body ? FAIL(SYSTEM, "memory for an archive") : OK;
}

/* With the store's lock held. */
static fallible gather(struct store *s, json_t **out)
{
    owned(json_free) json_t *items = json_array(), *platforms = NULL, *chains = NULL;
    struct writing w = { .store = s, .items = items };
    TRY(tcs_store_list(s, add_item, &w));
    TRY(platform_export(s, &platforms));
    TRY(pck_chain_export(s, &chains));
    *out = json_pack("{s:O,s:O,s:O}", "items", items, "platforms", platforms, "chains", chains);
    return *out ? OK : FAIL(SYSTEM, "memory for an archive");
}

static fallible digest_of_content(const json_t *content, char out[DIGEST_TEXT_SIZE])
{
    struct buf text owned(buf_done) = buf_of(ARCHIVE_TEXT_MAX);
    TRY(json_canonical(content, &text));
    TRY(buf_check(&text));
    return digest_text(buf_span(&text), out);
}

static fallible sign(const struct key *k, const json_t *content, int64_t now, struct buf *out)
{
    char digest[DIGEST_TEXT_SIZE], kid[THUMBPRINT_TEXT_SIZE], when[CLOCK_TEXT_MAX];
    TRY(digest_of_content(content, digest));
    TRY(key_thumbprint(k, kid));
    owned(json_free) json_t *header = json_pack("{s:s,s:s}", "typ", ARCHIVE_TYP, "kid", kid);
    owned(json_free) json_t *claims =
        json_pack("{s:i,s:s,s:s}", "format", ARCHIVE_FORMAT, "created", clock_format(now, when),
                  "digest", digest);
    char *payload owned(free) = json_text(claims);
    if (!header || !payload)
        return FAIL(SYSTEM, "memory for an archive");
    return jws_sign(k, header, span_str(payload), out);
}

fallible tcs_archive_write(struct tcs_cache *c, const struct key *k, int64_t now, struct buf *out)
{
    owned(json_free) json_t *content = NULL;
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct store *s = tcs_cache_store(c);
    store_lock(s);
    struct err e = gather(s, &content);
    store_unlock(s);
    TRY(e);
    TRY(sign(k, content, now, &jws));
    owned(json_free) json_t *archive =
        json_pack("{s:s,s:O}", "signature", buf_str(&jws), "content", content);
    char *text owned(free) = json_text(archive);
    if (!text)
        return FAIL(SYSTEM, "memory for an archive");
    buf_add_str(out, text);
    return buf_check(out);
}

static fallible read_claims(struct span payload, const json_t *content, char created[32])
{
    owned(json_free) json_t *claims = NULL;
    char digest[DIGEST_TEXT_SIZE];
    struct span signed_digest, when;
    uint64_t format;
    TRY(json_parse_object(payload, &claims));
    TRY(json_get_u64(claims, "format", UINT32_MAX, "archive: format", &format));
    TRY(json_get_str(claims, "digest", "archive: digest", &signed_digest));
    TRY(json_get_str(claims, "created", "archive: created", &when));
    if (format != ARCHIVE_FORMAT || when.len >= 32)
        return FAIL(DENIED, "an archive of another format");
    TRY(digest_of_content(content, digest));
    if (!span_equal_str(signed_digest, digest))
        return FAIL(DENIED, "the archive's content is not what was signed");
    memcpy(created, when.at, when.len);
    created[when.len] = 0;
    return OK;
}

static fallible check_signature(const json_t *archive, const struct jwks *signers,
                                const json_t **content, struct tcs_archive_read *a)
{
    owned(json_free) json_t *peeked = NULL, *header = NULL;
    struct buf payload owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct span jws, kid = { 0 }, typ = { 0 };
    TRY(json_get_str(archive, "signature", "archive: signature", &jws));
    TRY(json_get_object(archive, "content", "archive: content", content));
    TRY(jws_peek_header(jws, &peeked));
    TRY(json_opt_str(peeked, "kid", "archive: kid", &kid));
    const struct key *k = kid.len ? jwks_find(signers, kid) : NULL;
    if (!k)
        return FAIL(DENIED, "the archive is signed by nobody whose archives are read here");
    TRY(jws_verify(k, jws, &header, &payload));
    TRY(json_opt_str(header, "typ", "archive: typ", &typ));
    if (!span_equal_str(typ, ARCHIVE_TYP))
        return FAIL(DENIED, "the archive's signature is of something else");
    TRY(key_thumbprint(k, a->signer));
    return read_claims(buf_span(&payload), *content, a->created);
}

static fallible read_items(const json_t *list, struct tcs_delivery *d)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *j = json_array_get(list, i);
        struct span key, body, chain = { 0 };
        struct tcs_id id;
        TRY(json_get_str(j, "key", "archive: key", &key));
        TRY(json_get_str(j, "body", "archive: body", &body));
        TRY(json_opt_str(j, "chain", "archive: chain", &chain));
        TRY(tcs_id_parse(key, &id));
        struct tcs_brought *b = tcs_delivery_add(d, &id);
        if (!b)
            return FAIL(LIMIT, "an archive of too many things");
        TRY(base64url_parse(body, &b->item.body));
        if (chain.len > TCS_CHAIN_MAX || (chain.len && !(b->item.chain = span_dup(chain))))
            return FAIL(INPUT, "archive: chain");
    }
    return OK;
}

fallible tcs_archive_parse(struct span text, const struct jwks *signers,
                           const struct root_set *roots, struct tcs_archive_read *out)
{
    struct tcs_archive_read a owned(tcs_archive_done) = { 0 };
    owned(json_free) json_t *archive = NULL;
    const json_t *content, *platforms, *chains;
    TRY(json_parse_object(text, &archive));
    TRY(check_signature(archive, signers, &content, &a));
    TRY(json_get_array(content, "platforms", "archive: platforms", &platforms));
    TRY(json_get_object(content, "chains", "archive: chains", &chains));
    TRY(read_items(json_object_get(content, "items"), &a.upload.collateral));
    TRY(tcs_upload_read_archive(platforms, chains, roots, &a.upload));
    *out = a;
    a = (struct tcs_archive_read){ 0 };
    return OK;
}
