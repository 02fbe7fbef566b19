// SPDX-License-Identifier: Apache-2.0
#include "cli/lint.h"

#include "cli/cli.h"

static const char *text_of(const json_t *remark, const char *name)
{
    const char *text = json_string_value(json_object_get(remark, name));
    return text ? text : "";
}

static bool is_error(const json_t *remark)
{
    return !strcmp(text_of(remark, "level"), "error");
}

void lint_add(json_t *remarks, bool error, const char *path, const char *message)
{
    json_t *remark = json_object();

    json_set_str(remark, "level", error ? "error" : "warning");
    json_set_str(remark, "path", path);
    json_set_str(remark, "message", message);
    json_array_append_new(remarks, remark);
}

int lint_print(const char *file, const json_t *remarks)
{
    int rc = EXIT_OK;
    size_t i;
    const json_t *remark;

    json_array_foreach(remarks, i, remark)
    {
        const char *path = text_of(remark, "path");
        fprintf(stderr, "%s: %s: ", file, text_of(remark, "level"));
        print_clean(stderr, span_str(path));
        fputs(*path ? ": " : "", stderr);
        print_clean(stderr, span_str(text_of(remark, "message")));
        if (*text_of(remark, "other")) {
            fputs(" (see ", stderr);
            print_clean(stderr, span_str(text_of(remark, "other")));
            putc(')', stderr);
        }
        putc('\n', stderr);
        if (*text_of(remark, "advice")) {
            fputs("  ", stderr);
            print_clean(stderr, span_str(text_of(remark, "advice")));
            putc('\n', stderr);
        }
        rc = is_error(remark) ? EXIT_ERROR : rc;
    }
    if (rc)
        fprintf(stderr, "  docs/policy-language.md and docs/claims.md say what there is\n");
    return rc;
}

int lint_report(const char *file, const json_t *remarks, bool json)
{
    bool good = true;
    size_t i;
    const json_t *remark;

    json_array_foreach(remarks, i, remark) good = good && !is_error(remark);
    if (json) {
        json_t *answer owned(json_free) = json_object();
        json_set_str(answer, "file", file);
        json_set_bool(answer, "good", good);
        json_object_set(answer, "remarks", (json_t *)remarks);
        print_json(answer);
        return good ? EXIT_OK : EXIT_ERROR;
    }
    int rc = lint_print(file, remarks);
    if (!rc)
        printf("%s: good\n", file);
    return rc;
}
