// SPDX-License-Identifier: Apache-2.0
#include "broker/audit_file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/file.h"
#include "broker/audit.h"

#define CHUNK (256U << 10)

struct audit_file {
    int fd;
    atomic_bool behind;
};

static fallible write_all(int fd, struct span text)
{
    while (text.len) {
        ssize_t n = write(fd, text.at, text.len);
        if (n <= 0)
            return FAIL(SYSTEM, "the audit log file cannot be written");
        text = span_tail(text, (size_t)n);
    }
    return OK;
}

/* The file's end, as much as two lines may take at most. */
static fallible read_end(int fd, struct buf *end, off_t *size)
{
    struct stat st;

    if (fstat(fd, &st))
        return FAIL(SYSTEM, "the audit log file cannot be read");
    off_t from = st.st_size > 2 * AUDIT_LINE_MAX ? st.st_size - 2 * AUDIT_LINE_MAX : 0;
    for (off_t at = from; at < st.st_size;) {
        uint8_t block[4096];
        ssize_t n = pread(fd, block, sizeof block, at);
        if (n <= 0)
            return FAIL(SYSTEM, "the audit log file cannot be read");
        buf_add(end, span_from(block, (size_t)n));
        at += n;
    }
    *size = from + (off_t)end->len;
    return buf_check(end);
}

static size_t start_of_last_line(struct span lines)
{
    size_t at = lines.len ? lines.len - 1 : 0;

    while (at && lines.at[at - 1] != '\n')
        at--;
    return at;
}

/* Cuts off a line that was not written to its end, and says which record the last line is; 0: none
 * is known. */
static fallible last_record(int fd, int64_t *seq)
{
    struct buf end owned(buf_done) = buf_of((size_t)3 * AUDIT_LINE_MAX);
    struct audit_place before = { 0 };
    off_t size;

    *seq = 0;
    TRY(read_end(fd, &end, &size));
    struct span lines = buf_span(&end);
    while (lines.len && lines.at[lines.len - 1] != '\n')
        lines.len--;
    if (lines.len < end.len && ftruncate(fd, size - (off_t)(end.len - lines.len)))
        return FAIL(SYSTEM, "the audit log file cannot be written");
    if (!lines.len)
        return OK;
    size_t start = start_of_last_line(lines);
    struct span line = span_from(lines.at + start, lines.len - start - 1);
    *seq = failed(audit_line_place(line, &before)) ? 0 : before.seq + 1;
    return OK;
}

static fallible write_rows(int fd, struct statement *q)
{
    struct buf text owned(buf_done) = buf_of(CHUNK + 2 * AUDIT_LINE_MAX);
    bool more = true;

    while (more) {
        TRY(store_step(q, &more));
        if (more)
            audit_line_write(&text, column_text(q, 0), column_blob(q, 1));
        TRY(buf_check(&text));
        if (more && text.len < CHUNK)
            continue;
        TRY(write_all(fd, buf_span(&text)));
        buf_clear(&text);
    }
    return OK;
}

static fallible catch_up(struct audit_file *f, struct store *s)
{
    struct statement *q;
    int64_t last;

    TRY(last_record(f->fd, &last));
    TRY(store_query(s,
                    "SELECT record, hash FROM audit WHERE seq > CASE WHEN ?1 > 0 THEN ?1 ELSE "
                    "(SELECT coalesce(max(seq), 0) FROM audit) - ?2 END ORDER BY seq",
                    &q));
    bind_int(q, 1, last);
    bind_int(q, 2, AUDIT_FILE_FIRST);
    struct err e = write_rows(f->fd, q);
    store_reset(q);
    return e;
}

fallible audit_file_open(const char *path, struct store *s, struct audit_file **out)
{
    owned(audit_file_close) struct audit_file *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(SYSTEM, "out of memory");
    f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (f->fd < 0)
        return FAIL(SYSTEM, "the audit log file cannot be written");
    f->behind = failed(catch_up(f, s)); /* a full disk stops nobody: the store has them */
    *out = TAKE(f);
    return OK;
}

void audit_file_close(struct audit_file *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

void audit_file_append(struct audit_file *f, struct store *s, struct span lines)
{
    f->behind = failed(f->behind ? catch_up(f, s) : write_all(f->fd, lines));
}

bool audit_file_behind(const struct audit_file *f)
{
    return f->behind;
}
