// SPDX-License-Identifier: Apache-2.0
/*
 * Passwords at rest: Argon2id version 1.3 (RFC 9106), 16 random bytes of salt, 32 of tag, one lane,
 * in the usual encoded text
 * "$argon2id$v=19$m=..,t=..,p=1$salt$tag". The default cost is 64 MiB and 3 passes (RFC 9106
 * section 4, the choice for constrained memory, with one lane); a configuration may raise it, and
 * lower it only to 19 MiB and 2 passes.
 */
#ifndef ACCESS_PASSWORD_H
#define ACCESS_PASSWORD_H

#include "crypto/secret.h"

#define PASSWORD_MIN 8 /* bytes */
#define PASSWORD_MAX 256
#define PASSWORD_HASH_SIZE 160

struct password_cost {
    uint32_t memory_kib, passes;
};
#define PASSWORD_COST_DEFAULT ((struct password_cost){ .memory_kib = 65536, .passes = 3 })
#define PASSWORD_COST_LEAST ((struct password_cost){ .memory_kib = 19456, .passes = 2 })
#define PASSWORD_MEMORY_MAX_KIB (1U << 20)
#define PASSWORD_PASSES_MAX 16

/* FAIL_LIMIT outside the stated limits. */
fallible password_cost_check(struct password_cost cost);
/* Length, and no control characters. */
bool password_acceptable(const struct secret *password);

/* The first line of a password file's content; FAIL_INPUT where it is not acceptable or more
 * follows. */
fallible password_of_file(const struct secret *content, struct secret **out);

fallible password_hash(const struct secret *password, struct password_cost cost,
                       char out[PASSWORD_HASH_SIZE]);
/* FAIL_SYSTEM: the stored text is not a hash within the limits, or memory is short. */
fallible password_check(const struct secret *password, const char *hash, bool *good);
/* The hash was made with another cost: to be made anew at the next good login. */
bool password_outdated(const char *hash, struct password_cost cost);

#endif
