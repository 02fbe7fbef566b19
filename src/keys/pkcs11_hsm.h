// SPDX-License-Identifier: Apache-2.0
/*
 * The key manager on a PKCS#11 token: any HSM by its vendor's module, which is loaded into this
 * process. A key of ours is a secret or private key object with the label PREFIX/TENANT/ID/VERSION,
 * made in the token, sensitive and extractable; one that was there before is named by a URI (RFC
 * 7512).
 *
 * A key leaves wrapped to its recipient inside the token where the token has ECDH and AES key wrap
 * with padding; else under a key of one use that is made here (the key is then in this process for
 * a moment); else, where it is not sensitive, as the token shows it. One that is not extractable is
 * FAIL_DENIED.
 */
#ifndef KEYS_PKCS11_HSM_H
#define KEYS_PKCS11_HSM_H

#include "keys/keystore.h"

struct pkcs11_config {
    const char *module;   /* path of the vendor's shared object */
    const char *token;    /* "pkcs11:token=NAME", serial= and so on: exactly one token must match */
    const char *pin_file; /* mode 0600; read at each login */
    const char *prefix;
};

/* A token that is not there now is no failure here: health() tells. A module that does not load is.
 */
fallible pkcs11_open(const struct pkcs11_config *config, struct keystore **out);

#endif
