// SPDX-License-Identifier: Apache-2.0
#include "client/unwrap.h"

#include "crypto/digest.h"
#include "crypto/inner_wrap.h"

#define VERSION_MAX UINT32_MAX
#define OCTETS_MIN 16
#define OCTETS_MAX 64

void released_done(struct released *r)
{
    secret_free(r->key);
    buf_done(&r->spki);
    use_grant_free(r->grant);
    *r = (struct released){ 0 };
}

fallible answer_require_text(const json_t *from, const char *name, const char *what,
                             struct span wanted)
{
    struct span got;

    TRY(json_get_str(from, name, what, &got));
    if (!span_equal(got, wanted))
        return (struct err){ .kind = FAIL_DENIED, .what = what };
    return OK;
}

fallible release_key_verify(struct span answer, const struct jwks *release_keys, const char *typ,
                            struct buf *payload)
{
    json_t *peeked owned(json_free) = NULL;
    json_t *header owned(json_free) = NULL;
    struct span kid;

    TRY(jws_peek_header(answer, &peeked));
    TRY(json_get_str(peeked, "kid", "kid of the answer", &kid));
    const struct key *k = jwks_find(release_keys, kid);
    if (!k)
        return FAIL(DENIED, "answer is signed by a release key that is not pinned");
    TRY(jws_verify(k, answer, &header, payload));
    return answer_require_text(header, "typ", "typ of the answer", span_str(typ));
}

static const struct form {
    enum released_form form;
    const char *type;
    const char *algorithms[3];
    size_t min, max; /* bytes */
} forms[] = {
    { RELEASED_PKCS8, "pkcs8", { "RSA", "EC" }, 1, SECRET_LARGE },
    { RELEASED_OCTETS, "octets", { "AES" }, OCTETS_MIN, OCTETS_MAX },
    { RELEASED_SECRET, "secret", { "OPAQUE" }, 1, OPAQUE_SECRET_MAX },
};

static const struct form *form_of(struct span type)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (span_equal_str(type, forms[i].type))
            return &forms[i];
    return NULL;
}

static fallible check_key(const json_t *header, struct released *r)
{
    struct span type, algorithm;
    bool suits = false;

    TRY(json_get_str(header, "cty", "cty of the released key", &type));
    TRY(json_get_str(header, "algorithm", "algorithm of the released key", &algorithm));
    const struct form *f = form_of(type);
    if (!f)
        return FAIL(INPUT, "released key has an unknown encoding");
    for (size_t i = 0; f->algorithms[i]; i++)
        suits |= span_equal_str(algorithm, f->algorithms[i]);
    if (!suits)
        return FAIL(INPUT, "encoding of the released key does not suit its algorithm");
    size_t len = secret_len(r->key);
    if (len < f->min || len > f->max)
        return FAIL(INPUT, "released key has an impossible length");
    r->form = f->form;
    return OK;
}

static fallible check_header(const json_t *header, struct span key_id, struct span challenge,
                             struct released *r)
{
    char challenge_hash[DIGEST_TEXT_SIZE];
    struct span audit_id = { 0 };

    TRY(digest_text(challenge, challenge_hash));
    TRY(answer_require_text(header, "typ", "typ of the released key", SPAN("warder-key+jwe")));
    TRY(answer_require_text(header, "key_id", "answer is for another key than the one asked for",
                            key_id));
    TRY(answer_require_text(header, "challenge", "answer is to another challenge than ours",
                            span_str(challenge_hash)));
    TRY(json_get_u64(header, "key_version", VERSION_MAX, "key_version of the answer", &r->version));
    TRY(json_opt_u64(header, "lease_minutes", LEASE_MINUTES_MAX, "lease_minutes of the answer",
                     &r->lease_minutes));
    TRY(json_get_str(header, "audit_id", "audit_id of the answer", &audit_id));
    if (!uuid_valid(audit_id))
        return FAIL(INPUT, "audit_id of the answer is no UUID");
    memcpy(r->audit_id, audit_id.at, UUID_TEXT_SIZE - 1);
    return OK;
}

fallible answer_open(struct span answer, const struct jwks *release_keys,
                     const struct key *encryption_key, struct span key_id, struct span challenge,
                     struct released *out)
{
    struct released r owned(released_done) = { 0 };
    struct buf payload owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *header owned(json_free) = NULL;

    TRY(release_key_verify(answer, release_keys, "warder-answer+jwt", &payload));
    TRY(jwe_open(encryption_key, buf_span(&payload), &header, &r.key));
    TRY(inner_open(encryption_key, header, &r.key));
    TRY(check_header(header, key_id, challenge, &r));
    TRY(check_key(header, &r));
    *out = r;
    r = (struct released){ 0 };
    return OK;
}
