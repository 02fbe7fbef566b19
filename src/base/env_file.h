// SPDX-License-Identifier: Apache-2.0
/*
 * Files of KEY=VALUE lines, such as the original system's kbs.env and skc_library.conf: values bare
 * or in double quotes, '#' lines are comments. They are text and not a shell's: nothing in a value
 * is expanded. Each key stands once; an unknown one is refused.
 */
#ifndef BASE_ENV_FILE_H
#define BASE_ENV_FILE_H

#include "base/err.h"
#include "base/span.h"

#define ENV_KEYS_MAX 64

struct env_key {
    const char *name;
    size_t at; /* offset of what `take` fills in the caller's struct */
    /* `value` is not empty, printable ASCII without quotes. */
    fallible (*take)(struct span value, void *to);
};
/* On failure `*line` is the offending line, and what was taken so far stays the caller's to free.
 */
fallible env_file_parse(struct span text, const struct env_key *keys, size_t count, void *out,
                        unsigned *line);

/* For env_key.take. */
fallible env_take_text(struct span value, void *to); /* char *, owned */
fallible env_take_name(struct span value, void *to); /* the same: a host's name or address */
fallible env_take_port(struct span value, void *to); /* uint16_t, 1 to 65535 */

#endif
