// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

#define LINE_MAX_BYTES 16384

static const char *program_name = "warder";
static enum log_level least_level = LOG_INFO;

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARNING] = "warning",
    [LOG_ERROR] = "error",
};

void log_start(const char *program, enum log_level least)
{
    program_name = program;
    least_level = least;
}

/* Bytes outside ASCII are escaped as if Latin-1: a line is valid JSON whatever a peer sent. */
static void add_value(struct buf *line, const char *value)
{
    struct span v = span_str(value);
    bool cut = v.len > LOG_VALUE_MAX;

    buf_add_u8(line, '"');
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
    buf_add_u8(line, '"');
}

static void add_field(struct buf *line, const char *key, const char *value)
{
    buf_addf(line, ",\"%s\":", key);
    add_value(line, value);
}

static void add_fields(struct buf *line, va_list fields)
{
    for (const char *key; (key = va_arg(fields, const char *)) != NULL;) {
        const char *value = va_arg(fields, const char *);

        if (value)
            add_field(line, key, value);
    }
}

static void start_line(struct buf *line, enum log_level level, const char *message)
{
    char now[CLOCK_TEXT_MAX];

    buf_add_str(line, "{\"time\":");
    add_value(line, clock_format(clock_now(), now));
    add_field(line, "level", level_names[level]);
    add_field(line, "program", program_name);
    add_field(line, "message", message);
}

static void end_line(struct buf *line)
{
    static const char too_long[] =
        "{\"level\":\"error\",\"message\":\"a log line was too long\"}\n";

    buf_add_str(line, "}\n");
    struct span out = failed(buf_check(line)) ? span_str(too_long) : buf_span(line);
    /* One write: lines of several processes on one pipe do not mix. A full or closed stderr is
     * nobody's failure. */
    ssize_t put = write(STDERR_FILENO, out.at, out.len);
    (void)put;
}

void log_event(enum log_level level, const char *message, ...)
{
    if (level < least_level)
        return;
    struct buf line owned(buf_done) = buf_of(LINE_MAX_BYTES);
    va_list fields;

    start_line(&line, level, message);
    va_start(fields, message);
    add_fields(&line, fields);
    va_end(fields);
    end_line(&line);
}

void log_failure(struct err e, const char *message, ...)
{
    struct buf line owned(buf_done) = buf_of(LINE_MAX_BYTES);
    va_list fields;

    start_line(&line, LOG_ERROR, message);
    add_field(&line, "kind", fail_kind_name(e.kind));
    add_field(&line, "what", e.what);
    if (e.at)
        buf_addf(&line, ",\"at\":%u", e.at);
    va_start(fields, message);
    add_fields(&line, fields);
    va_end(fields);
    end_line(&line);
}
