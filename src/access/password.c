// SPDX-License-Identifier: Apache-2.0
#include "access/password.h"

#include <argon2.h>

#include "crypto/random.h"

#define SALT_SIZE 16
#define TAG_SIZE 32
#define LANES 1

fallible password_cost_check(struct password_cost cost)
{
    const struct password_cost least = PASSWORD_COST_LEAST;

    if (cost.memory_kib < least.memory_kib || cost.passes < least.passes)
        return FAIL(LIMIT, "password hashing: cost below 19456 KiB or 2 passes");
    if (cost.memory_kib > PASSWORD_MEMORY_MAX_KIB || cost.passes > PASSWORD_PASSES_MAX)
        return FAIL(LIMIT, "password hashing: cost above 1 GiB or 16 passes");
    return OK;
}

fallible password_hash(const struct secret *password, struct password_cost cost,
                       char out[PASSWORD_HASH_SIZE])
{
    struct span p = secret_expose(password);
    uint8_t salt[SALT_SIZE];
    char text[PASSWORD_HASH_SIZE];

    TRY(password_cost_check(cost));
    TRY(random_fill(salt, sizeof(salt)));
    int rc = argon2id_hash_encoded(cost.passes, cost.memory_kib, LANES, p.at, p.len, salt,
                                   sizeof(salt), TAG_SIZE, text, sizeof(text));
    if (rc != ARGON2_OK)
        return FAIL(SYSTEM, "password hashing failed");
    memcpy(out, text, sizeof(text));
    return OK;
}

/* The parameters in front of salt and tag; a store that was tampered with must not make us allocate
 * at will. */
static bool cost_of(const char *hash, struct password_cost *out)
{
    unsigned memory, passes, lanes;
    int end = 0;

    if (strlen(hash) >= PASSWORD_HASH_SIZE)
        return false;
    if (sscanf(hash, "$argon2id$v=19$m=%9u,t=%9u,p=%9u$%n", &memory, &passes, &lanes, &end) != 3 ||
        !end)
        return false;
    *out = (struct password_cost){ .memory_kib = memory, .passes = passes };
    return lanes == LANES && !failed(password_cost_check(*out));
}

fallible password_check(const struct secret *password, const char *hash, bool *good)
{
    struct span p = secret_expose(password);
    struct password_cost cost;

    if (!cost_of(hash, &cost))
        return FAIL(SYSTEM, "stored password hash is malformed");
    int rc = argon2id_verify(hash, p.at, p.len);
    if (rc != ARGON2_OK && rc != ARGON2_VERIFY_MISMATCH)
        return FAIL(SYSTEM, "password hashing failed");
    *good = rc == ARGON2_OK;
    return OK;
}

bool password_outdated(const char *hash, struct password_cost cost)
{
    struct password_cost used;

    return !cost_of(hash, &used) || used.memory_kib != cost.memory_kib ||
           used.passes != cost.passes;
}
