// SPDX-License-Identifier: Apache-2.0
#include "verify/verify_internal.h"

fallible verifier_new(const struct span *extra, size_t count, struct verifier **out)
{
    struct verifier *v = calloc(1, sizeof(*v));

    if (!v)
        return FAIL(SYSTEM, "out of memory");
    platform_map_init(&v->platforms);
    struct err e = root_set_init(&v->roots, extra, count);
    if (failed(e)) {
        verifier_free(v);
        return e;
    }
    *out = v;
    return OK;
}

void verifier_free(struct verifier *v)
{
    if (!v)
        return;
    platform_map_done(&v->platforms);
    root_set_done(&v->roots);
    free(v);
}

fallible verifier_remember(struct verifier *v, struct span pck_chain)
{
    struct platform *p owned(platform_free) = NULL;

    TRY(platform_of(&v->platforms, pck_chain, &v->roots, NULL, &p));
    return platform_authentic(p) ? OK : FAIL(DENIED, "PCK chain is not authentic");
}
