// SPDX-License-Identifier: Apache-2.0
#include "attestd/guest_runtime.h"

#include "base/base64.h"
#include "base/hex.h"

#define NONCE_SIZE 32
#define NONCE_TEXT_MAX 64
#define ADDITIONAL_MAX (256U << 10)
#define HASHED_MAX (512U << 10)

/* The members that a version's server knows: what else the key has is not hashed. */
static fallible typed_key(const json_t *given, json_t **out)
{
    static const char *const ec[] = { "kty", "crv", "alg", "x", "y", NULL };
    static const char *const rsa[] = { "kty", "alg", "n", "e", NULL };
    json_t *key owned(json_free) = json_object();
    struct span kty;

    TRY(json_get_str(given, "kty", "runtime data: tee_pubkey", &kty));
    for (const char *const *name = span_equal_str(kty, "EC") ? ec : rsa; *name; name++) {
        json_t *value = json_object_get(given, *name);
        if (!json_is_string(value))
            return FAIL(INPUT, "runtime data: a member of tee_pubkey is missing");
        json_object_set(key, *name, value);
    }
    *out = TAKE(key);
    return OK;
}

static fallible check_algorithm(const struct key *k, const json_t *typed, struct span protocol)
{
    const char *alg = json_string_value(json_object_get(typed, "alg"));
    bool old = span_equal_str(protocol, "0.1.0") || span_equal_str(protocol, "0.1.1");

    if (key_kind_of(k) == KEY_RSA
            ? strcmp(alg, "RSA-OAEP-256") == 0 || (old && strcmp(alg, "RSA1_5") == 0)
            : strcmp(alg, "ECDH-ES+A256KW") == 0 && !old && key_kind_of(k) != KEY_P384)
        return OK;
    return FAIL(INPUT, "runtime data: tee_pubkey is not of an algorithm of this protocol");
}

/* One key, told by its own numbers, and the bytes of it that were hashed. */
static fallible read_key(const json_t *j, struct span protocol, struct runtime_data *out,
                         json_t **typed)
{
    owned(key_free) struct key *k = NULL;
    const json_t *given;
    json_t *t owned(json_free) = NULL;

    TRY(json_get_object(j, "tee_pubkey", "runtime data: tee_pubkey", &given));
    TRY(typed_key(given, &t));
    TRY(key_from_jwk(t, &k));
    TRY(check_algorithm(k, t, protocol));
    TRY(key_thumbprint(k, out->encryption_jkt));
    *typed = TAKE(t);
    return OK;
}

static fallible hash_members(const json_t *typed, struct span nonce, const json_t *additional,
                             uint8_t out[REPORT_DATA_SIZE])
{
    struct buf text owned(buf_done) = buf_of(HASHED_MAX);
    json_t *hashed owned(json_free) = json_object();

    if (additional)
        json_object_set(hashed, "additional-evidence", (json_t *)(uintptr_t)additional);
    json_set_span(hashed, "nonce", nonce);
    json_object_set(hashed, "tee-pubkey", (json_t *)(uintptr_t)typed);
    TRY(json_canonical(hashed, &text)); /* of such members the form of RFC 8785 */
    return digest_of(DIGEST_SHA384, buf_span(&text), out);
}

/* Release 0.8 and before: nonce, n and e as they stand. */
static fallible hash_texts(const json_t *typed, struct span nonce, uint8_t out[REPORT_DATA_SIZE])
{
    struct span n = { 0 }, e = { 0 };

    TRY(json_get_str(typed, "n", "runtime data: n", &n));
    TRY(json_get_str(typed, "e", "runtime data: e", &e));
    const struct span parts[] = { nonce, n, e };
    return digest_of_all(DIGEST_SHA384, parts, 3, out);
}

/* A nonce is the digest of keyd's challenge, so it names the challenge. */
static fallible name_challenge(struct span nonce, char out[DIGEST_TEXT_SIZE])
{
    struct buf bytes owned(buf_done) = buf_of(NONCE_TEXT_MAX);
    char hex[2 * NONCE_SIZE + 1];

    if (nonce.len > NONCE_TEXT_MAX || failed(base64_parse(nonce, &bytes)) ||
        bytes.len != NONCE_SIZE)
        return FAIL(INPUT, "runtime data: nonce is not base64 of 32 bytes");
    snprintf(out, DIGEST_TEXT_SIZE, "sha256:%s", hex_str(buf_span(&bytes), hex));
    return OK;
}

static bool version_known(struct span protocol, bool *whole)
{
    static const char *const versions[] = { "0.1.0", "0.1.1", "0.2.0", "0.3.0", "0.4.0" };

    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
        if (span_equal_str(protocol, versions[i])) {
            *whole = i >= 3;
            return true;
        }
    return false;
}

fallible guest_runtime_parse(const json_t *j, struct span tenant, struct runtime_data *out)
{
    static const char *const members[] = { "type",      "protocol",   "tenant",
                                           "nonce",     "tee_pubkey", "additional_evidence",
                                           "init_data", NULL };
    json_t *typed owned(json_free) = NULL;
    struct span nonce, named, additional = { 0 };
    bool whole;

    TRY(json_only(j, members));
    TRY(json_get_str(j, "protocol", "runtime data: protocol", &out->guest_protocol));
    TRY(json_get_str(j, "nonce", "runtime data: nonce", &nonce));
    TRY(json_get_str(j, "tenant", "runtime data: tenant", &named));
    TRY(json_opt_str(j, "additional_evidence", "runtime data: evidence", &additional));
    TRY(json_opt_str(j, "init_data", "runtime data: init_data", &out->init_data));
    if (!span_equal(named, tenant) || additional.len > ADDITIONAL_MAX ||
        !version_known(out->guest_protocol, &whole))
        return FAIL(INPUT, "runtime data: tenant, protocol or evidence");
    TRY(name_challenge(nonce, out->challenge));
    TRY(read_key(j, out->guest_protocol, out, &typed));
    json_t *text owned(json_free) = additional.len
                                        ? json_stringn((const char *)additional.at, additional.len)
                                        : json_string("");
    TRY(hash_members(typed, nonce, whole ? text : NULL, out->report_data));
    if (span_equal_str(out->guest_protocol, "0.1.0")) {
        TRY(hash_texts(typed, nonce, out->other_report_data));
        out->has_other = true;
    }
    out->encryption_key = json_object_get(j, "tee_pubkey");
    out->expected = true;
    return OK;
}
