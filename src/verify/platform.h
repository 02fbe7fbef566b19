// SPDX-License-Identifier: Apache-2.0
/*
 * A platform as its PCK certificate shows it: the chain checked against the trusted roots and the SGX
 * extension read. That holds for ever, so platforms whose chain is authentic are remembered, by the
 * bytes of the chain; dates and revocation are looked at each time.
 */
#ifndef VERIFY_PLATFORM_H
#define VERIFY_PLATFORM_H

#include <pthread.h>
#include <stdatomic.h>

#include "collateral/crl_set.h"
#include "evidence/pck_extension.h"

struct platform {
    atomic_uint refs;
    uint32_t hash;
    struct buf pem;
    struct chain chain;         /* leaf, intermediate, root */
    const char *chain_wrong;    /* NULL: authentic */
    const char *extension_wrong;
    struct pck_extension extension;
    enum pck_ca ca;
    size_t root;
    struct window window;
};

#define PLATFORMS_MAX 256
#define CHAIN_TEXT_MAX (64U << 10)

struct platform_map {
    pthread_mutex_t lock;
    struct platform *slots[PLATFORMS_MAX];
    unsigned next_victim;
};

void platform_map_init(struct platform_map *m);
void platform_map_done(struct platform_map *m);

/* The platform of a chain in PEM: remembered, or read and checked now, and remembered when it is authentic.
 * `issuers` may be NULL: CRLs whose issuing CA need not be verified a second time. Free what comes out. */
fallible platform_of(struct platform_map *m, struct span pem, const struct root_set *roots, const struct crl_set *issuers,
                     struct platform **out);
void platform_free(struct platform *p);
OWNED_TYPE(struct platform, platform_free)

bool platform_authentic(const struct platform *p);
const struct cert *platform_leaf(const struct platform *p); /* NULL when the chain could not be read */

#endif
