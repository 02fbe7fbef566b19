// SPDX-License-Identifier: Apache-2.0
#include "cli/key_file.h"

#include "base/file.h"

fallible key_file_load(const char *path, struct key_wish *w, struct secret **plain,
                       const char **content)
{
    struct secret *file owned(secret_free) = NULL;
    struct key *k owned(key_free) = NULL;

    TRY(secret_load(path, &file));
    if (w->algorithm && !strcasecmp(w->algorithm, "AES")) {
        w->length = secret_len(file) * 8;
        *content = "octets";
        *plain = TAKE(file);
        return OK;
    }
    TRY(key_from_pem(file, &k));
    *content = "pkcs8";
    w->algorithm = key_kind_of(k) == KEY_RSA ? "RSA" : "EC";
    w->length = key_kind_of(k) == KEY_RSA ? key_bits(k) : 0;
    if (key_kind_of(k) != KEY_RSA)
        w->curve = key_kind_of(k) == KEY_P256   ? "secp256r1"
                   : key_kind_of(k) == KEY_P384 ? "secp384r1"
                                                : "secp521r1";
    return key_to_pkcs8(k, plain);
}
