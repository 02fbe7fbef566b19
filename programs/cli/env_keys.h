// SPDX-License-Identifier: Apache-2.0
/* What the env files of the original system's services have together (base/env_file.h). */
#ifndef CLI_ENV_KEYS_H
#define CLI_ENV_KEYS_H

#include "base/env_file.h"
#include "crypto/digest.h"

struct env_digest {
    uint8_t at[SHA384_SIZE];
    bool given;
};

/* For env_key.take. */
fallible env_take_https(struct span value, void *to);  /* char *, without slashes at its end */
fallible env_take_sha384(struct span value, void *to); /* struct env_digest */
fallible env_take_unused(struct span value, void *to); /* bool: given, and without effect here */
fallible env_take_setup(struct span value, void *to);  /* ..._NOSETUP: only false. bool */
/* For those that bound a number; FAIL_INPUT has no text of its own. */
fallible env_number(struct span value, uint64_t least, uint64_t most, uint64_t *out);

/* A file of mode 0600, as it holds secrets. Prints what is wrong, with its line, and which keys had
 * no effect; an exit status. What was taken stays the caller's to free. */
int env_load(const char *file, const struct env_key *keys, size_t count, void *out);

#endif
