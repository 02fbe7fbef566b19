// SPDX-License-Identifier: Apache-2.0
/* Configuration files (base/options.h): checked in full first, then taken over, so that a bad file
 * changes nothing. */
#include "base/options.h"

#include <assert.h>
#include <inttypes.h>

#include "base/file.h"
#include "base/number_internal.h"

#define SETTINGS_MAX 256
#define SETTINGS_TEXT_MAX (1U << 20)

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span s)
{
    while (s.len && is_blank(s.at[0]))
        s = span_tail(s, 1);
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

/* The next line without its end; `rest` moves past it. */
static struct span next_line(struct span *rest)
{
    size_t end = span_find(*rest, SPAN("\n"));
    struct span line = span_head(*rest, end);

    *rest = span_tail(*rest, end < rest->len ? end + 1 : end);
    return trim(line);
}

static bool has_control(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.at[i] < 0x20 && line.at[i] != '\t')
            return true;
    }
    return false;
}

static bool parse_bool(struct span text, bool *out)
{
    bool yes = span_equal_str(text, "yes") || span_equal_str(text, "true");
    bool no = span_equal_str(text, "no") || span_equal_str(text, "false");

    *out = yes;
    return yes || no;
}

/* Checks the value; takes it over where `apply` is set. NULL, or what is wrong. */
static const char *take_value(const struct setting *row, struct span value, bool apply)
{
    bool flag = false;
    uint64_t number = 0;
    char *text = NULL;

    switch (row->kind) {
    case OPTION_FLAG:
        if (!parse_bool(value, &flag))
            return "must be yes or no";
        if (apply)
            *(bool *)row->value = flag;
        return NULL;
    case OPTION_NUMBER:
        if (!number_parse(value, &number))
            return "must be a number";
        if (apply)
            *(uint64_t *)row->value = number;
        return NULL;
    case OPTION_TEXT:
        if (!apply)
            return NULL;
        text = value.len ? span_dup(value) : NULL;
        if (value.len && !text)
            return "does not fit in memory";
        free(*(char **)row->value);
        *(char **)row->value = text;
        return NULL;
    }
    return "is of an unknown kind";
}

static bool section_known(const struct setting *rows, struct span section)
{
    for (; rows->section; rows++) {
        if (span_equal_str(section, rows->section))
            return true;
    }
    return false;
}

struct file_state {
    const struct setting *rows;
    bool apply;
    bool seen[SETTINGS_MAX];
    struct span section;
};

static const char *take_section(struct file_state *f, struct span line)
{
    if (line.len < 3 || line.at[line.len - 1] != ']')
        return "bad section line";
    f->section = trim(span_head(span_tail(line, 1), line.len - 2));
    return section_known(f->rows, f->section) ? NULL : "unknown section";
}

/* `subject` becomes what the complaint is about. */
static const char *take_line(struct file_state *f, struct span line, struct span *subject)
{
    *subject = line;
    if (line.len == 0 || line.at[0] == '#')
        return NULL;
    if (has_control(line))
        return "control character";
    if (line.at[0] == '[')
        return take_section(f, line);
    size_t equals = span_find(line, SPAN("="));
    if (equals == line.len)
        return "neither a section nor key = value";
    struct span key = trim(span_head(line, equals));
    *subject = key;
    if (f->section.len == 0)
        return "key outside of any section";
    for (size_t i = 0; f->rows[i].section; i++) {
        if (!span_equal_str(f->section, f->rows[i].section) || !span_equal_str(key, f->rows[i].key))
            continue;
        assert(i < SETTINGS_MAX);
        if (f->seen[i])
            return "key given twice";
        f->seen[i] = true;
        return take_value(&f->rows[i], trim(span_tail(line, equals + 1)), f->apply);
    }
    return "unknown key";
}

static fallible walk(struct span text, const char *name, const struct setting *rows, bool apply,
                     char **message)
{
    struct file_state f = { .rows = rows, .apply = apply };

    for (size_t number = 1; text.len; number++) {
        struct span subject = { 0 };
        struct span line = next_line(&text);
        const char *wrong = take_line(&f, line, &subject);

        if (!wrong)
            continue;
        struct buf said owned(buf_done) = buf_of(4096);
        buf_addf(&said, "%s:%zu: %s: ", name, number, wrong);
        for (size_t i = 0; i < subject.len && i < 80; i++)
            buf_add_u8(&said, subject.at[i] < 0x20 ? '?' : subject.at[i]);
        *message = buf_take_str(&said);
        return FAIL(INPUT, "bad configuration file");
    }
    return OK;
}

fallible settings_parse(struct span text, const char *name, const struct setting *rows,
                        char **message)
{
    TRY(walk(text, name, rows, false, message));
    return walk(text, name, rows, true, message);
}

fallible settings_load(const char *path, const struct setting *rows, char **message)
{
    struct buf text owned(buf_done) = buf_of(SETTINGS_TEXT_MAX);
    struct err e = file_read(path, &text);

    if (failed(e)) {
        struct buf said owned(buf_done) = buf_of(4096);
        buf_addf(&said, "%s: %s", path, e.what);
        *message = buf_take_str(&said);
        return e;
    }
    return settings_parse(buf_span(&text), path, rows, message);
}

static void show_value(const struct setting *row, FILE *out)
{
    const char *text = NULL;

    switch (row->kind) {
    case OPTION_FLAG:
        fprintf(out, "%s = %s\n", row->key, *(bool *)row->value ? "yes" : "no");
        return;
    case OPTION_NUMBER:
        fprintf(out, "%s = %" PRIu64 "\n", row->key, *(uint64_t *)row->value);
        return;
    case OPTION_TEXT:
        text = *(char **)row->value;
        fprintf(out, "%s =%s%s\n", row->key, text ? " " : "", text ? text : "");
        return;
    }
}

void settings_free(const struct setting *rows)
{
    for (; rows->key; rows++) {
        if (rows->kind != OPTION_TEXT)
            continue;
        char **text = rows->value;
        free(*text);
        *text = NULL;
    }
}

void settings_show(const struct setting *rows, FILE *out)
{
    const char *section = "";

    for (; rows->section; rows++) {
        if (strcmp(section, rows->section) != 0)
            fprintf(out, "%s[%s]\n", *section ? "\n" : "", rows->section);
        section = rows->section;
        if (rows->help)
            fprintf(out, "# %s\n", rows->help);
        show_value(rows, out);
    }
}
