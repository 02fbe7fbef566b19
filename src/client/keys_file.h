// SPDX-License-Identifier: Apache-2.0
/*
 * The keys file: which keys the agent asks for, one PKCS#11 URI (RFC 7512) a line, as in the
 * original system:
 *
 *   pkcs11:token=KMS;id=<Key ID>;object=RSAKEY;type=private;pin-value=1234
 *
 * `id` is the key's id at the KBS as text, `object` the label, `type` is private or secret-key;
 * pin-value stands in the path (as there) or in the query (as in the RFC). Our own `x-certificate`
 * names a PEM file shown as a certificate object. A trailing `;`, empty lines and lines that start
 * with `#` are fine; anything else that is not understood is refused.
 */
#ifndef CLIENT_KEYS_FILE_H
#define CLIENT_KEYS_FILE_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/secret.h"

#define KEYS_MAX 256
#define KEY_ID_SIZE 36
#define KEY_LABEL_MAX 64
#define KEY_TOKEN "KMS"

struct key_line {
    char id[KEY_ID_SIZE + 1]; /* a UUID, lower case */
    char label[KEY_LABEL_MAX + 1];
    bool secret_key;    /* type=secret-key */
    struct secret *pin; /* owned */
    char *certificate;  /* owned path, or NULL */
};

struct keys_file {
    struct key_line *lines; /* owned */
    size_t count;
};

void key_line_done(struct key_line *l);
static inline void key_line_donep(struct key_line *l)
{
    key_line_done(l);
}
void keys_file_done(struct keys_file *f);
static inline void keys_file_donep(struct keys_file *f)
{
    keys_file_done(f);
}

/* `out` is filled on success only. */
fallible key_uri_parse(struct span uri, struct key_line *out);
/* On failure `*line` is the number of the offending line, 0 where it is the whole file. */
fallible keys_file_parse(struct span text, struct keys_file *out, unsigned *line);
/* `*open_to_others`: the file, which holds PINs, can be read by others; worth a warning. */
fallible keys_file_load(const char *path, struct keys_file *out, unsigned *line,
                        bool *open_to_others);

#endif
