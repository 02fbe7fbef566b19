// SPDX-License-Identifier: Apache-2.0
/*
 * IMA's measurement list in its text form (/sys/kernel/security/ima/ascii_runtime_measurements): a
 * line for each file that the kernel measured, "<pcr> <template hash> <template> <fields>". A
 * register is extended by the hash of the template data, which is rebuilt here from the fields; a
 * template hash of zeros marks a violation, which extends all ones.
 */
#ifndef EVIDENCE_IMA_LOG_H
#define EVIDENCE_IMA_LOG_H

#include "base/bounds.h"
#include "base/buf.h"
#include "base/reader.h"

struct ima_entry {
    uint32_t pcr;
    uint8_t hash[IMA_HASH_MAX]; /* as the list gives it: SHA-1, or the bank's */
    size_t hash_len;
    bool violation;
    struct span template_name, fields; /* text */
};

struct ima_cursor {
    struct reader r;
    size_t count;
};

/* `in` above its maximum: FAIL_LIMIT. */
fallible ima_log_open(struct span in, struct ima_cursor *out);
/* The next entry; *end at the end. A line that is not of the form: FAIL_INPUT. */
fallible ima_next(struct ima_cursor *c, struct ima_entry *out, bool *end);

/* What ima-ng, ima-sig and ima-buf say: the digest as text ("sha256:..."), and the name. */
struct ima_file {
    struct span digest, name,
        rest /* hex of a signature or of the measured buffer; empty where there is none */;
};
fallible ima_file_parse(const struct ima_entry *e, struct ima_file *out);
/* Template data as the kernel hashes it, appended to `out`. FAIL_INPUT: a template that is not
 * known here, or fields that do not fit it. */
fallible ima_template_data(const struct ima_entry *e, struct buf *out);

#endif
