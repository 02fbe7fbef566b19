// SPDX-License-Identifier: Apache-2.0
/*
 * The report body of an Intel TDX trust domain in its three published sizes: TD 1.0 (584 bytes),
 * TD 1.5 (648) and its extension (885). Fields that a smaller body lacks are empty spans.
 */
#ifndef EVIDENCE_TD_REPORT_H
#define EVIDENCE_TD_REPORT_H

#include "base/reader.h"

#define TD_REPORT_10_SIZE 584
#define TD_REPORT_15_SIZE 648
#define TD_REPORT_15EX_SIZE 885

struct td_report {
    struct span tee_tcb_svn, mrseam, mrsignerseam, seam_attributes, td_attributes, xfam, mrtd,
        mrconfigid, mrowner, mrownerconfig, rtmr[4], report_data;
    struct span tee_tcb_svn_2, mrservicetd;                             /* TD 1.5 */
    struct span td_id, devinfo, service_td_initial, service_td_current; /* TD 1.5 extension */
};

/* Bits of TDATTRIBUTES. */
#define TD_BITS_UNTRUSTED 0xffULL /* debug and profiling: the host can look inside */
#define TD_BIT_SEPT_VE_DISABLE (1ULL << 28)
#define TD_BIT_MIGRATABLE (1ULL << 29)
#define TD_BIT_PERFMON (1ULL << 63)
/* Every bit with a published meaning. */
#define TD_BITS_KNOWN                                                                              \
    (1ULL | 7ULL << 4 | 1ULL << 16 | 1ULL << 17 | 1ULL << 27 | 1ULL << 28 | 1ULL << 29 |           \
     1ULL << 30 | 1ULL << 31 | 1ULL << 62 | 1ULL << 63)

/* The length tells which of the three it is; any other fails. */
fallible td_report_parse(struct span in, struct td_report *out);
uint64_t td_report_attributes(const struct td_report *r);

#endif
