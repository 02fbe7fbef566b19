// SPDX-License-Identifier: Apache-2.0
#include "evidence/td_report.h"

static void td_report_take_15(struct reader *r, struct td_report *t)
{
    t->tee_tcb_svn_2 = reader_take(r, 16);
    t->mrservicetd = reader_take(r, 48);
}

static void td_report_take_15ex(struct reader *r, struct td_report *t)
{
    reader_take(r, 1); /* VM id */
    t->td_id = reader_take(r, 32);
    t->devinfo = reader_take(r, 48);
    t->service_td_initial = reader_take(r, 48);
    reader_take(r, 8);  /* its attributes */
    reader_take(r, 16); /* initial CPUSVN */
    reader_take(r, 16); /* initial TEE_TCB_SVN */
    reader_take(r, 12); /* initial FMSPC information */
    t->service_td_current = reader_take(r, 48);
    reader_take(r, 8); /* its attributes */
}

fallible td_report_parse(struct span in, struct td_report *out)
{
    struct reader r = reader_of(in);
    struct td_report t = { 0 };

    t.tee_tcb_svn = reader_take(&r, 16);
    t.mrseam = reader_take(&r, 48);
    t.mrsignerseam = reader_take(&r, 48);
    t.seam_attributes = reader_take(&r, 8);
    t.td_attributes = reader_take(&r, 8);
    t.xfam = reader_take(&r, 8);
    t.mrtd = reader_take(&r, 48);
    t.mrconfigid = reader_take(&r, 48);
    t.mrowner = reader_take(&r, 48);
    t.mrownerconfig = reader_take(&r, 48);
    for (size_t i = 0; i < 4; i++)
        t.rtmr[i] = reader_take(&r, 48);
    t.report_data = reader_take(&r, 64);
    if (in.len >= TD_REPORT_15_SIZE)
        td_report_take_15(&r, &t);
    if (in.len >= TD_REPORT_15EX_SIZE)
        td_report_take_15ex(&r, &t);
    TRY(reader_end(&r, "TD report body is of no published size (584, 648 or 885 bytes)"));
    *out = t;
    return OK;
}

uint64_t td_report_attributes(const struct td_report *r)
{
    struct reader in = reader_of(r->td_attributes);
    return reader_u64le(&in);
}
