// SPDX-License-Identifier: Apache-2.0
/* PUT platformcollateral: what a PCCS' administrator brings in for platforms without a way to
 * Intel. All of it is verified first; then all of it is kept, or nothing. */
#ifndef ATTESTD_TCS_UPLOAD_H
#define ATTESTD_TCS_UPLOAD_H

#include "base/bounds.h"
#include "attestd/tcs_bring.h"
#include "attestd/tcs_pck.h"

/* One platform with its certificates, brought in. */
struct tcs_arrival {
    struct raw_platform raw; /* cpu_svn and pce_svn "" */
    struct pck_certs certs;
    bool some_missing;
};
struct tcs_upload {
    struct tcs_delivery collateral;
    struct tcs_arrival *arrivals;
    size_t arrival_count;
    struct raw_platform *platforms; /* raw TCBs that were asked for */
    size_t platform_count;
    char *chains[2]; /* of PLATFORM and PROCESSOR, percent-encoded; NULL: absent */
};
void tcs_upload_done(struct tcs_upload *u);
static inline void tcs_upload_donep(struct tcs_upload *u)
{
    tcs_upload_done(u);
}

/* FAIL_INPUT: not of the form. FAIL_DENIED: a certificate that is not to be trusted. */
fallible tcs_upload_read(struct span body, const struct root_set *roots, struct tcs_upload *out);
/* The same for platforms as an archive has them (tcs_platform.h). */
fallible tcs_upload_read_archive(const json_t *platforms, const json_t *chains,
                                 const struct root_set *roots, struct tcs_upload *u);
fallible tcs_upload_keep(const struct tcs_pck *p, struct tcs_upload *u, int64_t now);

#endif
