// SPDX-License-Identifier: Apache-2.0
/* attestation_verify, refusal_verify, bearer_verify: of any text, and of any payload by the right
 * key; attestation_issue of any decision; jwt_verify_foreign, revocation_list_read and
 * jwks_parse_foreign of the same. The first byte chooses. */
#include <assert.h>

#include "access/bearer.h"
#include "access/revocation.h"
#include "signer.h"
#include "token/attestation.h"

#define NOW 1795435200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void bearer(struct span text, bool ours)
{
    struct bearer b owned(bearer_done) = { 0 };
    enum bearer_verdict verdict;
    struct bearer_role role;

    if (failed(bearer_verify(signer_keys(), text, NOW, &verdict, &b)) || verdict != BEARER_GOOD)
        return;
    assert(ours && b.subject && b.tenant && b.id && b.expires_at > NOW - 3600);
    (void)bearer_allows(&b, "KBS", "keys:create", SPAN(""));
    for (size_t i = 0; bearer_role_at(&b, i, &role); i++)
        assert(i < BEARER_ROLES_MAX && role.service.at);
}

static void attestation(struct span text, bool refusal, bool ours)
{
    struct attestation a owned(attestation_done) = { 0 };
    enum jwt_fault fault;

    struct err e = refusal ? refusal_verify(text, signer_keys(), NOW, &a, &fault)
                           : attestation_verify(text, signer_keys(), NOW, &a, &fault);
    if (failed(e)) {
        assert(fault != JWT_GOOD);
        return;
    }
    assert(ours && a.verified == !refusal && a.jti.len && json_is_object(a.claims));
    assert(json_is_array(a.policies));
}

/* A worker's word, whoever speaks through it, becomes nothing but a token or a refusal of ours. */
static void issue(struct span decision)
{
    static const struct attestation_terms terms = { .lifetime = 600 };
    struct attestation a owned(attestation_done) = { 0 };
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    enum jwt_fault fault = JWT_GOOD;
    bool refusal;

    if (failed(attestation_issue(signer_key(), decision, &terms, NOW, &jws, &refusal)))
        return;
    struct err e = refusal ? refusal_verify(buf_span(&jws), signer_keys(), NOW, &a, &fault)
                           : attestation_verify(buf_span(&jws), signer_keys(), NOW, &a, &fault);
    assert(failed(e) ? fault == JWT_MALFORMED : a.issued == NOW && a.expires == NOW + 600);
}

static void foreign(struct span text, bool ours)
{
    owned(json_free) json_t *claims = NULL;
    enum jwt_fault fault = JWT_MALFORMED;

    struct err e = jwt_verify_foreign(text, signer_keys(), "https://idp.example", "warder", NOW,
                                      &claims, &fault);
    assert(failed(e) ? fault != JWT_GOOD : ours && json_object_get(claims, "sub"));
}

static void revocations(struct span text, bool ours)
{
    owned(revocation_list_free) struct revocation_list *list = NULL;

    if (!failed(revocation_list_read(text, signer_keys(), NOW, &list)))
        assert(ours && revocation_list_ends(list) > 0);
}

static void key_set(struct span text)
{
    owned(jwks_free) struct jwks *keys = NULL;

    if (failed(jwks_parse_foreign(text, &keys)))
        return;
    const struct key *k = jwks_single(keys);
    assert(jwks_count(keys) <= JWKS_KEYS_MAX && (!k || jwks_algorithm(keys, k)));
}

static void each(struct span text, uint8_t which, bool ours)
{
    if (which == 'b')
        bearer(text, ours);
    else if (which == 'f')
        foreign(text, ours);
    else if (which == 'v')
        revocations(text, ours);
    else
        attestation(text, which == 'r', ours);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);

    if (!size)
        return 0;
    struct span payload = span_from(data + 1, size - 1);
    if (data[0] == 'd') {
        issue(payload);
        return 0;
    }
    if (data[0] == 'j') {
        key_set(payload);
        return 0;
    }
    each(payload, data[0], false);
    signer_sign(data[0] == 'r'   ? REFUSAL_TYP
                : data[0] == 'v' ? REVOCATIONS_TYP
                                 : ATTESTATION_TYP,
                payload, &jws);
    each(buf_span(&jws), data[0], true);
    return 0;
}
