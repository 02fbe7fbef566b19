// SPDX-License-Identifier: Apache-2.0
/* Private keys as PEM text and files. */
#include "crypto/key_internal.h"
#include "crypto/pem_internal.h"

#define BLOCKS_MAX 4

static bool form_of(struct span label, enum private_form *form)
{
    static const struct {
        const char *label;
        enum private_form form;
    } rows[] = {
        { "PRIVATE KEY", PRIVATE_PKCS8 },
        { "RSA PRIVATE KEY", PRIVATE_PKCS1 },
        { "EC PRIVATE KEY", PRIVATE_SEC1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (span_equal_str(label, rows[i].label)) {
            *form = rows[i].form;
            return true;
        }
    }
    return false;
}

/* One private key; "EC PARAMETERS" may stand before it (openssl ecparam writes them). */
fallible key_from_pem(const struct secret *pem, struct key **out)
{
    struct span rest = secret_expose(pem);
    struct secret *der owned(secret_free) = NULL;
    enum private_form form = PRIVATE_PKCS8;

    for (size_t i = 0; rest.len && i < BLOCKS_MAX; i++) {
        struct pem_block block;

        TRY(pem_next(&rest, &block));
        if (span_equal_str(block.label, "EC PARAMETERS") && !der)
            continue;
        if (span_find(block.label, SPAN("ENCRYPTED")) < block.label.len ||
            span_find(block.body, SPAN("ENCRYPTED")) < block.body.len)
            return FAIL(DENIED,
                        "an encrypted private key: give it decrypted, in a file of mode 0600");
        if (der || !form_of(block.label, &form))
            return FAIL(INPUT, "PEM: not one private key");
        TRY(pem_decode_secret(&block, &der));
    }
    if (!der || rest.len)
        return FAIL(INPUT, "PEM: not one private key");
    return key_from_private_der(form, der, out);
}

fallible key_to_pem(const struct key *k, struct secret **out)
{
    struct secret *der owned(secret_free) = NULL;

    TRY(key_to_pkcs8(k, &der));
    return pem_from_secret("PRIVATE KEY", der, out);
}

fallible key_load(const char *path, struct key **out)
{
    struct secret *pem owned(secret_free) = NULL;

    TRY(secret_load(path, &pem));
    return key_from_pem(pem, out);
}

fallible key_save(const char *path, const struct key *k)
{
    struct secret *pem owned(secret_free) = NULL;

    TRY(key_to_pem(k, &pem));
    return secret_save(path, pem);
}
