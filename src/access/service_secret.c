// SPDX-License-Identifier: Apache-2.0
#include "access/service_secret.h"

#include <stdio.h>

#include "base/base64.h"
#include "crypto/digest.h"

#define SECRET_BYTES 32

fallible service_secret_new(struct secret **out, char hash[PASSWORD_HASH_SIZE])
{
    owned(secret_free) struct secret *bytes = NULL, *text = NULL;
    char digest[DIGEST_TEXT_SIZE];

    TRY(random_secret(SECRET_BYTES, &bytes));
    char *encoded = base64url_dup(secret_expose(bytes));
    if (!encoded)
        return FAIL(SYSTEM, "memory for a secret");
    text = secret_copy(span_str(encoded));
    wipe(encoded, strlen(encoded));
    free(encoded);
    if (!text)
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(digest_text(secret_expose(text), digest));
    snprintf(hash, PASSWORD_HASH_SIZE, "%s", digest);
    *out = TAKE(text);
    return OK;
}

void service_secret_none(char hash[PASSWORD_HASH_SIZE])
{
    snprintf(hash, PASSWORD_HASH_SIZE, "none");
}

fallible service_secret_check(const struct user *u, const struct secret *given, bool *good)
{
    char digest[DIGEST_TEXT_SIZE];

    TRY(digest_text(secret_expose(given), digest));
    bool same = span_equal_secret(span_str(digest), span_str(u->password_hash));
    *good = same & u->service;
    return OK;
}
