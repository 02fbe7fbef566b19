// SPDX-License-Identifier: Apache-2.0
/*
 * Platforms with their PCK certificates, which raw TCB is answered by which certificate, and the
 * platforms that wait to be provided for; as a PCCS keeps them. Texts are upper-case hex but
 * enc_ppid and manifest, which stay as they came. Callers hold the store's lock.
 */
#ifndef ATTESTD_TCS_PLATFORM_H
#define ATTESTD_TCS_PLATFORM_H

#include "base/bounds.h"
#include "base/json.h"
#include "store/store.h"

#define QE_ID_MAX 260
#define ENC_PPID_DIGITS 768
#define REGISTRATIONS_MAX 10000 /* that wait for an administrator, or for their certificates */
#define RAW_TCBS_MAX                                                                               \
    64 /* of one platform: strangers name them. Others are answered anew each time */
#define PLATFORMS_LIST_MAX 10000
#define TCBM_DIGITS 36

/* Who asks for a certificate: what the platform's provisioning enclave says. */
struct raw_platform {
    char qe_id[QE_ID_MAX + 1], pce_id[5], cpu_svn[33], pce_svn[5];
    char *enc_ppid, *manifest; /* owned; "" for none */
};
void raw_platform_done(struct raw_platform *p);
static inline void raw_platform_donep(struct raw_platform *p)
{
    raw_platform_done(p);
}
/* FAIL_INPUT. Empty spans are absent; an enc_ppid of zeros is too. cpu_svn and pce_svn may be
 * absent only where `svns_optional`. */
fallible raw_platform_set(struct raw_platform *p, struct span qe_id, struct span pce_id,
                          struct span cpu_svn, struct span pce_svn, struct span enc_ppid,
                          struct span manifest, bool svns_optional);

struct pck_cert {
    char tcbm[TCBM_DIGITS + 1];
    uint8_t components[16];
    uint16_t pce_svn;
    char *pem;
    int64_t not_after;
};
struct pck_certs {
    char fmspc[13];
    char ca[10]; /* "PLATFORM", "PROCESSOR" */
    struct pck_cert at[PCK_CERTS_MAX];
    size_t count;
};
void pck_certs_done(struct pck_certs *c);
static inline void pck_certs_donep(struct pck_certs *c)
{
    pck_certs_done(c);
}

/* FAIL_ABSENT: no such platform. */
fallible platform_certs_load(struct store *s, const struct raw_platform *p, struct pck_certs *out);
/* Replaces the certificates. `choose_anew`: forgets which raw TCB was answered by which. */
fallible platform_certs_save(struct store *s, const struct raw_platform *p,
                             const struct pck_certs *certs, bool choose_anew);
/* The percent-encoded chain of a PCK CA. FAIL_ABSENT. */
fallible pck_chain_load(struct store *s, const char *ca, char **out);
fallible pck_chain_save(struct store *s, const char *ca, const char *chain);

fallible raw_tcb_save(struct store *s, const struct raw_platform *p, const char *tcbm);
/* FAIL_ABSENT: not asked for before. */
fallible raw_tcb_load(struct store *s, const struct raw_platform *p, char tcbm[TCBM_DIGITS + 1]);

enum registration_state { REGISTRATION_NEW, REGISTRATION_NOT_AVAILABLE };
/* FAIL_LIMIT: too many wait already. */
fallible registration_save(struct store *s, const struct raw_platform *p,
                           enum registration_state state);
fallible registration_drop(struct store *s, const struct raw_platform *p);
/* As GET platforms lists them; the new ones are handed out once. */
fallible registration_take(struct store *s, enum registration_state state, json_t **out);
/* The platforms of these families with each raw TCB known; empty: of all. */
fallible platform_list(struct store *s, const json_t *fmspcs, json_t **out);

/* Everything, and back: what an archive carries. [{qe_id, pce_id, enc_ppid, manifest, fmspc, ca,
 * certs: [pem], raw: [{cpu_svn, pce_svn}]}] */
fallible platform_export(struct store *s, json_t **out);
/* {"PLATFORM": chain, ...} */
fallible pck_chain_export(struct store *s, json_t **out);

/* Platforms that have attested here: the PEM chain of each one's PCK certificate, by its digest. */
fallible seen_platform_save(struct store *s, const char *id, struct span chain, int64_t now);
fallible seen_platform_list(struct store *s, json_t **out); /* [{"chain", "seen_at"}] */

fallible appraisal_policy_save(struct store *s, const char *fmspc, struct span policy);
fallible appraisal_policy_load(struct store *s, const char *fmspc, struct buf *out);

#endif
