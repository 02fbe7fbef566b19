// SPDX-License-Identifier: Apache-2.0
/* warder tpm: enrolment of attestation keys, and the file that lists them. */
#ifndef CLI_TPM_H
#define CLI_TPM_H

#include "base/json.h"
#include "cli/cli.h"

int cli_tpm(int argc, char **argv);

/* The file of enrolled keys, docs/protocol.md; one that does not exist is empty. It is locked from
 * open to close, so that of two who enrol at once none is lost. */
struct enrolled_file {
    const char *path;
    int lock;
    json_t *root;
};
/* Prints what is wrong; EXIT_OK or an exit status. */
int enrolled_open(const char *path, struct enrolled_file *out);
void enrolled_close(struct enrolled_file *f);
static inline void enrolled_closep(struct enrolled_file *f)
{
    enrolled_close(f);
}
/* FAIL_CONFLICT: a key of this name is enrolled already. `ek_certificate` NULL: by the operator. */
fallible enrolled_add(struct enrolled_file *f, struct span name, const char *label,
                      const char *ek_certificate);
/* FAIL_ABSENT: there is none of this name (hex). */
fallible enrolled_remove(struct enrolled_file *f, const char *name);
fallible enrolled_save(const struct enrolled_file *f);

#endif
