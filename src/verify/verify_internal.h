// SPDX-License-Identifier: Apache-2.0
/* What the files of verify/ know of each other. */
#ifndef VERIFY_VERIFY_INTERNAL_H
#define VERIFY_VERIFY_INTERNAL_H

#include "collateral/qe_identity.h"
#include "collateral/tcb_info.h"
#include "crypto/digest.h"
#include "evidence/quote.h"
#include "verify/amd_collateral.h"
#include "verify/piece.h"
#include "verify/platform.h"
#include "verify/quote_checks.h"
#include "verify/tcb_rule.h"
#include "verify/tpm_trust.h"

struct verifier {
    struct root_set roots;     /* of Intel's evidence */
    struct root_set amd_roots; /* of AMD's */
    struct platform_map platforms;
    struct tpm_trust tpm;
    bool samples; /* sample evidence is taken */
};

/* A signed JSON document: what is wrong with its signature or its content, or NULL. The content is
 * not read before the signature is good. */
struct signed_part {
    const char *signature_wrong, *format_wrong;
    const char *chain_wrong;
    struct chain chain; /* signer, root */
    size_t root;
    struct window signer_window, window;
};

struct collateral_set {
    atomic_uint refs;
    const struct verifier *verifier;
    uint8_t digest[SHA256_SIZE];
    size_t root; /* on which all of it rests, or ROOT_NONE */
    struct signed_part tcb_part, identity_part;
    struct tcb_info *tcb_info;       /* NULL unless its signature is good */
    struct qe_identity *qe_identity; /* likewise */
    struct crl_set crls;
    struct window window; /* of everything */
    bool for_intel;       /* any part of it is */
    struct amd_collateral amd;
    struct buf pck_chain,
        pck_issuers; /* PEM, unverified: for quotes that carry no chain, or the leaf alone */
};
struct collateral_set *collateral_set_ref(const struct collateral_set *c);
/* The checks that rest on the collateral alone. */
void collateral_set_check(const struct collateral_set *c, int64_t at, struct check_list *l);

/* What a quote's claims are made from. */
struct quote_state {
    enum quote_tee tee;
    uint16_t version;
    bool genuine; /* every signature from a trusted root down to the body is good */
    uint8_t body[TD_REPORT_15EX_SIZE];
    size_t body_len;
    uint16_t qe_isvsvn;
    struct platform *platform;
    const struct quoting_enclave *enclave; /* the platform's; NULL: not remembered */
    bool enclave_known;                    /* before this quote */
    struct collateral_set *collateral;
    struct tcb_result tcb;
    bool has_tcb; /* every check up to the status passed */
};
/* The functions of its row. */
fallible quote_needs(struct span bytes, struct collateral_key *out);
fallible quote_claims(const struct piece *p, json_t *to);
/* Of a TD quote that is genuine; they point into its state. */
bool quote_rtmrs(const struct piece *p, struct span rtmr[4]);

#endif
