// SPDX-License-Identifier: Apache-2.0
/*
 * The audit log as a file of lines, for people and collectors. The store is what counts; the file
 * follows it, and what a crash, a full disk or a kill took from it is written from the store.
 */
#ifndef BROKER_AUDIT_FILE_H
#define BROKER_AUDIT_FILE_H

#include "store/store.h"

#define AUDIT_FILE_FIRST 1024 /* records that a new file begins with, the newest */

struct audit_file;
/* Made where it is missing, and brought up to the store's last record; who opens it is the only
 * one who writes it. */
fallible audit_file_open(const char *path, struct store *s, struct audit_file **out);
void audit_file_close(struct audit_file *f);
OWNED_TYPE(struct audit_file, audit_file_close)

/* Lines of records that are in the store by now. */
void audit_file_append(struct audit_file *f, struct store *s, struct span lines);
/* Lines are missing from the file, which the next call of audit_file_append() tries to mend. */
bool audit_file_behind(const struct audit_file *f);

#endif
