/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libwarder-verify: verification of attestation evidence as a library: no daemon, no I/O, no clock,
 * no state but what the caller holds. Every function may be called from any thread; a verifier and
 * a set of collateral may be used by many at once.
 *
 *   evidence + collateral + time -> verdict, with every check, the clause that it enforces, and
 * verified claims.
 *
 * OpenSSL reads its own configuration file when a process uses it for the first time; where that is
 * here, it happens in warder_verifier_new. Nothing else opens anything: a sandbox may be closed
 * after it.
 *
 * Link with -lwarder-verify (pkg-config warder-verify); warder-verify(3). Who gets an object frees
 * it by its _free function, which takes NULL; texts returned through char ** are JSON, ended by
 * NUL, and freed by free(3). Out parameters change only with WARDER_OK, but for `json` of
 * warder_verify, which is always set.
 */
#ifndef WARDER_VERIFY_H
#define WARDER_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that the caller owns; borrowed for the duration of a call. at NULL: not there. */
struct warder_bytes {
    const void *at;
    size_t len;
};

enum warder_status {
    WARDER_OK = 0,
    WARDER_NO_MEMORY = 1,
    WARDER_BAD_ARGUMENT =
        2 /* more than 16 roots or one that is no certificate; an item that has no meaning, is named
             twice or is longer than 2 MiB; evidence that says of no collateral what it needs */
};

enum warder_verdict {
    WARDER_VERIFIED = 0, /* genuine, complete, of a status that is not Revoked; debug and the like
                            are claims, for the caller's policy */
    WARDER_REFUSED = 1,  /* anything else: the JSON says which check failed */
    WARDER_ERROR =
        -1 /* could not decide (memory, or collateral of another verifier): treat it as refused */
};

/* The trusted roots, and the platforms seen: at most 256, so that a known one costs only the
 * signatures that are new. */
struct warder_verifier;
/* The vendors' pinned roots, and `count` (at most 16) more that the caller trusts, PEM or DER.
 * Claims that rest on one of those say `root: configured`. `roots` may be NULL where count is 0. */
enum warder_status warder_verifier_new(const struct warder_bytes *roots, size_t count,
                                       struct warder_verifier **out);
void warder_verifier_free(struct warder_verifier *v);
/* Whose TPMs are believed, in place of what was said before; without it, nobody's. `cas`: `count`
 * (at most 16) CAs under which attestation keys are certified, DER, or PEM with one to four.
 * `enrolled`: the JSON of `warder tpm enroll`, or nothing. Not while another thread verifies. */
enum warder_status warder_verifier_trust_tpms(struct warder_verifier *v,
                                              const struct warder_bytes *cas, size_t count,
                                              struct warder_bytes enrolled);
/* Adds revocation lists of such CAs, `count` (at most 16) in DER or PEM, until trust_tpms is called
 * again: a certificate whose issuer's list is there must not be in it, and the list must be good.
 */
enum warder_status warder_verifier_revoke_tpms(struct warder_verifier *v,
                                               const struct warder_bytes *lists, size_t count);

/* A part of the collateral of one platform, as its vendor or a cache serves it, byte for byte. Its
 * name is that of its file in a folder of collateral (warder-verify(3) lists them):
 * "tcb_info.json", "qe_identity.json", "tcb_signing_chain.pem", "pck_crl.der",
 * "pck_crl_issuer_chain.pem", "root_ca_crl.der", ... Revocation lists may be DER, PEM or
 * hexadecimal whatever the name says. Names that come with later versions do not change this
 * interface. */
struct warder_item {
    const char *name;
    struct warder_bytes bytes;
};

/* Collateral of one kind of platform, verified once, when it is loaded; it serves any number of
 * pieces of evidence. What is wrong with its content is no error: it shows in every verdict.
 * Belongs to its verifier: freed before it. */
struct warder_collateral;
enum warder_status warder_collateral_load(const struct warder_verifier *v,
                                          const struct warder_item *items, size_t count,
                                          struct warder_collateral **out);
void warder_collateral_free(struct warder_collateral *c);
/* Seconds since 1970 at which the first part of it ends; 0: it is not usable. */
int64_t warder_collateral_expires(const struct warder_collateral *c);

/* Which collateral evidence needs, by what it says of itself, before anything is verified: for
 * fetching only.
 * {"tee":"tdx","fmspc":"b0c06f000000","ca":"platform"}; members of other types of evidence:
 * warder-verify(3). */
enum warder_status warder_evidence_needs(struct warder_bytes evidence, char **json);

/* `evidence`: a bare quote or report, or a CMW bundle. `c` NULL: missing, which is refused where it
 * is needed. `at`: seconds since 1970 at which everything must be valid. `report_data`: the 64
 * bytes that the workload must have had signed, or NULL: the JSON then says `not_checked`, and the
 * caller has to compare the claim report_data itself. `json`: NULL, or gets the JSON of `warder
 * verify -o json` (NULL with WARDER_ERROR). */
enum warder_verdict warder_verify(struct warder_verifier *v, struct warder_bytes evidence,
                                  const struct warder_collateral *c, int64_t at,
                                  const uint8_t report_data[64], char **json);

#ifdef __cplusplus
}
#endif

#endif
