// SPDX-License-Identifier: Apache-2.0
/*
 * Private-key operations for one client connection. The newest operation's context is kept ready,
 * so that a web server's signatures, which are all alike, cost the signature alone.
 *
 * RSA decryption is OAEP only: with PKCS#1 v1.5 whoever may call would have a padding oracle
 * (Bleichenbacher).
 */
#ifndef CLIENT_KEY_USE_H
#define CLIENT_KEY_USE_H

#include "client/held_key.h"

#define KEY_USE_MAX 1024 /* bytes that an operation gives */

struct key_use;
struct key_use *key_use_new(void); /* NULL when memory is short */
void key_use_free(struct key_use *u);
OWNED_TYPE(struct key_use, key_use_free)
/* Lets go of the key of the newest operation. */
void key_use_forget(struct key_use *u);

/* `out` has KEY_USE_MAX bytes. */
enum agent_status key_sign(struct key_use *u, struct held_key *k, const struct agent_use *how,
                           uint8_t *out, size_t *len);
enum agent_status key_decrypt(struct held_key *k, const struct agent_use *how, uint8_t *out,
                              size_t *len);

#endif
