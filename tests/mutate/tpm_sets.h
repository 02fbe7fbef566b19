// SPDX-License-Identifier: Apache-2.0
/* The genuine evidence of TPMs among the vectors: its parts lie in files of their own. */
#ifndef TESTS_TPM_SETS_H
#define TESTS_TPM_SETS_H

#include "base/buf.h"

struct tpm_source {
    char folder[1024];     /* of the set */
    char collateral[1024]; /* of its hardware's; empty: it needs none */
    int64_t at;
    struct buf evidence, enrolled; /* enrolled: of keys that nothing else vouches for */
};

size_t tpm_sources(void);
void tpm_source_load(const char *root, size_t which, struct tpm_source *out);
void tpm_source_done(struct tpm_source *s);

#endif
