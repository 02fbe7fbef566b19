// SPDX-License-Identifier: Apache-2.0
/* What a password may be: apart from the hashing, so that a client does not need that. */
#include "access/password.h"

bool password_acceptable(const struct secret *password)
{
    struct span p = secret_expose(password);

    if (p.len < PASSWORD_MIN || p.len > PASSWORD_MAX)
        return false;
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] < 0x20 || p.at[i] == 0x7f)
            return false;
    }
    return true;
}

fallible password_of_file(const struct secret *content, struct secret **out)
{
    struct span text = secret_expose(content);
    size_t end = span_find(text, SPAN("\n"));
    size_t len = end && end < text.len && text.at[end - 1] == '\r' ? end - 1 : end;

    if (end + 1 < text.len)
        return FAIL(INPUT, "password file: one line");
    owned(secret_free) struct secret *password = secret_copy(span_head(text, len));
    if (!password)
        return FAIL(SYSTEM, "secure memory exhausted");
    if (!password_acceptable(password))
        return FAIL(INPUT, "password: 8 to 256 bytes without control characters");
    *out = TAKE(password);
    return OK;
}
