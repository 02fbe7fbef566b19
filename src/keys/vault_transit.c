// SPDX-License-Identifier: Apache-2.0
/* Keys in the transit engine: their names, and how they come and go. */
#include "keys/vault_transit_internal.h"

#include "base/base64.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include "crypto/rsa_oaep.h"

#define NAME_MAX_LEN 512
#define BODY_MAX (16U << 10)
#define SPKI_MAX 1024
#define EPHEMERAL_SIZE 32
#define STATUS_BAD 400
#define STATUS_INTERNAL 500 /* OpenBao's to RSA ciphertexts that do not open */
#define PEM_BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define PEM_END "-----END PUBLIC KEY-----"

static const struct {
    const char *type;
    struct key_spec spec;
} types[] = {
    { "rsa-2048", { KEY_ALGORITHM_RSA, 2048 } },    { "rsa-3072", { KEY_ALGORITHM_RSA, 3072 } },
    { "rsa-4096", { KEY_ALGORITHM_RSA, 4096 } },    { "ecdsa-p256", { KEY_ALGORITHM_EC, 256 } },
    { "ecdsa-p384", { KEY_ALGORITHM_EC, 384 } },    { "ecdsa-p521", { KEY_ALGORITHM_EC, 521 } },
    { "aes128-gcm96", { KEY_ALGORITHM_AES, 128 } }, { "aes256-gcm96", { KEY_ALGORITHM_AES, 256 } },
};

static const struct err no_engine = FAIL(INPUT, "no transit engine of Vault is configured");

static fallible type_of(const struct key_spec *spec, const char **out)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!key_spec_equal(&types[i].spec, spec))
            continue;
        *out = types[i].type;
        return OK;
    }
    return FAIL(INPUT, "Vault's transit engine has no keys of this kind");
}

char *vault_transit_text(struct span bytes)
{
    struct buf text owned(buf_done) = buf_of(bytes.len * 2 + 8);

    base64_add(&text, bytes);
    return buf_take_str(&text);
}

static bool is_plain(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* All else as _XX, so that no two names are one (lesson L48): dots are ours. */
static void add_part(struct buf *out, struct span part)
{
    for (size_t i = 0; i < part.len; i++) {
        if (is_plain(part.at[i]))
            buf_add_u8(out, part.at[i]);
        else
            buf_addf(out, "_%02x", part.at[i]);
    }
    buf_add_u8(out, '.');
}

static bool name_good(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_plain(name.at[i]) && name.at[i] != '_' && name.at[i] != '.')
            return false;
    }
    return name.len && name.len <= NAME_MAX_LEN && (is_plain(name.at[0]) || name.at[0] == '_') &&
           name.at[0] != '-' && name.at[name.len - 1] != '-' && name.at[name.len - 1] != '.';
}

/* As with paths in the KV store: not into our own, and other tenants' only what is named like them.
 */
static fallible external_name(const struct vault *v, const struct key_ref *ref, struct buf *out)
{
    struct buf ours owned(buf_done) = buf_of(NAME_MAX_LEN),
                    theirs owned(buf_done) = buf_of(NAME_MAX_LEN);

    if (!name_good(ref->external))
        return FAIL(INPUT, "the name of a key in Vault's transit engine has letters, digits and "
                           "-_. between them");
    add_part(&ours, span_str(v->prefix));
    add_part(&theirs, ref->tenant);
    TRY(buf_check(&ours));
    TRY(buf_check(&theirs));
    if (span_starts(ref->external, buf_span(&ours)))
        return FAIL(DENIED, "keys of this name in Vault are the key broker's own");
    if (!span_equal_str(ref->tenant, VAULT_TENANT_UNBOUND) &&
        !span_starts(ref->external, buf_span(&theirs)))
        return FAIL(DENIED, "a tenant's keys in Vault have names that begin with the tenant's");
    buf_add(out, ref->external);
    return buf_check(out);
}

fallible vault_transit_name(const struct vault *v, const struct key_ref *ref, struct buf *out)
{
    if (!ref->tenant.len || !ref->id.len)
        return FAIL(INPUT, "a tenant or key id that cannot be a name in Vault");
    if (ref->external.len)
        return external_name(v, ref, out);
    add_part(out, span_str(v->prefix));
    add_part(out, ref->tenant);
    add_part(out, ref->id);
    buf_addf(out, "%llu", (unsigned long long)ref->version);
    return buf_check(out);
}

static fallible path_of(const struct vault *v, const struct key_ref *ref, const char *verb,
                        const char *more, struct buf *out)
{
    struct buf name owned(buf_done) = buf_of(NAME_MAX_LEN);

    if (!v->transit)
        return no_engine;
    TRY(vault_transit_name(v, ref, &name));
    buf_addf(out, "%s/%s/%s%s", v->transit, verb, buf_str(&name), more);
    return buf_check(out);
}

