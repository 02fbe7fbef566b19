// SPDX-License-Identifier: Apache-2.0
#include "keys/share.h"

#include "crypto/random.h"

#define REDUCTION 0x1b /* x^8 + x^4 + x^3 + x + 1 */

static uint8_t multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;

    for (unsigned i = 0; i < 8; i++) {
        product ^= (uint8_t)(a & (uint8_t) - (b & 1));
        a = (uint8_t)((uint8_t)(a << 1) ^ (REDUCTION & (uint8_t) - (a >> 7)));
        b >>= 1;
    }
    return product;
}

/* a^254; 0 for 0. */
static uint8_t invert(uint8_t a)
{
    uint8_t result = 1, power = a;

    for (unsigned i = 1; i < 8; i++) {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    return result;
}

/* Horner's rule; coefficients from the constant one on, each as long as the secret. */
static void evaluate(const struct secret *coefficients, size_t len, unsigned threshold, uint8_t x,
                     uint8_t *out)
{
    const uint8_t *c = secret_expose(coefficients).at;

    for (size_t i = 0; i < len; i++) {
        uint8_t value = 0;
        for (unsigned k = threshold; k > 0; k--)
            value = (uint8_t)(multiply(value, x) ^ c[(k - 1) * len + i]);
        out[i] = value;
    }
}

fallible share_split(const struct secret *secret, unsigned threshold, unsigned count,
                     struct secret *shares[SHARES_MAX])
{
    struct secret *coefficients owned(secret_free) = NULL;
    size_t len = secret_len(secret);

    if (threshold < 2 || threshold > count || count > SHARES_MAX)
        return FAIL(INPUT, "shares: 2 <= threshold <= shares <= 16");
    TRY(random_secret(threshold * len, &coefficients));
    memcpy(secret_fill(coefficients), secret_expose(secret).at, len);
    for (unsigned i = 0; i < count; i++) {
        shares[i] = secret_new(len);
        if (!shares[i])
            return FAIL(SYSTEM, "secure memory exhausted");
        evaluate(coefficients, len, threshold, (uint8_t)(i + 1), secret_fill(shares[i]));
    }
    return OK;
}

/* The weight of share j where x is 0: the product of x_m / (x_m - x_j). Places are no secret. */
static uint8_t weight_of(const uint8_t *places, size_t count, size_t j)
{
    uint8_t weight = 1;

    for (size_t m = 0; m < count; m++)
        if (m != j)
            weight = multiply(weight, multiply(places[m], invert(places[m] ^ places[j])));
    return weight;
}

fallible share_combine(struct secret *const *shares, const uint8_t *places, size_t count,
                       struct secret **out)
{
    struct secret *sum owned(secret_free) = NULL;

    if (count < 2 || count > SHARES_MAX)
        return FAIL(INPUT, "a secret is shared by 2 to 16");
    for (size_t j = 0; j < count; j++)
        for (size_t m = 0; m <= j; m++)
            if (!places[j] || (m < j && places[m] == places[j]) ||
                secret_len(shares[m]) != secret_len(shares[j]))
                return FAIL(INPUT, "shares of different places and one length are needed");
    sum = secret_new(secret_len(shares[0]));
    if (!sum)
        return FAIL(SYSTEM, "secure memory exhausted");
    for (size_t j = 0; j < count; j++) {
        uint8_t weight = weight_of(places, count, j);
        for (size_t i = 0; i < secret_len(sum); i++)
            secret_fill(sum)[i] ^= multiply(weight, secret_expose(shares[j]).at[i]);
    }
    *out = TAKE(sum);
    return OK;
}
