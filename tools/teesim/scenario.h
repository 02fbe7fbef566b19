// SPDX-License-Identifier: Apache-2.0
/*
 * Scenarios: what is wrong with the platform. Each is a row that turns knobs of a good one; a comma
 * list applies them in order. All are properties of the platform, not of the collateral: the CRL
 * always lists the revoked platform and the expired collateral belongs to an FMSPC of its own, so a
 * change shows at once, whatever is cached.
 */
#ifndef TEESIM_SCENARIO_H
#define TEESIM_SCENARIO_H

#include "teesim/forge.h"

#define SCENARIO_TEXT_MAX 256

extern const uint8_t scenario_expired_fmspc[6];
extern const uint8_t scenario_revoked_serial[FORGE_KEY_ID_SIZE];

struct scenario_scene {
    struct forge_knobs *knobs;
    const struct forge_pki *issuer, *stranger; /* the platform's PKI; another root */
    enum forge_ca ca;
    bool revoked;
    bool wrong_report_data; /* the platform quotes other report data than it was given */
};
/* FAIL_INPUT: unknown, or not one of this TEE. "" and "ok" change nothing. */
fallible scenario_apply(struct span list, struct scenario_scene *scene);
/* One line each, for --help. */
void scenario_list(struct buf *out);

#endif
