// SPDX-License-Identifier: Apache-2.0
/* The SGX extension 1.2.840.113741.1.13.1 of a PCK certificate: what the vendor says of a platform.
 */
#ifndef TEESIM_PCK_EXTENSION_H
#define TEESIM_PCK_EXTENSION_H

#include "base/buf.h"

struct forge_pck {
    uint8_t ppid[16];
    uint8_t components[16];
    uint16_t pce_svn;
    uint8_t cpu_svn[16];
    uint8_t pce_id[2];
    uint8_t fmspc[6];
    uint8_t sgx_type;
    bool platform_ca; /* the two entries that only platform CA certificates have */
    uint8_t instance_id[16];
    bool dynamic_platform, cached_keys, smt_enabled;
    /* Faults: an entry (1 to 7) left out or written twice, a component out of range. */
    unsigned without_entry, twice_entry;
    unsigned component_count; /* 16 unless a test says otherwise */
    bool wide_component;      /* the first component is 256 */
};
fallible forge_pck_extension(const struct forge_pck *pck, struct buf *out);

#endif
