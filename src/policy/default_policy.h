// SPDX-License-Identifier: Apache-2.0
/* The appraisal policy that always exists. */
#ifndef POLICY_DEFAULT_POLICY_H
#define POLICY_DEFAULT_POLICY_H

#include "base/bounds.h"
#include "base/json.h"

#define DEFAULT_POLICY_NAME "default"

struct default_policy {
    const json_t *advisories; /* accepted ones; NULL or empty: SWHardeningNeeded is refused */
    uint64_t grace_days;      /* since the date of the TCB level; 0: OutOfDate is refused */
};

/* The vendor's root; no debug; up to date, or else within what `d` accepts; never revoked. Then
 * what each kind of TEE needs. */
fallible default_policy_document(const struct default_policy *d, json_t **out);
/* "INTEL-SA-00615 INTEL-SA-00657": words between spaces or commas as a list, each once. */
fallible default_policy_advisories(const char *text, json_t **out);

#endif
