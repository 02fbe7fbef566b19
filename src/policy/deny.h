// SPDX-License-Identifier: Apache-2.0
/*
 * Deny lists: what is refused although its vendor still vouches for it. An entry names a kind and a
 * value; it fits claims in which any of the kind's claims has that value, of any piece of a bundle.
 * An entry that this version does not understand denies nothing by itself: deny_find() fails, and
 * whoever gets a failure refuses.
 */
#ifndef POLICY_DENY_H
#define POLICY_DENY_H

#include "base/bounds.h"
#include "base/json.h"

enum deny_kind {
    DENY_FMSPC,    /* Intel's family, model, stepping, platform type and SKU: 12 hex digits */
    DENY_FAMILY,   /* "Milan", "Genoa", "Turin"; or the first 6 hex digits of FMSPCs */
    DENY_CHIP,     /* AMD's chip id; Intel's PPID or platform instance id; hex */
    DENY_FIRMWARE, /* measurement of a TDX module, hex; AMD's firmware "1.55.21"; a TPM's, hex */
    DENY_ADVISORY  /* "INTEL-SA-00615" */
};

bool deny_kind_parse(struct span word, enum deny_kind *out);
/* In its canonical form. FAIL_INPUT: no value of this kind. */
fallible deny_value(enum deny_kind kind, struct span value, char out[DENY_VALUE_MAX + 1]);
/* "fmspc:00806f050000", the entry's name. FAIL_INPUT. */
fallible deny_name(struct span kind, struct span value, char out[DENY_NAME_MAX + 1]);

/* `list`: [{"kind","value",...}]. *entry: the first that fits, NULL when none does. */
fallible deny_find(const json_t *list, const json_t *claims, const json_t **entry);

#endif
