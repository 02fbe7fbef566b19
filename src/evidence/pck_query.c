// SPDX-License-Identifier: Apache-2.0
#include "evidence/pck_query.h"

#include "base/hex.h"
#include "evidence/quote.h"

#define QE_ID_AT 28 /* the first bytes of the header's user data */
#define QE_ID_SIZE 16
#define CPU_SVN_SIZE 16

static size_t ppid_size(uint16_t type)
{
    switch (type) {
    case QUOTE_CERT_PPID_PLAIN:
        return 16;
    case QUOTE_CERT_PPID_RSA2048:
        return 256;
    case QUOTE_CERT_PPID_RSA3072:
        return 384;
    default:
        return 0;
    }
}

fallible pck_query_of(struct span quote, struct pck_query *out)
{
    struct pck_query query = { 0 };
    struct quote q;

    TRY(quote_parse(quote, &q));
    size_t size = ppid_size(q.certification_type);
    if (!size)
        return FAIL(INPUT, "certification data does not name a platform");
    struct reader r = reader_of(q.certification_data);
    struct span ppid = reader_take(&r, size);
    struct span cpu_svn = reader_take(&r, CPU_SVN_SIZE);
    struct span pce_svn = reader_take(&r, 2);
    struct span pce_id = reader_take(&r, 2);
    TRY(reader_end(&r, "certification data has not the length of its type"));
    hex_str(span_head(span_tail(q.signed_bytes, QE_ID_AT), QE_ID_SIZE), query.qe_id);
    hex_str(cpu_svn, query.cpu_svn);
    hex_str(pce_svn, query.pce_svn);
    hex_str(pce_id, query.pce_id);
    if (q.certification_type == QUOTE_CERT_PPID_RSA3072)
        hex_str(ppid, query.encrypted_ppid);
    *out = query;
    return OK;
}
