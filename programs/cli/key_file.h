// SPDX-License-Identifier: Apache-2.0
/* A key from a file of the user's, and what he says of it. */
#ifndef CLI_KEY_FILE_H
#define CLI_KEY_FILE_H

#include "crypto/key.h"

struct key_wish {
    const char *algorithm, *curve, *policy, *label, *usage, *resource_path;
    uint64_t length;
    bool four_eyes;
};

/* PEM becomes PKCS#8; with algorithm AES the file's bytes are the key. Sets the kind in the wish;
 * `content` is "pkcs8" or "octets". */
fallible key_file_load(const char *path, struct key_wish *w, struct secret **plain,
                       const char **content);

int key_rotate(int argc, char **argv);
int key_disable(int argc, char **argv);
int key_enable(int argc, char **argv);
int key_describe(int argc, char **argv);
int key_path(int argc, char **argv);

#endif
