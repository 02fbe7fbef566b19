// SPDX-License-Identifier: Apache-2.0
/*
 * An HSM as a seal: it wraps a root key with a key of its own that never leaves it, an AES key
 * (AES-GCM) or an RSA key pair (OAEP) of the configured label.
 */
#ifndef KEYS_PKCS11_SEAL_H
#define KEYS_PKCS11_SEAL_H

#include "keys/pkcs11_hsm.h"

/* `hsm`: as pkcs11_open gives it. Makes an AES key where the token has none of this label. */
fallible pkcs11_seal_wrap(struct keystore *hsm, struct span label, const struct secret *root,
                          struct buf *wrapped);
fallible pkcs11_seal_unwrap(struct keystore *hsm, struct span label, struct span wrapped,
                            struct secret **root);

#endif
