// SPDX-License-Identifier: Apache-2.0
/* The issuing CA's key in a PKCS#11 token: the vendor's module makes the signatures. */
#ifndef CMSD_TOKEN_KEY_H
#define CMSD_TOKEN_KEY_H

#include "crypto/key.h"

struct token_key_settings {
    char *module, *token, *key, *pin_file, *files;
};
/* All of module, token, key and pin_file, or none. */
fallible token_key_check(const struct token_key_settings *s);
static inline bool token_key_wanted(const struct token_key_settings *s)
{
    return s->module != NULL;
}

struct token_key;
fallible token_key_open(const struct token_key_settings *s, struct token_key **out);
void token_key_close(struct token_key *t);
OWNED_TYPE(struct token_key, token_key_close)
/* Signs as long as `t` is open; NULL for NULL. */
struct key *token_key_of(const struct token_key *t);

#endif
