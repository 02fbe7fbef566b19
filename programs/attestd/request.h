// SPDX-License-Identifier: Apache-2.0
/* What goes over an answer socket (channel.h), as bytes. Spans borrow from the message. */
#ifndef ATTESTD_REQUEST_H
#define ATTESTD_REQUEST_H

#include "base/bounds.h"
#include "base/buf.h"
#include "verify/verify.h"

enum work_kind {
    WORK_VERIFY = 1,
    WORK_ATTEST,
    WORK_PROBE_VERIFIER, /* is a worker there? */
    WORK_PROBE_ISSUER    /* and the issuer? */
};

/* How the client gave its evidence. The front reads this envelope and no further. */
enum evidence_form {
    EVIDENCE_RECORD = 1, /* CMW record: media type and base64url text */
    EVIDENCE_CMW,        /* other CMW: JSON text */
    EVIDENCE_BASE64      /* a bare quote in base64 */
};

struct work_request {
    enum work_kind kind;
    bool final; /* answer with the collateral there is: nobody will bring other */
    enum evidence_form form;
    struct span media_type; /* EVIDENCE_RECORD */
    struct span evidence;
    struct span report_data;  /* WORK_VERIFY: expected, hex; empty: none */
    struct span runtime_data; /* WORK_ATTEST: JSON; empty: none */
    struct span tenant;       /* WORK_ATTEST */
    struct span audience;     /* WORK_ATTEST: whom the token is for */
    struct span policies;     /* WORK_ATTEST: [{"id","version","policy"}], from the store */
    struct span denied;       /* JSON: the deny list in force; empty: none */
    struct span pck_chain;    /* PEM, once the worker has asked for it; else empty */
    /* WORK_VERIFY of what was kept: `at`, and then with this collateral alone (as collateral_write
     * wrote it; empty: none) and `runtime_data` and `tenant` for the report data. 0: now, with what
     * is warm. */
    int64_t at;
    struct span collateral;
};
void work_request_write(const struct work_request *r, struct buf *out);
fallible work_request_parse(struct span bytes, struct work_request *out);

/* `stale`: the worker has collateral of this key, past its date. */
void collateral_need_write(const struct collateral_key *k, bool stale, struct buf *out);
fallible collateral_need_parse(struct span bytes, struct collateral_key *out, bool *stale);
bool collateral_key_equal(const struct collateral_key *a, const struct collateral_key *b);

/* By its parameters, as a cache is asked (evidence/pck_query.h). */
void pck_need_write(const struct pck_query *query, struct buf *out);
fallible pck_need_parse(struct span bytes, struct pck_query *out);

void collateral_write(const struct collateral_key *k, const struct collateral_raw *raw,
                      struct buf *out);
fallible collateral_parse(struct span bytes, struct collateral_key *k, struct collateral_raw *raw);

/* `code`: the problem's stable word. */
struct answer_failure {
    enum fail_kind kind;
    struct span code, text;
};
void answer_failure_write(struct err e, const char *code, struct buf *out);
fallible answer_failure_parse(struct span bytes, struct answer_failure *out);

/* A platform that was seen: its PCK chain (PEM) and its quoting enclave, as verifier_remember()
 * takes them. */
void platform_write(struct span pck_chain, struct span enclave, struct buf *out);
fallible platform_parse(struct span bytes, struct span *pck_chain, struct span *enclave);

#endif
