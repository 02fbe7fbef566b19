// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <limits.h>
#include <openssl/rand.h>
#include <sys/random.h>

#include "base/hex.h"

fallible random_fill(void *to, size_t len)
{
    if (len > INT_MAX || RAND_bytes(to, (int)len) != 1)
        return FAIL(SYSTEM, "no random bytes");
    return OK;
}

fallible random_secret(size_t len, struct secret **out)
{
    struct secret *s owned(secret_free) = secret_new(len);

    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    if (RAND_priv_bytes(secret_fill(s), (int)len) != 1)
        return FAIL(SYSTEM, "no random bytes");
    *out = TAKE(s);
    return OK;
}

static const uint8_t dash_after[] = { 4, 6, 8, 10 };

static void uuid_text(uint8_t bytes[16], unsigned version, char out[UUID_TEXT_SIZE])
{
    size_t o = 0, dash = 0;

    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < 16; i++) {
        if (dash < sizeof dash_after && i == dash_after[dash]) {
            out[o++] = '-';
            dash++;
        }
        (void)hex_str(span_from(&bytes[i], 1), &out[o]);
        o += 2;
    }
}

fallible random_uuid(char out[UUID_TEXT_SIZE])
{
    uint8_t bytes[16];

    /* No secret: the kernel's bytes are good enough without a generator of our own behind them. */
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return FAIL(SYSTEM, "no random bytes");
    uuid_text(bytes, 4, out);
    return OK;
}

/* RFC 9562 5.7: 48 bits of milliseconds, then (6.2, method 3) 12 bits of their fraction. */
fallible random_uuid_ordered(int64_t now_us, char out[UUID_TEXT_SIZE])
{
    uint64_t ms = (uint64_t)now_us / 1000, fraction = (uint64_t)now_us % 1000 * 4096 / 1000;
    uint8_t bytes[16];

    TRY(random_fill(&bytes[8], 8));
    for (size_t i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(fraction >> 8);
    bytes[7] = (uint8_t)fraction;
    uuid_text(bytes, 7, out);
    return OK;
}

bool uuid_valid(struct span text)
{
    if (text.len != UUID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        if (dash ? c != '-' : !hex)
            return false;
    }
    return true;
}
