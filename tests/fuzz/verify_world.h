// SPDX-License-Identifier: Apache-2.0
/* Genuine sets, one of each kind, as a fuzz target of the whole verification has them. */
#ifndef FUZZ_VERIFY_WORLD_H
#define FUZZ_VERIFY_WORLD_H

#include "collateral/collateral_dir.h"
#include "verify/verify.h"

struct verify_world_set {
    const char *name, *evidence_name;
    struct buf evidence;
    struct collateral_dir dir;
    struct collateral_set *collateral;
    int64_t at;
};

extern struct verifier *world_verifier;
/* Loads them at the first call; how many there are. */
size_t verify_world(struct verify_world_set **out);

#endif
