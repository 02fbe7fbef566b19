// SPDX-License-Identifier: Apache-2.0
/*
 * Evidence + collateral + time -> verdict. A pure function: no I/O, no clock, no globals.
 *
 * A negative answer is a verdict, never an err: every rule that was looked at is in the result's
 * list with its outcome and the clause that it enforces, and the verdict is their conjunction. All
 * checks run; an early bad status hides no later failure. Only "cannot decide" (memory) is an err.
 * Claims come only from bytes that were verified; a refused result's claims are informational.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "base/json.h"
#include "collateral/raw.h"
#include "crypto/x509.h"
#include "evidence/pck_query.h"

/* Verified and parsed collateral; immutable after loading, shared by threads and forks. */
struct collateral_set;
struct verifier; /* roots, and the PCK certificates and quoting enclaves of platforms seen (bounded)
                  */

/* Roots: the vendor's pinned ones and `extra` (PEM or DER certificates named by the configuration).
 */
fallible verifier_new(const struct span *extra, size_t count, struct verifier **out);
void verifier_free(struct verifier *v);
OWNED_TYPE(struct verifier, verifier_free)

/* Makes a platform known beforehand, for a process that is forked for each request: `pck_chain` is
 * the PEM of verified evidence (verify_result_pck_chain), `enclave` its quoting enclave
 * (verify_result_enclave; may be empty). Both are verified here again; a chain that is not
 * authentic, or an enclave that its key did not sign, is FAIL_DENIED. */
fallible verifier_remember(struct verifier *v, struct span pck_chain, struct span enclave);

/* Whose TPMs are believed, in place of what was named before: certificates of CAs (DER, or PEM with
 * one to four), and enrolled attestation keys (JSON as `warder tpm enroll` writes it, or empty).
 * Not while another thread verifies. */
fallible verifier_trust_tpms(struct verifier *v, const struct span *roots, size_t count,
                             struct span enrolled);

/* Sample evidence (docs/confidential-containers.md), which proves nothing, is taken from now on. */
void verifier_take_samples(struct verifier *v);

/* Adds revocation lists (DER or PEM) of the CAs that certify TPMs' keys, after verifier_trust_tpms,
 * which takes them all away. A certificate of a TPM whose issuer's list is there is looked up. */
fallible verifier_revoke_tpms(struct verifier *v, const struct span *lists, size_t count);

/* A set belongs to the verifier that it was loaded for, which must outlive it.
 * Never fails for bad content: what is wrong with the collateral is remembered and shows in each
 * result as failed checks. */
fallible collateral_set_load(const struct verifier *v, const struct collateral_raw *raw,
                             struct collateral_set **out);
/* The same for who does not ask for its digest, which costs as much as a sixth of a signature. */
fallible collateral_set_load_undigested(const struct verifier *v, const struct collateral_raw *raw,
                                        struct collateral_set **out);
void collateral_set_free(struct collateral_set *c);
OWNED_TYPE(struct collateral_set, collateral_set_free)
int64_t
collateral_set_expires(const struct collateral_set *c); /* earliest end; 0 when it is unusable */
int64_t
collateral_set_issued(const struct collateral_set *c); /* latest issue date; 0 when unusable */
uint32_t collateral_set_evaluation_number(const struct collateral_set *c);
/* Earliest issue date of TCB info, QE identity and PCK CRL; 0 without a usable set for quotes. */
int64_t collateral_set_oldest(const struct collateral_set *c);
struct span collateral_set_digest(const struct collateral_set *c); /* SHA-256 over all raw parts */

/* What the evidence says of itself, before any verification: for choosing collateral only.
 * FAIL_INPUT: not evidence of a known type. */
fallible evidence_needs(struct span evidence, struct collateral_key *out);
/* Of a quote that carries no PCK certificate: how a cache finds that, and what is needed once it is
 * there (PEM, unverified). FAIL_INPUT: it is no such quote. */
fallible evidence_pck_query(struct span evidence, struct pck_query *out);
fallible evidence_needs_with(struct span evidence, struct span pck_certificate,
                             struct collateral_key *out);

enum check_outcome { CHECK_PASSED, CHECK_FAILED, CHECK_NOT_CHECKED };
struct check {
    const char *name; /* stable, snake_case: "pck_chain", "qe_report_data", ... literal */
    enum check_outcome outcome;
    const char *clause; /* where the rule comes from; literal */
    const char *detail; /* literal or NULL: what was wrong */
};

struct verify_result;
/* `evidence`: a bare quote, or a CMW bundle (JSON). `report_data`: 64 expected bytes, or an empty
 * span: the check "report_data" is then not_checked. `collateral` NULL: missing, refused. The
 * verifier may remember the platform (thread-safe). */
fallible verify_evidence(struct verifier *v, struct span evidence,
                         const struct collateral_set *collateral, int64_t at,
                         struct span report_data, struct verify_result **out);
/* The same with a PCK certificate chain (PEM, unverified) for a quote that carries none, in place
 * of the collateral's. */
fallible verify_evidence_supplied(struct verifier *v, struct span evidence, struct span pck_chain,
                                  const struct collateral_set *collateral, int64_t at,
                                  struct span report_data, struct verify_result **out);
void verify_result_free(struct verify_result *r);
OWNED_TYPE(struct verify_result, verify_result_free)

bool verify_result_verified(const struct verify_result *r);
const char *
verify_result_type(const struct verify_result
                       *r); /* "sgx", "tdx", "snp", "tpm", "azure-vtpm", "bundle", "unknown" */
const char *verify_result_reason(
    const struct verify_result *r); /* first failed check in words; "" when verified */
const char *verify_result_status(const struct verify_result *r); /* tcb_status or "" */
size_t verify_result_checks(const struct verify_result *r, const struct check **out);
/* Flat object, names of policy/claim.h; made at the first call, NULL when memory is short. */
const json_t *verify_result_claims(const struct verify_result *r);
/* The certificates of the platform in PEM, when they came with the evidence and are authentic; else
 * empty. */
struct span verify_result_pck_chain(const struct verify_result *r);
/* Its quoting enclave likewise; *known: the verifier knew it before. */
struct span verify_result_enclave(const struct verify_result *r, bool *known);
/* verdict, type, version, tcb_status, advisory_ids, claims, checks, reason: the JSON of `warder
 * verify`. */
fallible verify_result_json(const struct verify_result *r, json_t **out);

#endif
