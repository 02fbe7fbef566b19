// SPDX-License-Identifier: Apache-2.0
/*
 * Rules by example: a good forged platform, one thing turned wrong and signed anew, and the one check
 * that must fail for it. The forger's root is given to the verifier as a configured one.
 */
#ifndef TESTS_FORGE_CASE_H
#define TESTS_FORGE_CASE_H

#include "vector_set.h"

#include "teesim/forge.h"

#define CASE_NOW 1795000000 /* 2026-11-18 */
#define DAY 86400

struct forge_world {
    struct forge_pki pki;
    struct forge_pki stranger; /* another root, unknown to the verifier */
    struct verifier *verifier;
};
extern struct forge_world world;
int world_open(void **state);
int world_close(void **state);

struct forge_case {
    const char *name;
    enum forge_tee tee;
    void (*turn)(struct forge_knobs *k);
    const char *fails;  /* the check that fails, and no other; NULL: verified */
    const char *status; /* expected tcb_status, NULL: not looked at */
};
void forge_cases_run(const struct forge_case *cases, size_t count);
#define FORGE_CASES_RUN(cases) forge_cases_run((cases), sizeof(cases) / sizeof(*(cases)))

/* A good platform, and its verification. */
void forge_good(enum forge_tee tee, struct forge_knobs *k);
struct verify_result *forge_verify(struct forge_knobs *k, int64_t at);
/* Evidence and collateral that were made beforehand; report data may be empty. */
struct verify_result *forge_verify_set(const struct forge_set *s, int64_t at, struct span report_data);
struct collateral_raw forge_set_raw(const struct forge_set *s);
/* Certificates written for a case live until the next one. */
struct span forge_keep_certificate(const struct forge_certificate *form);

#endif
