// SPDX-License-Identifier: Apache-2.0
/*
 * Leases: which attested key S holds which released key, and until when, for policies that say
 * lease_minutes. A lease has the id of the release's audit record and begins in its transaction.
 */
#ifndef BROKER_LEASE_H
#define BROKER_LEASE_H

#include "broker/entry.h"

struct lease {
    struct row row; /* id: of the release's record; link: of the key */
    json_t *content;
    struct span signing_jkt; /* these borrow from content */
    uint64_t key_version, policy_version;
    const json_t *claims; /* of the TEE; NULL: it was released without */
    int64_t attestation_expires, expires_at;
};
void lease_done(struct lease *l);
static inline void lease_donep(struct lease *l)
{
    lease_done(l);
}

/* What a release puts down. */
struct lease_facts {
    const char *tenant, *id, *key_id, *signing_jkt;
    uint64_t key_version, policy_version, minutes;
    const json_t *claims; /* may be NULL */
    int64_t attestation_expires;
    int64_t now;
};
fallible lease_begin(struct store *s, const struct secret *integrity, const struct lease_facts *f);

/* FAIL_ABSENT, FAIL_DENIED as of any row. */
fallible lease_read(struct store *s, const struct secret *integrity, struct span tenant,
                    struct span id, struct lease *out);
/* In the transaction in which it was read. */
fallible lease_extend(struct store *s, const struct secret *integrity, struct lease *l,
                      int64_t expires_at);
/* Those that ended long ago. */
fallible lease_sweep(struct store *s, int64_t now);

#endif
