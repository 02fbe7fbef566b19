// SPDX-License-Identifier: Apache-2.0
#include "evidence/sgx_report.h"

fallible sgx_report_parse(struct span in, struct sgx_report *out)
{
    struct reader r = reader_of(in);
    struct sgx_report s = { 0 };

    s.cpusvn = reader_take(&r, 16);
    s.miscselect = reader_take(&r, 4);
    reader_take(&r, 12);
    s.isvextprodid = reader_take(&r, 16);
    s.attributes = reader_take(&r, 16);
    s.mrenclave = reader_take(&r, 32);
    reader_take(&r, 32);
    s.mrsigner = reader_take(&r, 32);
    reader_take(&r, 32);
    s.configid = reader_take(&r, 64);
    s.isvprodid = reader_u16le(&r);
    s.isvsvn = reader_u16le(&r);
    s.configsvn = reader_u16le(&r);
    reader_take(&r, 42);
    s.isvfamilyid = reader_take(&r, 16);
    s.report_data = reader_take(&r, 64);
    TRY(reader_end(&r, "SGX report body is not 384 bytes"));
    *out = s;
    return OK;
}

bool sgx_report_debug(const struct sgx_report *r)
{
    struct reader flags = reader_of(r->attributes);
    return reader_u8(&flags) & SGX_FLAG_DEBUG;
}
