// SPDX-License-Identifier: Apache-2.0
#include "cli/decision.h"

#include "cli/cli.h"

#define VALUE_SHOWN 200

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void print_value(const json_t *value)
{
    char *text owned(free) =
        value && !json_is_null(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    struct span shown = span_str(text ? text : "absent");

    print_clean(stdout, span_head(shown, VALUE_SHOWN));
    fputs(shown.len > VALUE_SHOWN ? "..." : "", stdout);
}

static void print_name(const json_t *j, const char *name)
{
    print_clean(stdout, span_str(text_of(j, name)));
}

static void print_checks(const json_t *checks)
{
    const json_t *check;
    size_t i;

    json_array_foreach(checks, i, check)
    {
        fputs("  ", stdout);
        print_name(check, "outcome");
        fputs("  ", stdout);
        print_name(check, "check");
        putchar('\n');
    }
}

/* rule: claim operator expected; found: actual */
static void print_change(const json_t *change)
{
    fputs("  ", stdout);
    print_name(change, "rule");
    fputs(": ", stdout);
    print_name(change, "claim");
    putchar(' ');
    print_name(change, "operator");
    putchar(' ');
    if (!json_is_null(json_object_get(change, "expected")))
        print_value(json_object_get(change, "expected"));
    fputs("\n    found: ", stdout);
    print_value(json_object_get(change, "actual"));
    fputs("\n    needed: ", stdout);
    print_name(change, "needed");
    putchar('\n');
}

void decision_print(const json_t *decision)
{
    const json_t *change, *changes = json_object_get(decision, "smallest_change");
    size_t i;

    print_checks(json_object_get(decision, "checks"));
    if (!json_array_size(changes))
        return;
    puts("\nThe smallest change that would pass:");
    json_array_foreach(changes, i, change) print_change(change);
}
