// SPDX-License-Identifier: Apache-2.0
/*
 * A platform as its certificate shows it, a PCK's (SGX, TDX) or a VCEK's or VLEK's (SNP): the chain
 * checked against the trusted roots and the extensions read. That holds for ever, so platforms
 * whose chain is authentic are remembered, by the bytes of the chain; dates and revocation are
 * looked at each time.
 */
#ifndef VERIFY_PLATFORM_H
#define VERIFY_PLATFORM_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/bounds.h"
#include "collateral/crl_set.h"
#include "collateral/vcek.h"
#include "evidence/pck_extension.h"
#include "verify/quoting_enclave.h"

enum platform_vendor { PLATFORM_INTEL, PLATFORM_AMD };

struct platform {
    atomic_uint refs;
    enum platform_vendor vendor;
    uint32_t hash;
    struct buf bytes;        /* the chain as it came: PEM; AMD: its three certificates, DER */
    struct buf pem;          /* AMD: the same in PEM */
    struct chain chain;      /* leaf, intermediate, root */
    const char *chain_wrong; /* NULL: authentic */
    const char *extension_wrong;
    struct pck_extension extension; /* Intel */
    enum pck_ca ca;                 /* Intel */
    struct vcek vcek;               /* AMD */
    size_t root;
    struct window window;
    /* Intel: set once each, then constant */
    _Atomic(struct quoting_enclave *) enclaves[QUOTING_ENCLAVES_MAX];
};

struct platform_map {
    pthread_mutex_t lock;
    struct platform *slots[PLATFORMS_MAX];
    unsigned next_victim;
};

void platform_map_init(struct platform_map *m);
void platform_map_done(struct platform_map *m);

/* The platform of a chain in PEM: remembered, or read and checked now, and remembered when it is
 * authentic. `issuers` may be NULL: CRLs whose issuing CA need not be verified a second time. Free
 * what comes out. */
fallible platform_of(struct platform_map *m, struct span pem, const struct root_set *roots,
                     const struct crl_set *issuers, struct platform **out);
/* `ders`: VCEK or VLEK, its intermediate, root. */
fallible platform_of_amd(struct platform_map *m, const struct span ders[3],
                         const struct root_set *roots, struct platform **out);

/* For the two above: a known platform, or a new one that `fill` reads from its bytes. */
struct platform_reader {
    enum platform_vendor vendor;
    fallible (*fill)(struct platform *p, const struct platform_reader *by);
    const struct root_set *roots;
    const struct crl_set *issuers;
    const struct span *ders;
};
fallible platform_recall(struct platform_map *m, struct span bytes,
                         const struct platform_reader *by, struct platform **out);
struct platform *platform_ref(struct platform *p);
void platform_free(struct platform *p);
OWNED_TYPE(struct platform, platform_free)

/* The quoting enclave of this quote, whose report is known to be signed by this platform; NULL: not
 * known. Borrowed. */
const struct quoting_enclave *platform_enclave(const struct platform *p, const struct quote *q);
/* Remembers one that has been checked, for as long as the platform is; takes it over. Where there
 * is no room left nothing is remembered, and NULL comes back. */
const struct quoting_enclave *platform_keep_enclave(struct platform *p, struct quoting_enclave *e);

struct span platform_pem(const struct platform *p);
bool platform_authentic(const struct platform *p);
const struct cert *
platform_leaf(const struct platform *p); /* NULL when the chain could not be read */

#endif
