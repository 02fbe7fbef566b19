// SPDX-License-Identifier: Apache-2.0
/*
 * One piece of evidence under verification, and the table of the kinds that can be: what a kind
 * needs to be known of it outside its own files. A new TEE is a row there; README.md says how.
 */
#ifndef VERIFY_PIECE_H
#define VERIFY_PIECE_H

#include "evidence/bundle.h"
#include "verify/check_list.h"

/* What every piece of one verification is judged against. */
struct verify_input {
    struct verifier *verifier;
    const struct collateral_set *collateral; /* NULL: missing */
    int64_t at;
    struct span report_data;    /* 64 expected bytes; empty: none are expected */
    struct span pck_chain;      /* PEM, for a quote that carries none; empty: the collateral's */
    const struct piece *beside; /* for what explains another piece: that piece; NULL: none */
};

struct piece {
    const struct evidence_type *type;
    enum piece_kind kind; /* as the sender declares it */
    struct check_list list;
    const char *name;   /* "sgx", "snp", ...: the result's type; NULL: it could not be read */
    unsigned version;   /* of its format */
    const char *status; /* the vendor's TCB status; "" where there is none */
    void *state;        /* the kind's own: what its claims are made from */
    uint8_t bound[64];  /* what it had the hardware sign: 64 bytes of report data, */
    bool bound_hashed;  /* or their SHA-256 alone, 32 bytes (a TPM) */
    size_t bound_len;   /* any other length: bound to nothing */
    const struct piece *inner; /* of the state: evidence that this one carries; NULL: none */
};

void piece_bind(struct piece *p, struct span report_data);
void piece_bind_hash(struct piece *p, struct span hash);

struct evidence_type {
    enum piece_kind kind;
    const char
        *explains; /* the name of the kind of piece that it belongs to; NULL: it stands by itself */
    const struct check_table *checks;
    /* Which collateral it names, before any verification. FAIL_INPUT: none can be told. */
    fallible (*needs)(struct span bytes, struct collateral_key *out);
    /* Fills list, name, version, status and state. Wrong evidence is a failed check; FAIL_SYSTEM is
     * all that may come back. */
    fallible (*verify)(const struct verify_input *in, struct span bytes, struct piece *p);
    /* Adds what is authenticated. */
    fallible (*claims)(const struct piece *p, json_t *to);
    /* The certificates of its platform, PEM, for verifier_remember(); empty: not authentic. NULL:
     * it has none. */
    struct span (*platform)(const struct piece *p);
    /* Its quoting enclave, for the same; *known: it was before this piece. Empty: not authentic.
     * NULL: it has none. */
    struct span (*enclave)(const struct piece *p, bool *known);
    /* Of the state, which may be NULL. */
    void (*done)(void *state);
};

/* NULL: this kind cannot be verified here. */
const struct evidence_type *evidence_type_of(enum piece_kind kind);

/* The rows' functions. */
extern const struct evidence_type quote_evidence[3]; /* bare, SGX, TDX */
extern const struct evidence_type snp_evidence;

#endif
