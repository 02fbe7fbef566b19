// SPDX-License-Identifier: Apache-2.0
/*
 * What an application asks of a key that stays at the KBS, in the words of docs/protocol.md,
 * "Attested use". A signature is over a hash: what the application gives unhashed is hashed here.
 */
#ifndef CLIENT_USE_ORDER_H
#define CLIENT_USE_ORDER_H

#include "base/json.h"
#include "client/held_key.h"

#define ORDER_HASH_MAX 64

struct use_order {
    const char *operation, *mechanism, *hash;
    struct span input, label; /* borrow from the request, or from `hashed` */
    size_t result_max;        /* bytes */
    uint8_t hashed[ORDER_HASH_MAX];
};
/* AGENT_BAD_MECHANISM: nothing that the KBS does. `out` is not to be moved afterwards. */
enum agent_status use_order_sign(const struct held_key *k, const struct agent_use *how,
                                 struct use_order *out);
enum agent_status use_order_decrypt(const struct held_key *k, const struct agent_use *how,
                                    struct use_order *out);
/* The member "operation" of the request. New reference; NULL when memory is short. */
json_t *use_order_json(const struct use_order *o, uint64_t version);

#endif
