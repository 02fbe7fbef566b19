// SPDX-License-Identifier: Apache-2.0
#include "cmsd/token_key.h"

#include "crypto/signature.h"
#include "keys/pkcs11_hsm.h"

#define SPKI_MAX 1024
#define PREFIX "warder-cms" /* of keys that the store makes itself: none here */

struct token_key {
    struct keystore *store;
    struct key_ref ref;
    struct key_spec spec;
    char *uri;
    struct key *key;
};

fallible token_key_check(const struct token_key_settings *s)
{
    bool all = s->module && s->token && s->key && s->pin_file;

    if (!all && (s->module || s->token || s->key || s->pin_file || s->files))
        return FAIL(INPUT, "[pkcs11] needs module, token, key and pin_file");
    return OK;
}

static struct err sign(void *context, enum signature_scheme scheme, enum digest_kind digest,
                       struct span hash, struct buf *out)
{
    struct token_key *t = context;
    const struct key_use use = {
        .operation = KEY_OPERATION_SIGN,
        .mechanism = scheme == SIGNATURE_ECDSA ? KEY_MECHANISM_ECDSA : KEY_MECHANISM_RSA_PKCS1,
        .hash = digest,
        .input = hash,
    };

    if (scheme != SIGNATURE_ECDSA && scheme != SIGNATURE_RSA_PKCS1)
        return FAIL(INPUT, "the CA's token is asked for a signature of another kind");
    return t->store->use(t->store, &t->ref, &t->spec, &use, out);
}

/* Of which kind it is, the token says. */
static fallible find(struct token_key *t)
{
    t->spec = (struct key_spec){ .algorithm = KEY_ALGORITHM_EC };
    struct err e = t->store->describe(t->store, &t->ref, &t->spec);
    if (e.kind != FAIL_ABSENT && e.kind != FAIL_INPUT)
        return e;
    t->spec = (struct key_spec){ .algorithm = KEY_ALGORITHM_RSA };
    return t->store->describe(t->store, &t->ref, &t->spec);
}

static fallible open_key(struct token_key *t)
{
    struct buf spki owned(buf_done) = buf_of(SPKI_MAX);
    struct key *public_half owned(key_free) = NULL;
    const struct key_signer signer = { .sign = sign, .context = t };

    TRY(find(t));
    TRY(t->store->public_half(t->store, &t->ref, &t->spec, &spki));
    TRY(key_from_spki(buf_span(&spki), &public_half));
    return key_with_signer(public_half, &signer, &t->key);
}

fallible token_key_open(const struct token_key_settings *s, struct token_key **out)
{
    struct token_key *t owned(token_key_close) = calloc(1, sizeof *t);
    const struct pkcs11_config config = {
        .module = s->module, .token = s->token, .pin_file = s->pin_file, .prefix = PREFIX
    };

    if (!t || !(t->uri = strdup(s->key)))
        return FAIL(SYSTEM, "memory for the CA's token");
    t->ref = (struct key_ref){ .tenant = SPAN("default"),
                               .id = SPAN("ca"),
                               .version = 1,
                               .external = span_str(t->uri),
                               .stays = true };
    TRY(pkcs11_open(&config, &t->store));
    TRY(open_key(t));
    *out = TAKE(t);
    return OK;
}

void token_key_close(struct token_key *t)
{
    if (!t)
        return;
    key_free(t->key);
    keystore_close(t->store);
    free(t->uri);
    free(t);
}

struct key *token_key_of(const struct token_key *t)
{
    return t ? t->key : NULL;
}
