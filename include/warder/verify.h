/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libwarder-verify: verification of attestation evidence (Intel SGX quotes v3, TDX quotes v4 and v5) as a
 * library: no daemon, no I/O, no clock, no global state; safe to use from many threads.
 *
 *   evidence + collateral + time -> verdict, with every check, the clause it enforces, and verified claims.
 *
 * Link with -lwarder-verify (pkg-config warder-verify). What a _new or _load function returns is freed by its
 * _free, which takes NULL; texts returned through char ** are freed by free(3).
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

enum warder_verdict {
    WARDER_VERIFIED = 0, /* genuine, complete, of a status that is not Revoked; debug and the like are claims,
                            for the caller's policy */
    WARDER_REFUSED = 1,  /* anything else: the JSON says which check failed */
    WARDER_ERROR = -1    /* could not decide (memory): treat it as refused */
};

/* The vendor's pinned root, and `count` (at most 16) more that the caller trusts, PEM or DER. Claims that rest on
 * one of those say `root: configured`. NULL: memory, or a root that is not a certificate. */
struct warder_verifier *warder_verifier_new(const struct warder_bytes *roots, size_t count);
void warder_verifier_free(struct warder_verifier *v);

/* Collateral of one kind of platform, as Intel's PCS or a PCCS serves it. It is verified once, when loaded; a set
 * serves any number of quotes and threads. What is wrong with it shows in every verdict. NULL: memory. */
struct warder_collateral {
    struct warder_bytes tcb_info, qe_identity; /* JSON bodies, byte for byte */
    struct warder_bytes tcb_signing_chain;     /* PEM: signer, root */
    struct warder_bytes pck_crl, root_ca_crl;  /* DER, PEM or hex */
    struct warder_bytes pck_crl_issuer_chain;  /* PEM: intermediate, root */
};
struct warder_collateral_set *warder_collateral_load(const struct warder_verifier *v,
                                                     const struct warder_collateral *raw);
void warder_collateral_free(struct warder_collateral_set *c);

/* `evidence`: a bare quote or a CMW bundle. `at`: seconds since 1970 at which everything must be valid.
 * `report_data`: the 64 bytes that the workload must have had signed, or NULL: the JSON then says `not_checked`,
 * and the caller has to compare the claim report_data itself. `json`: NULL, or gets the JSON of
 * `warder verify -o json` (NULL with WARDER_ERROR). */
enum warder_verdict warder_verify(struct warder_verifier *v, struct warder_bytes evidence,
                                  const struct warder_collateral_set *c, int64_t at,
                                  const uint8_t report_data[64], char **json);

#ifdef __cplusplus
}
#endif

#endif
