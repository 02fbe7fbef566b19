// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_source.h"

#include <ctype.h>

#include "base/file.h"
#include "cli/lint.h"

int policy_from_file(const char *path, json_t **remarks, struct policy **out)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    struct err e = file_read(path, &text);

    if (failed(e))
        return print_failure(e, path, NULL);
    e = policy_check_text(buf_span(&text), out, remarks);
    return failed(e) ? print_failure(e, path, NULL) : EXIT_OK;
}

static bool is_path(const char *operand)
{
    size_t len = strlen(operand);

    return !strcmp(operand, "-") || strchr(operand, '/') ||
           (len > 5 && !strcmp(operand + len - 5, ".json"));
}

bool policy_path(const char *id, const char *rest, struct buf *path)
{
    bool good = *id;

    for (const char *c = id; *c; c++)
        good = good && (isalnum((unsigned char)*c) || strchr("._-", *c));
    if (!good || strlen(id) > 64) {
        fprintf(stderr, "warder: not the name or id of a policy: %.80s\n", id);
        return false;
    }
    buf_addf(path, "/as/v1/policies/%s%s", id, rest);
    return true;
}

/* "NAME@3" is version 3. */
static int stored_path(const char *operand, struct buf *path)
{
    char *name owned(free) = strdup(operand);
    char *at = name ? strchr(name, '@') : NULL;

    if (at)
        *at++ = 0;
    if (!name || !policy_path(name, "", path))
        return EXIT_USAGE;
    if (at && (!*at || strspn(at, "0123456789") != strlen(at))) {
        fprintf(stderr, "warder: not a version: %.20s\n", at);
        return EXIT_USAGE;
    }
    if (at)
        buf_addf(path, "?version=%s", at);
    return EXIT_OK;
}

static int from_service(const struct session_options *options, const char *operand,
                        struct policy **out)
{
    struct buf path owned(buf_done) = buf_of(512);
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL, *remarks owned(json_free) = NULL;
    int rc = stored_path(operand, &path);

    if (!rc)
        rc = session_open(options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_AS, "GET", buf_str(&path), NULL, &answer);
    if (rc)
        return rc;
    struct err e = policy_check(json_object_get(answer, "policy"), out, &remarks);
    if (failed(e))
        return print_failure(e, operand, NULL);
    return *out ? EXIT_OK : lint_print(operand, remarks);
}

int policy_from_operand(const struct session_options *options, const char *operand,
                        struct policy **out)
{
    json_t *remarks owned(json_free) = NULL;

    if (!is_path(operand))
        return from_service(options, operand, out);
    int rc = policy_from_file(operand, &remarks, out);
    if (rc || *out)
        return rc;
    return lint_print(operand, remarks);
}

void policy_words_print(const json_t *words)
{
    const json_t *line;
    size_t i;

    json_array_foreach(words, i, line)
    {
        int depth = (int)json_integer_value(json_object_get(line, "depth"));
        printf("%*s%s", 2 * depth, "", depth ? "- " : "");
        print_clean(stdout, span_str(json_string_value(json_object_get(line, "text"))));
        putchar('\n');
    }
}
