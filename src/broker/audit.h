// SPDX-License-Identifier: Apache-2.0
/*
 * The audit log: one record for each decision, chained: a record's hash covers the hash before it
 * and its own canonical JSON, which carries its number. Records are written in the transaction of
 * what they record.
 */
#ifndef BROKER_AUDIT_H
#define BROKER_AUDIT_H

#include "base/json.h"
#include "broker/commit.h"
#include "crypto/digest.h"

#define AUDIT_RECORD_MAX (64U << 10)
#define AUDIT_LIST_MAX 1000
/* A line of the file: the record as it is hashed between these, its hash in hexadecimal. */
#define AUDIT_LINE_HEAD "{\"record\":"
#define AUDIT_LINE_HASH ",\"hash\":\""
#define AUDIT_LINE_END "\"}"
#define AUDIT_LINE_MAX (AUDIT_RECORD_MAX + 256)
void audit_line_write(struct buf *out, struct span record, struct span hash);

/* `record` has at least "id", "tenant", "key_id" (may be ""), "decision"; "seq", "previous" and
 * "time" are set here. */
fallible audit_append(struct transaction *t, json_t *record, int64_t now);

struct audit_filter {
    struct span tenant, key_id; /* empty key_id: any */
    int64_t before;             /* records with a lower seq; 0: from the newest */
    uint64_t limit;
};
/* The newest first: an array of the records, each with its "hash". */
fallible audit_list(struct store *s, const struct audit_filter *filter, json_t **out);

/* One record of the tenant, by id or by number. FAIL_ABSENT. */
fallible audit_read(struct store *s, struct span tenant, struct span id, json_t **out);

/* A place in the chain: a record's number and hash; all zero is before the first. */
struct audit_place {
    int64_t seq;
    uint8_t hash[SHA256_SIZE];
};
/* Of the record that stands at the next place. */
fallible audit_hash(const struct audit_place *before, struct span record, uint8_t out[SHA256_SIZE]);
/* Follows the chain from the first record; *good false and *broken_at where a record was changed or
 * is missing. */
fallible audit_check(struct store *s, bool *good, int64_t *broken_at);
/* The same of the file, line by line (without their ends): *good false where this line does not
 * follow on *at, which moves on otherwise. */
fallible audit_line_follows(struct span line, struct audit_place *at, bool *good);
/* The place before a line, by its own word: for a file that begins in the middle. FAIL_INPUT. */
fallible audit_line_place(struct span line, struct audit_place *out);

#endif
