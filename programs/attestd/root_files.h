// SPDX-License-Identifier: Apache-2.0
/* The files of certificates, or of revocation lists, that a setting of [verify] names, separated by spaces. */
#ifndef ATTESTD_ROOT_FILES_H
#define ATTESTD_ROOT_FILES_H

#include "base/buf.h"

#define ROOT_FILES_MAX 7 /* besides the vendor's */

struct root_files {
    struct buf files[ROOT_FILES_MAX];
    struct span spans[ROOT_FILES_MAX];
    size_t count;
};
/* `names` may be NULL. */
fallible root_files_read(const char *names, struct root_files *out);
void root_files_done(struct root_files *r);
static inline void root_files_donep(struct root_files *r)
{
    root_files_done(r);
}

#endif