static bool says(const struct http_reply *reply, struct span words)
{
    return span_find(buf_span(&reply->body), words) < reply->body.len;
}

fallible vault_transit_post(struct vault *v, const struct key_ref *ref,
                            const struct transit_call *call, struct http_reply *reply)
{
    json_t *body owned(json_free) = call->body;
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    char *text owned(free) = body ? json_text(body) : NULL;

    if (!text)
        return FAIL(SYSTEM, "out of memory");
    TRY(path_of(v, ref, call->verb, call->more, &path));
    struct vault_ask ask = { .method = "POST", .path = buf_str(&path), .body = span_str(text) };
    struct err e = vault_ask(v, &ask, reply);
    if (reply->status == STATUS_BAD)
        return says(reply, SPAN("key not found")) ? FAIL(ABSENT, "Vault does not hold this key")
                                                  : call->refused;
    return reply->status == STATUS_INTERNAL && says(reply, SPAN("decryption error")) ? call->refused
                                                                                     : e;
}

/* The lines of a PEM public key. */
static fallible read_public(struct span pem, struct key **out)
{
    struct buf text owned(buf_done) = buf_of(BODY_MAX), der owned(buf_done) = buf_of(SPKI_MAX);
    size_t end = span_find(pem, SPAN(PEM_END));

    if (!span_starts(pem, SPAN(PEM_BEGIN)) || end == pem.len)
        return FAIL(INPUT, "no public key");
    struct span lines = span_head(pem, end);
    for (size_t i = sizeof PEM_BEGIN - 1; i < lines.len; i++) {
        if (lines.at[i] != '\n')
            buf_add_u8(&text, lines.at[i]);
    }
    TRY(buf_check(&text));
    TRY(base64_parse(buf_span(&text), &der));
    return key_from_spki(buf_span(&der), out);
}

static fallible read_description(const json_t *answer, struct key_spec *spec, uint64_t *version,
                                 struct key **out)
{
    const json_t *data, *keys, *latest;
    struct span type, pem;
    char number[24];

    TRY(json_get_object(answer, "data", "data", &data));
    TRY(json_get_str(data, "type", "type", &type));
    TRY(json_get_u64(data, "latest_version", UINT32_MAX, "latest version", version));
    TRY(json_get_object(data, "keys", "keys", &keys));
    snprintf(number, sizeof number, "%llu", (unsigned long long)*version);
    latest = json_object_get(keys, number);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!span_equal_str(type, types[i].type))
            continue;
        *spec = types[i].spec;
        if (spec->algorithm == KEY_ALGORITHM_AES)
            return OK;
        TRY(json_get_str(latest, "public_key", "public key", &pem));
        return read_public(pem, out);
    }
    return FAIL(LIMIT, "another type");
}

static bool is_of_spec(const struct key *k, const struct key_spec *spec)
{
    return (key_kind_of(k) == KEY_RSA) == (spec->algorithm == KEY_ALGORITHM_RSA) &&
           key_bits(k) == spec->bits;
}

fallible vault_transit_parse(struct span answer, struct key_spec *spec, uint64_t *version,
                             struct key **out)
{
    json_t *j owned(json_free) = NULL;
    struct key *k owned(key_free) = NULL;
    struct key_spec found = { 0 };
    uint64_t latest = 0;
    const struct err nonsense =
        FAIL(UPSTREAM, "Vault's answer is not one of its transit engine to a look at a key");

    if (failed(json_parse_object(answer, &j)))
        return nonsense;
    struct err e = read_description(j, &found, &latest, &k);
    if (e.kind == FAIL_LIMIT)
        return FAIL(INPUT, "a key in Vault's transit engine of a kind that is not known here");
    if (failed(e) || !latest || (k && !is_of_spec(k, &found)))
        return nonsense;
    *spec = found;
    *version = latest;
    *out = TAKE(k);
    return OK;
}

fallible vault_transit_look(struct vault *v, const struct key_ref *ref, struct key_spec *spec,
                            uint64_t *version, struct key **out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);

    TRY(path_of(v, ref, "keys", "", &path));
    TRY(vault_get(v, buf_str(&path), &reply));
    return vault_transit_parse(buf_span(&reply.body), spec, version, out);
}

/* A second request to make a key is answered as the first: look before. Ids are random, so there is
 * nobody to race with. */
