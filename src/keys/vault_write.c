// SPDX-License-Identifier: Apache-2.0
/* The body of a write, put together, and its base64 read, so that the key is in no buffer that is
 * not wiped. */
#include "keys/vault_internal.h"

#include "base/base64.h"

#define OURS "key"
#define LINE_LEN 64

/* Room for all first: a buffer that grew would leave its smaller self behind. */
static fallible room_for(struct buf *b, size_t len)
{
    (void)buf_extend(b, len);
    TRY(buf_check(b));
    buf_clear(b);
    return OK;
}

static void add_value(struct buf *out, struct span base64, bool octets)
{
    if (octets) {
        buf_add(out, base64);
        return;
    }
    buf_add_str(out, "-----BEGIN PRIVATE KEY-----\\n");
    for (; base64.len; base64 = span_tail(base64, LINE_LEN)) {
        buf_add(out, span_head(base64, LINE_LEN));
        buf_add_str(out, "\\n");
    }
    buf_add_str(out, "-----END PRIVATE KEY-----\\n");
}

fallible vault_value_bytes(struct span text, struct secret **out)
{
    struct buf bytes owned(vault_buf_wipe) = buf_of(SECRET_MAX);

    TRY(room_for(&bytes, text.len));
    if (failed(base64_parse(text, &bytes)))
        return FAIL(INPUT, "the secret in Vault is not base64");
    struct secret *s = secret_copy(buf_span(&bytes));
    if (!s)
        return FAIL(SYSTEM, "secure memory exhausted");
    *out = s;
    return OK;
}

fallible vault_value_write(const struct secret *material, const struct key_spec *spec,
                           struct span name, unsigned version, struct secret **out)
{
    struct buf base64 owned(vault_buf_wipe) = buf_of(SECRET_MAX),
                      body owned(vault_buf_wipe) = buf_of(SECRET_MAX);
    size_t len = secret_len(material) * 4 / 3 + 4;

    TRY(room_for(&base64, len));
    TRY(room_for(&body, len + len / LINE_LEN * 2 + name.len + 256));
    base64_add(&base64, secret_expose(material));
    buf_add_str(&body, version == 2 ? "{\"options\":{\"cas\":0},\"data\":{" : "{");
    buf_add_str(&body, "\"" VAULT_NAME_FIELD "\":\"");
    buf_add(&body, name); /* nothing in it needs an escape: vault_path.c */
    buf_add_str(&body, "\",\"" OURS "\":\"");
    add_value(&body, buf_span(&base64),
              spec->algorithm == KEY_ALGORITHM_AES || spec->algorithm == KEY_ALGORITHM_OPAQUE);
    buf_add_str(&body, version == 2 ? "\"}}" : "\"}");
    TRY(buf_check(&base64));
    TRY(buf_check(&body));
    struct secret *text = secret_copy(buf_span(&body));
    if (!text)
        return FAIL(SYSTEM, "secure memory exhausted");
    *out = text;
    return OK;
}
