// SPDX-License-Identifier: Apache-2.0
/* Whole files: read under a maximum, write so that a crash leaves the old or the new one. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>
#include <time.h>

#include "base/buf.h"

/* Appends the file's bytes. FAIL_ABSENT: no such file. FAIL_LIMIT: larger than the buf's maximum.
 * "-" is standard input. */
fallible file_read(const char *path, struct buf *out);
/* Temporary file in the same folder, mode set from the start, fsync, rename, fsync of the folder.
 */
fallible file_write(const char *path, struct span bytes, mode_t mode);
/* As file_write, but fails with FAIL_CONFLICT where the file exists. */
fallible file_create(const char *path, struct span bytes, mode_t mode);
/* For lines at its end, whoever else writes there. Made with `mode`; a link is refused. */
fallible file_open_append(const char *path, mode_t mode, int *fd);
/* mkdir -p; existing folders are fine. */
fallible file_make_dir(const char *path, mode_t mode);
/* Refuses a secret's file that others can read: mode & 077 must be 0. */
fallible file_check_private(const char *path);
bool file_exists(const char *path);
/* malloc'ed: the folder that a file is in, "." for a bare name, "" for none. NULL: no memory. */
char *file_folder(const char *path);

/* Which file is there: what changes when it is replaced or written. All zero: none. */
struct file_mark {
    ino_t inode;
    struct timespec changed;
    off_t size;
};
struct file_mark file_mark_of(const char *path);
bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);

#endif
