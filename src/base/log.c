// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"

#define LINE_MAX_BYTES 16384

static const char *program_name = "warder";
static enum log_level least_level = LOG_INFO;
static int copy_fd = -1;

/* One event, twice: for stderr, and for the copy where there is one. */
struct line {
    struct buf json, text;
};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};
static const char *const level_words[] = {
    [LOG_DEBUG] = "DEBU",
    [LOG_INFO] = "INFO",
    [LOG_WARNING] = "WARN",
    [LOG_ERROR] = "ERRO",
};

void log_start(const char *program, enum log_level least)
{
    program_name = program;
    least_level = least;
}

fallible log_copy_to(const char *path)
{
    return file_open_append(path, 0640, &copy_fd);
}

/* Bytes outside ASCII are escaped as if Latin-1: a line is valid JSON whatever a peer sent. */
static void add_escaped(struct buf *line, const char *value)
{
    struct span v = span_str(value);
    bool cut = v.len > LOG_VALUE_MAX;

    v = span_head(v, LOG_VALUE_MAX);
    for (size_t i = 0; i < v.len; i++) {
        uint8_t c = v.at[i];

        if (c == '"' || c == '\\')
            buf_addf(line, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            buf_addf(line, "\\u%04x", c);
        else
            buf_add_u8(line, c);
    }
    if (cut)
        buf_add_str(line, "...");
}

static void add_value(struct buf *line, const char *value)
{
    buf_add_u8(line, '"');
    add_escaped(line, value);
    buf_add_u8(line, '"');
}

static void add_member(struct buf *json, const char *key, const char *value)
{
    buf_addf(json, ",\"%s\":", key);
    add_value(json, value);
}

static void add_field(struct line *line, const char *key, const char *value)
{
    add_member(&line->json, key, value);
    if (copy_fd >= 0) {
        buf_addf(&line->text, " %s=", key);
        add_value(&line->text, value);
    }
}

static void add_fields(struct line *line, va_list fields)
{
    for (const char *key; (key = va_arg(fields, const char *)) != NULL;) {
        const char *value = va_arg(fields, const char *);

        if (value)
            add_field(line, key, value);
    }
}

static void start_line(struct line *line, enum log_level level, const char *message)
{
    char now[CLOCK_TEXT_MAX];

    line->json = buf_of(LINE_MAX_BYTES);
    line->text = buf_of(LINE_MAX_BYTES);
    clock_format(clock_now(), now);
    buf_add_str(&line->json, "{\"time\":");
    add_value(&line->json, now);
    add_member(&line->json, "level", level_names[level]);
    add_member(&line->json, "program", program_name);
    add_member(&line->json, "message", message);
    if (copy_fd < 0)
        return;
    buf_addf(&line->text, "%s[%s %s]: ", level_words[level], now, program_name);
    add_escaped(&line->text, message);
    buf_add_str(&line->text, "; name=default");
}

/* One write: lines of several processes on one pipe do not mix. A full or closed file is nobody's
 * failure. */
static void put_line(int fd, struct buf *line, const char *end, const char *too_long)
{
    buf_add_str(line, end);
    struct span out = failed(buf_check(line)) ? span_str(too_long) : buf_span(line);
    ssize_t put = write(fd, out.at, out.len);
    (void)put;
    buf_done(line);
}

static void end_line(struct line *line)
{
    put_line(STDERR_FILENO, &line->json, "}\n",
             "{\"level\":\"error\",\"message\":\"a log line was too long\"}\n");
    if (copy_fd >= 0)
        put_line(copy_fd, &line->text, "\n", "ERRO: a log line was too long; name=default\n");
    buf_done(&line->text);
}

void log_event(enum log_level level, const char *message, ...)
{
    if (level < least_level)
        return;
    struct line line;
    va_list fields;

    start_line(&line, level, message);
    va_start(fields, message);
    add_fields(&line, fields);
    va_end(fields);
    end_line(&line);
}

void log_failure(struct err e, const char *message, ...)
{
    struct line line;
    va_list fields;

    start_line(&line, LOG_ERROR, message);
    add_field(&line, "kind", fail_kind_name(e.kind));
    add_field(&line, "what", e.what);
    if (e.at)
        buf_addf(&line.json, ",\"at\":%u", e.at);
    if (e.at && copy_fd >= 0)
        buf_addf(&line.text, " at=%u", e.at);
    va_start(fields, message);
    add_fields(&line, fields);
    va_end(fields);
    end_line(&line);
}
