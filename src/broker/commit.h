// SPDX-License-Identifier: Apache-2.0
/*
 * Group commit: changes of many threads share one transaction and one fsync. Whoever comes first
 * while nobody commits carries out the changes of all who wait, so a lone caller hands nothing over
 * to another thread. A change is durable, or failed, when commit_run() returns; one that fails
 * leaves its neighbours alone.
 */
#ifndef BROKER_COMMIT_H
#define BROKER_COMMIT_H

#include "store/store.h"

#define COMMIT_BATCH_MAX 64

struct committer;
struct transaction {
    struct store *store;
    struct buf *journal; /* lines for the audit log file, written after the commit */
};
typedef struct err commit_change(struct transaction *t, void *context);

/* Takes the store, where it succeeds. `journal` (may be NULL): the audit log's file, to which the
 * lines of committed changes are appended. */
fallible committer_open(struct store *store, const char *journal, struct committer **out);
void committer_close(struct committer *c);
OWNED_TYPE(struct committer, committer_close)

/* Lines are missing from the journal file; they are in the store. */
bool committer_journal_behind(const struct committer *c);

fallible commit_run(struct committer *c, commit_change *change, void *context);

#endif
