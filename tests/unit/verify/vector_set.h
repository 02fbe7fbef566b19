// SPDX-License-Identifier: Apache-2.0
/* Vector sets as the tests of verification load them, and looks into a result. */
#ifndef TESTS_VECTOR_SET_H
#define TESTS_VECTOR_SET_H

#include "unit.h"

#include "collateral/collateral_dir.h"
#include "verify/verify.h"

#define VECTOR_PATH_MAX 1024

struct vector_set {
    struct buf quote;
    struct collateral_dir collateral;
    json_t *meta;
    int64_t verify_at;
};

/* tests/vectors, from the environment. */
const char *vector_root(void);
/* A folder of further vectors: below WARDER_MORE_VECTORS, or beside the repository. */
bool vector_more(const char *name, char out[VECTOR_PATH_MAX]);

/* False when the folder holds no set. */
bool vector_set_load(const char *folder, const char *name, struct vector_set *out);
void vector_set_done(struct vector_set *s);
static inline void vector_set_donep(struct vector_set *s)
{
    vector_set_done(s);
}

/* One of our own sets against its collateral at its time. */
struct verify_result *vector_verify(const struct vector_set *s);

/* The outcome of the check of this name; fails the test where there is no such check. */
enum check_outcome vector_outcome(const struct verify_result *r, const char *check);

#endif
