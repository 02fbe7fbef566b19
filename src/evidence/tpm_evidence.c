// SPDX-License-Identifier: Apache-2.0
#include "evidence/tpm_evidence.h"

#include "base/writer.h"

#define MAGIC SPAN("WTPM\x01")

bool tpm_evidence_looks_like(struct span in)
{
    return span_starts(in, MAGIC);
}

fallible tpm_evidence_parse(struct span in, struct tpm_evidence *out)
{
    struct reader r = reader_of(in);
    struct tpm_evidence e = { 0 };
    uint8_t last = 0;

    if (in.len > TPM_EVIDENCE_MAX)
        return FAIL(LIMIT, "evidence of a TPM is larger than 192 KiB");
    if (!tpm_evidence_looks_like(in))
        return FAIL(INPUT, "not evidence of a TPM");
    reader_take(&r, MAGIC.len);
    while (r.rest.len) {
        uint8_t tag = reader_u8(&r);
        reader_require(&r, tag > last && tag < TPM_PARTS);
        struct span part = reader_take(&r, reader_u32be(&r));
        reader_require(&r, part.len > 0);
        if (!r.failed)
            e.parts[tag] = part;
        last = tag;
    }
    TRY(reader_end(&r, "evidence of a TPM is malformed"));
    if (!e.parts[TPM_PART_QUOTE].len || !e.parts[TPM_PART_SIGNATURE].len ||
        !e.parts[TPM_PART_PCRS].len)
        return FAIL(INPUT, "evidence of a TPM lacks its quote, its signature or its PCR values");
    *out = e;
    return OK;
}

bool tpm_evidence_of_azure(struct span in)
{
    struct tpm_evidence e;

    return tpm_evidence_looks_like(in) && !failed(tpm_evidence_parse(in, &e)) &&
           e.parts[TPM_PART_HCL_REPORT].len;
}

fallible tpm_evidence_write(const struct tpm_evidence *e, struct buf *out)
{
    buf_add(out, MAGIC);
    for (uint8_t tag = 1; tag < TPM_PARTS; tag++) {
        if (!e->parts[tag].len)
            continue;
        write_u8(out, tag);
        write_part(out, e->parts[tag]);
    }
    return buf_check(out);
}
