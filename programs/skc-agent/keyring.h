// SPDX-License-Identifier: Apache-2.0
/*
 * The keys that the keys file names: here, being fetched, or refused. One thread talks to the KBS:
 * it fetches what clients search for, renews leases, gives keys up when their lease ends and takes
 * over a new keys file. Clients use keys under a read lock that this thread takes for writing only
 * to change them, so a key that is given up is wiped, whoever was using it.
 */
#ifndef SKC_AGENT_KEYRING_H
#define SKC_AGENT_KEYRING_H

#include "client/fetch.h"
#include "client/key_use.h"
#include "client/keys_file.h"

struct keyring;

/* Takes over `keys`. `fetcher` is borrowed. Starts the thread. */
struct keyring_config {
    uint64_t lease_poll;  /* seconds */
    uint64_t use_timeout; /* seconds that a use of a key that stays at the KBS may take */
};
fallible keyring_new(struct fetcher *fetcher, struct keys_file *keys,
                     const struct keyring_config *config, struct keyring **out);
/* Ends the thread and wipes every key. No client may be left. */
void keyring_free(struct keyring *k);
OWNED_TYPE(struct keyring, keyring_free)
/* Another keys file, taken over; every key that stays is fetched again. */
void keyring_reload(struct keyring *k, struct keys_file *keys);
/* Asks for all keys now; does not wait. */
void keyring_prefetch(struct keyring *k);

/* A connection's part in the ring. */
struct keyring_client;
struct keyring_client *keyring_join(struct keyring *k); /* NULL when memory is short */
void keyring_leave(struct keyring_client *c);

/* Whether some key has this PIN; the connection then sees those keys' private objects. */
bool keyring_login(struct keyring_client *c, struct span pin);
void keyring_logout(struct keyring_client *c);
/* Fetches what may match and waits for it, at most timeout_ms. `handles` has AGENT_FIND_MAX. */
size_t keyring_find(struct keyring_client *c, const struct agent_attribute *wanted, size_t count,
                    unsigned timeout_ms, uint64_t *handles);
/* Fills in reply->attributes, whose types are given, and writes the reply. */
void keyring_read(struct keyring_client *c, uint64_t handle, struct agent_reply *reply,
                  struct agent_message *out);
/* Both return AGENT_WAITS, with nothing done, for a key that stays at the KBS. */
enum agent_status keyring_sign(struct keyring_client *c, const struct agent_use *how, uint8_t *out,
                               size_t *len);
enum agent_status keyring_decrypt(struct keyring_client *c, const struct agent_use *how,
                                  uint8_t *out, size_t *len);
/* The same (AGENT_SIGN, AGENT_DECRYPT) for such a key: asks the KBS, at most keyring_patience()
 * milliseconds long. No lock is held meanwhile. */
enum agent_status keyring_ask(struct keyring_client *c, enum agent_call call,
                              const struct agent_use *how, uint8_t *out, size_t *len);
uint32_t keyring_patience(const struct keyring_client *c);

#endif
