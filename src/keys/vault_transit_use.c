// SPDX-License-Identifier: Apache-2.0
/* What is done with a transit key. */
#include "base/base64.h"
#include "keys/vault_transit_internal.h"

#define LABEL "vault:v"
#define BYTES_MAX 1024
#define SEALED_MAX (32U << 10)

static const char *hash_name(enum digest_kind digest)
{
    switch (digest) {
    case DIGEST_SHA1:
        return NULL;
    case DIGEST_SHA256:
        return "sha2-256";
    case DIGEST_SHA384:
        return "sha2-384";
    case DIGEST_SHA512:
        return "sha2-512";
    }
    return NULL;
}

/* What follows "vault:vN:". */
static fallible content_of(struct span text, struct span *out)
{
    struct span rest = span_tail(text, sizeof LABEL - 1);
    size_t digits = 0;

    while (digits < rest.len && rest.at[digits] >= '0' && rest.at[digits] <= '9')
        digits++;
    if (!span_starts(text, SPAN(LABEL)) || !digits || digits == rest.len || rest.at[digits] != ':')
        return FAIL(UPSTREAM, "Vault's answer is not one of its transit engine");
    *out = span_tail(rest, digits + 1);
    return OK;
}

fallible vault_transit_bytes(struct span text, struct buf *out)
{
    struct span content;

    TRY(content_of(text, &content));
    bool url = span_find(content, SPAN("-")) < content.len ||
               span_find(content, SPAN("_")) < content.len || content.len % 4;
    struct err e = url ? base64url_parse(content, out) : base64_parse(content, out);
    return failed(e) || failed(buf_check(out))
               ? FAIL(UPSTREAM, "Vault's answer is not one of its transit engine")
               : OK;
}

static fallible scheme_agrees(const struct key_spec *spec, enum signature_scheme scheme)
{
    enum key_algorithm wanted = scheme == SIGNATURE_ECDSA ? KEY_ALGORITHM_EC : KEY_ALGORITHM_RSA;

    if (scheme == SIGNATURE_RSA_PSS_ANY_SALT || spec->algorithm != wanted)
        return FAIL(INPUT, "this key does not sign in this way");
    return OK;
}

static json_t *sign_body(const char *hash_text, const char *hash, enum signature_scheme scheme)
{
    json_t *body =
        json_pack("{s:s,s:b,s:s}", "input", hash_text, "prehashed", 1, "hash_algorithm", hash);

    if (scheme == SIGNATURE_ECDSA)
        json_set_str(body, "marshaling_algorithm", "jws"); /* r || s */
    else
        json_set_str(body, "signature_algorithm", scheme == SIGNATURE_RSA_PSS ? "pss" : "pkcs1v15");
    if (scheme == SIGNATURE_RSA_PSS)
        json_set_str(body, "salt_length", "hash");
    return body;
}

fallible vault_transit_sign(struct keystore *vault, const struct key_ref *ref,
                            const struct key_spec *spec, enum signature_scheme scheme,
                            enum digest_kind digest, struct span hash, struct buf *out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *text owned(secret_free) = NULL;
    struct buf signature owned(buf_done) = buf_of(BYTES_MAX);
    const char *name = hash_name(digest);

    TRY(scheme_agrees(spec, scheme));
    if (!name || hash.len != digest_size(digest))
        return FAIL(INPUT, "not a digest of a kind that is signed");
    char *input owned(free) = vault_transit_text(hash);
    const struct transit_call call = {
        .verb = "sign",
        .more = "",
        .body = input ? sign_body(input, name, scheme) : NULL,
        .refused = FAIL(INPUT, "Vault's transit engine does not sign this with this key"),
    };
    TRY(vault_transit_post((struct vault *)vault, ref, &call, &reply));
    TRY(vault_text_parse(buf_span(&reply.body), "data", "signature", &text));
    TRY(vault_transit_bytes(secret_expose(text), &signature));
    size_t size = scheme == SIGNATURE_ECDSA ? (spec->bits + 7) / 8 * 2 : spec->bits / 8;
    if (signature.len != size)
        return FAIL(UPSTREAM, "Vault's signature is not one of this key");
    buf_add(out, buf_span(&signature));
    return buf_check(out);
}

/* Keys of ours have one version there; others may have been rotated. */
static fallible version_of(struct vault *v, const struct key_ref *ref, uint64_t *version)
{
    struct key *k owned(key_free) = NULL;
    struct key_spec spec;

    *version = 1;
    return ref->external.len ? vault_transit_look(v, ref, &spec, version, &k) : OK;
}

static fallible secret_of_base64(struct span text, struct secret **out)
{
    struct err e = vault_value_bytes(text, out);
    return e.kind == FAIL_INPUT ? FAIL(UPSTREAM, "Vault's answer is not one of its transit engine")
                                : e;
}

static json_t *decrypt_body(uint64_t version, struct span sealed, struct span associated)
{
    char *text owned(free) = vault_transit_text(sealed),
               *more owned(free) = vault_transit_text(associated);
    struct buf labelled owned(buf_done) = buf_of(SEALED_MAX * 2);
    json_t *body = json_object();

    buf_addf(&labelled, LABEL "%llu:%s", (unsigned long long)version, text ? text : "");
    json_set_str(body, "ciphertext", buf_str(&labelled));
    if (associated.len)
        json_set_str(body, "associated_data", more);
    return body;
}

fallible vault_transit_decrypt(struct keystore *vault, const struct key_ref *ref,
                               const struct key_spec *spec, struct span sealed,
                               struct span associated, struct secret **plain)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *text owned(secret_free) = NULL;
    bool aes = spec->algorithm == KEY_ALGORITHM_AES;
    uint64_t version;

    if (spec->algorithm == KEY_ALGORITHM_EC || (associated.len && !aes))
        return FAIL(INPUT, "this key does not decrypt in this way");
    if (!sealed.len || sealed.len + associated.len > SEALED_MAX)
        return FAIL(LIMIT, "too long or too short to be decrypted");
    TRY(version_of((struct vault *)vault, ref, &version));
    const struct transit_call call = {
        .verb = "decrypt",
        .more = "",
        .body = decrypt_body(version, sealed, associated),
        .refused = FAIL(DENIED, "it does not open with this key"),
    };
    TRY(vault_transit_post((struct vault *)vault, ref, &call, &reply));
    TRY(vault_text_parse(buf_span(&reply.body), "data", "plaintext", &text));
    return secret_of_base64(secret_expose(text), plain);
}

fallible vault_transit_derive(struct keystore *vault, const struct key_ref *ref,
                              const struct key_spec *spec, struct span context, struct secret **out)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *text owned(secret_free) = NULL, *derived owned(secret_free) = NULL;
    struct span content;

    if (spec->algorithm != KEY_ALGORITHM_AES)
        return FAIL(INPUT, "this key does not derive");
    char *input owned(free) = vault_transit_text(context);
    const struct transit_call call = {
        .verb = "hmac",
        .more = "/sha2-256",
        .body = json_pack("{s:s}", "input", input ? input : ""),
        .refused = FAIL(INPUT, "Vault's transit engine does not derive with this key"),
    };
    TRY(vault_transit_post((struct vault *)vault, ref, &call, &reply));
    TRY(vault_text_parse(buf_span(&reply.body), "data", "hmac", &text));
    TRY(content_of(secret_expose(text), &content));
    TRY(secret_of_base64(content, &derived));
    if (secret_len(derived) != TRANSIT_DERIVED_SIZE)
        return FAIL(UPSTREAM, "Vault's answer is not one of its transit engine");
    *out = TAKE(derived);
    return OK;
}
