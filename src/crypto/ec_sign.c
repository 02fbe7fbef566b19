// SPDX-License-Identifier: Apache-2.0
/*
 * ECDSA signatures on OpenSSL's low-level keys: through EVP_PKEY a P-256 signature costs twice what
 * its mathematics cost, most of it for looking up the algorithm and for DER. Four fifths of those
 * need no message and can be done ahead.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <unistd.h>

#include "crypto/key_internal.h"
#include "crypto/openssl_internal.h"
#include "crypto/signature.h"

/* One nonce: used twice it would give the private key away. So it is taken out of the key by an
 * atomic exchange, and is worth nothing in a forked process, whose parent has it too. */
struct ec_ahead {
    BIGNUM *inverse, *r;
    pid_t maker;
};

void ec_ahead_free(struct ec_ahead *a)
{
    if (!a)
        return;
    BN_clear_free(a->inverse);
    BN_clear_free(a->r);
    free(a);
}

static EC_KEY *low_key(const struct key *k)
{
    return (EC_KEY *)EVP_PKEY_get0_EC_KEY(key_pkey(k)); /* kept by the EVP_PKEY */
}

void key_sign_ahead(const struct key *k)
{
    struct key *own = (struct key *)k;

    if (!k->is_private || k->kind == KEY_RSA || atomic_load(&own->ahead))
        return;
    struct ec_ahead *a = calloc(1, sizeof *a);
    EC_KEY *key = low_key(k);
    if (a && key && ECDSA_sign_setup(key, NULL, &a->inverse, &a->r) == 1) {
        a->maker = getpid();
        a = atomic_exchange(&own->ahead, a); /* another thread's, perhaps */
    }
    ec_ahead_free(a);
}

static ECDSA_SIG *sign(const struct key *k, EC_KEY *key, struct span hash)
{
    struct ec_ahead *a = atomic_exchange(&((struct key *)k)->ahead, NULL);
    ECDSA_SIG *made = NULL;

    if (a && a->maker == getpid())
        made = ECDSA_do_sign_ex(hash.at, (int)hash.len, a->inverse, a->r, key);
    ec_ahead_free(a);
    if (!made)
        ERR_clear_error();
    return made ? made : ECDSA_do_sign(hash.at, (int)hash.len, key);
}

fallible ec_sign(const struct key *k, struct span hash, struct buf *out)
{
    const struct curve *c = curve_of(k->kind);
    EC_KEY *key = low_key(k);
    ECDSA_SIG *made owned(ECDSA_SIG_free) = key ? sign(k, key, hash) : NULL;
    uint8_t *to = buf_extend(out, 2 * c->size);

    TRY(buf_check(out));
    if (!made || BN_bn2binpad(ECDSA_SIG_get0_r(made), to, (int)c->size) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(made), to + c->size, (int)c->size) < 0)
        return FAIL(SYSTEM, "cannot sign");
    return OK;
}
