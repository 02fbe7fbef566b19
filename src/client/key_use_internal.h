// SPDX-License-Identifier: Apache-2.0
/* PKCS#11's mechanisms, for keys that are held and for those that stay at the KBS. */
#ifndef CLIENT_KEY_USE_INTERNAL_H
#define CLIENT_KEY_USE_INTERNAL_H

#include <openssl/types.h>
#include <stdint.h>

enum padding { PADDING_EC, PADDING_PKCS1, PADDING_PSS };

struct use_mechanism {
    uint32_t type;
    enum padding padding;
    uint32_t hash; /* the mechanism hashes the data itself; 0: the caller has */
};
/* NULL: none of ours. */
const struct use_mechanism *use_mechanism_find(uint32_t type);
/* By CKM_SHA256, ...; NULL: none of ours. */
const EVP_MD *use_hash_of(uint32_t type);

#endif
