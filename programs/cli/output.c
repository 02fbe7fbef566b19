// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#define COLUMNS_MAX 12

void print_json(const json_t *j)
{
    json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}

static const json_t *member_of(const json_t *row, const char *path)
{
    const json_t *at = row;
    while (at && *path) {
        size_t len = strcspn(path, ".");
        at = json_object_getn(at, path, len);
        path += len + (path[len] == '.');
    }
    return at;
}

bool output_is_json(const char *given, bool *json)
{
    *json = given && !strcmp(given, "json");
    if (!given || *json || !strcmp(given, "text"))
        return true;
    fprintf(stderr, "warder: -o takes text or json, not %.32s\n", given);
    return false;
}

/* Text from services may hold anything. */
static uint8_t clean(uint8_t c)
{
    return c < 0x20 || c == 0x7f ? '?' : c;
}

void print_clean(FILE *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        putc(clean(text.at[i]), out);
}

static void add_clean(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_add_u8(out, clean((uint8_t)*text));
}

static void add_value(struct buf *out, const json_t *value)
{
    if (!value || json_is_null(value)) {
        buf_add_str(out, "-");
    } else if (json_is_string(value)) {
        add_clean(out, json_string_value(value));
    } else if (json_is_array(value)) {
        size_t i;
        const json_t *item;
        json_array_foreach(value, i, item)
        {
            if (i)
                buf_add_str(out, ", ");
            add_value(out, item);
        }
        if (!json_array_size(value))
            buf_add_str(out, "-");
    } else {
        char *text owned(free) = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        add_clean(out, text ? text : "?");
    }
}

static size_t width_of(const json_t *rows, const struct column *column)
{
    size_t width = strlen(column->heading), i;
    const json_t *row;

    json_array_foreach(rows, i, row)
    {
        struct buf text owned(buf_done) = buf_of(4096);
        add_value(&text, member_of(row, column->member));
        width = text.len > width ? text.len : width;
    }
    return width;
}

void print_table(const json_t *rows, const struct column *columns)
{
    size_t widths[COLUMNS_MAX] = { 0 }, count = 0, i;
    const json_t *row;

    for (; columns[count].member && count < COLUMNS_MAX; count++)
        widths[count] = width_of(rows, &columns[count]);
    for (size_t c = 0; c < count; c++)
        printf("%-*s%s", c + 1 < count ? (int)widths[c] : 0, columns[c].heading,
               c + 1 < count ? "  " : "\n");
    json_array_foreach(rows, i, row) for (size_t c = 0; c < count; c++)
    {
        struct buf text owned(buf_done) = buf_of(4096);
        add_value(&text, member_of(row, columns[c].member));
        printf("%-*s%s", c + 1 < count ? (int)widths[c] : 0, buf_str(&text),
               c + 1 < count ? "  " : "\n");
    }
}

static void print_members(const json_t *object, int depth)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        printf("%*s%s:", depth * 2, "", name);
        if (json_is_object(value) && depth < 4) {
            putchar('\n');
            print_members(value, depth + 1);
            continue;
        }
        struct buf text owned(buf_done) = buf_of(64U << 10);
        add_value(&text, value);
        printf(" %s\n", buf_str(&text));
    }
}

void print_object(const json_t *object)
{
    print_members(object, 0);
}
