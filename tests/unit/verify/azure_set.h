// SPDX-License-Identifier: Apache-2.0
/* Genuine evidence of an Azure confidential VM with genuine collateral of its hardware. */
#ifndef TESTS_AZURE_SET_H
#define TESTS_AZURE_SET_H

#include "tpm_set.h"

struct azure_set {
    struct tpm_set parts;
    struct buf vcek, chain;
    struct collateral_dir dir;
    struct verifier *verifier;
    struct collateral_set *collateral;
    int64_t at;
};

/* `set`: below vectors/azure; `hardware`: folder below vectors with the collateral. False: not
 * there. */
bool azure_set_load(struct azure_set *a, const char *set, const char *hardware, bool snp);
void azure_set_done(struct azure_set *a);
static inline void azure_set_donep(struct azure_set *a)
{
    azure_set_done(a);
}
struct verify_result *azure_set_verify(struct azure_set *a);

#endif