static fallible refuse_existing(struct vault *v, const struct key_ref *ref)
{
    struct key *k owned(key_free) = NULL;
    struct key_spec spec;
    uint64_t version;

    if (!v->transit)
        return no_engine;
    if (ref->external.len)
        return FAIL(INPUT, "a key of another system is registered, not written");
    struct err e = vault_transit_look(v, ref, &spec, &version, &k);
    if (e.kind == FAIL_ABSENT)
        return OK;
    return failed(e) && e.kind != FAIL_INPUT
               ? e
               : FAIL(CONFLICT, "Vault holds a key under this reference");
}

fallible vault_transit_create(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec)
{
    struct vault *v = (struct vault *)vault;
    struct http_reply reply owned(http_reply_done) = { 0 };
    const char *type;

    TRY(type_of(spec, &type));
    TRY(refuse_existing(v, ref));
    const struct transit_call call = {
        .verb = "keys",
        .more = "",
        .body =
            json_pack("{s:s,s:b,s:b}", "type", type, "exportable", 0, "allow_plaintext_backup", 0),
        .refused = FAIL(INPUT, "Vault's transit engine does not make such a key"),
    };
    return vault_transit_post(v, ref, &call, &reply);
}

static fallible wrapping_key(struct vault *v, struct key **out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);
    json_t *answer owned(json_free) = NULL;
    const json_t *data;
    struct span pem;

    if (!v->transit)
        return no_engine;
    buf_addf(&path, "%s/wrapping_key", v->transit);
    TRY(buf_check(&path));
    TRY(vault_get(v, buf_str(&path), &reply));
    if (failed(json_parse_object(buf_span(&reply.body), &answer)) ||
        failed(json_get_object(answer, "data", "data", &data)) ||
        failed(json_get_str(data, "public_key", "public key", &pem)) ||
        failed(read_public(pem, out)) || key_kind_of(*out) != KEY_RSA)
        return FAIL(UPSTREAM, "Vault's transit engine has no wrapping key");
    return OK;
}

/* An ephemeral AES key sealed to the engine's, then the key under it (RFC 5649); base64. */
static fallible wrap_to_engine(const struct key *engine, const struct secret *material, char **out)
{
    struct secret *ephemeral owned(secret_free) = NULL;
    struct buf wrapped owned(buf_done) = buf_of(BODY_MAX);

    TRY(random_secret(EPHEMERAL_SIZE, &ephemeral));
    TRY(rsa_oaep_seal(engine, ephemeral, &wrapped));
    TRY(aes_kwp_wrap(ephemeral, material, &wrapped));
    *out = vault_transit_text(buf_span(&wrapped));
    return *out ? OK : FAIL(SYSTEM, "out of memory");
}

fallible vault_transit_import(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec, const struct secret *material)
{
    struct vault *v = (struct vault *)vault;
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct key *engine owned(key_free) = NULL;
    char *wrapped owned(free) = NULL;
    const char *type;

    TRY(type_of(spec, &type));
    TRY(refuse_existing(v, ref));
    TRY(wrapping_key(v, &engine));
    TRY(wrap_to_engine(engine, material, &wrapped));
    const struct transit_call call = {
        .verb = "keys",
        .more = "/import",
        .body = json_pack("{s:s,s:s,s:s,s:b,s:b}", "type", type, "ciphertext", wrapped,
                          "hash_function", "SHA256", "exportable", 0, "allow_rotation", 0),
        .refused = FAIL(INPUT, "Vault's transit engine does not take this key"),
    };
    return vault_transit_post(v, ref, &call, &reply);
}

fallible vault_transit_describe(struct keystore *vault, const struct key_ref *ref,
                                struct key_spec *spec, struct key **out)
{
    uint64_t version;
    return vault_transit_look((struct vault *)vault, ref, spec, &version, out);
}

fallible vault_transit_destroy(struct keystore *vault, const struct key_ref *ref)
{
    struct vault *v = (struct vault *)vault;
    struct http_reply reply owned(http_reply_done) = { 0 }, gone owned(http_reply_done) = { 0 };
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);

    if (ref->external.len)
        return OK;
    TRY(path_of(v, ref, "keys", "", &path));
    const struct transit_call allow = {
        .verb = "keys",
        .more = "/config",
        .body = json_pack("{s:b}", "deletion_allowed", 1),
        .refused = FAIL(ABSENT, "Vault does not hold this key"), /* it says: no such key */
    };
    struct err e = vault_transit_post(v, ref, &allow, &reply);
    if (!failed(e)) {
        struct vault_ask ask = { .method = "DELETE", .path = buf_str(&path) };
        e = vault_ask(v, &ask, &gone);
    }
    return e.kind == FAIL_ABSENT ? OK : e;
}
