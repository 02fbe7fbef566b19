// SPDX-License-Identifier: Apache-2.0
/* warder appraisal: appraisal policies of the attestation service. */
#include "base/file.h"
#include "cli/cli.h"
#include "cli/lint.h"
#include "policy/policy.h"

/* The policy, where it is good, and what there is to say of it. Not EXIT_OK: there is no telling. */
static int load(const char *path, json_t *remarks, struct policy **out)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    struct policy_remarks found owned(policy_remarks_done) = { 0 };
    char *message owned(free) = NULL;
    struct err e = file_read(path, &text);

    if (failed(e))
        return print_failure(e, path, NULL);
    e = policy_parse(buf_span(&text), out, &message);
    if (failed(e)) {
        lint_add(remarks, true, "", message ? message : e.what);
        return EXIT_OK;
    }
    e = policy_lint(*out, &found);
    if (failed(e))
        return print_failure(e, path, NULL);
    for (size_t i = 0; i < found.count; i++)
        lint_add(remarks, found.at[i].error, found.at[i].path, found.at[i].message);
    return EXIT_OK;
}

static int appraisal_create(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *name = NULL, *path = NULL;
    const struct option_row rows[] = {
        { "name", 0, OPTION_TEXT, "TEXT", "its name", &name },
        { "file", 'f', OPTION_TEXT, "FILE", "the conditions, JSON; - is standard input", &path },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = { "warder appraisal create", "", "make an appraisal policy: what evidence must say", NULL };
    struct policy *p owned(policy_free) = NULL;
    json_t *remarks owned(json_free) = json_array();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!name || !path) {
        fprintf(stderr, "warder: --name and --file are needed\n");
        return EXIT_USAGE;
    }
    rc = load(path, remarks, &p);
    if (!rc)
        rc = lint_print(path, remarks);
    struct session s owned(session_close) = { 0 };
    json_t *body owned(json_free) = json_object(), *answer owned(json_free) = NULL;
    if (!rc)
        rc = session_open(&options, &s);
    if (rc)
        return rc;
    json_set_str(body, "name", name);
    json_object_set(body, "policy", (json_t *)policy_document(p));
    rc = session_call(&s, SERVICE_AS, "POST", "/as/v1/policies", body, &answer);
    if (rc)
        return rc;
    const char *id = json_string_value(json_object_get(answer, "id"));
    if (s.json)
        print_json(answer);
    else
        printf("Created Appraisal Policy: %s\n", id ? id : "?");
    return EXIT_OK;
}

static int appraisal_lint(int argc, char **argv)
{
    const char *path, *output = NULL;
    const struct option_row rows[] = { OUTPUT_OPTION(output), { 0 } };
    const struct command_help help = { "warder appraisal lint", "FILE", "check an appraisal policy without storing it",
                                       "Exit status: 0 it is good, 1 it is not." };
    struct policy *p owned(policy_free) = NULL;
    json_t *remarks owned(json_free) = json_array();
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    if (!output_is_json(output, &json))
        return EXIT_USAGE;
    rc = load(path, remarks, &p);
    return rc ? rc : lint_report(path, remarks, json);
}

static int appraisal_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_AS, "/as/v1/policies", "warder appraisal list", "appraisal policies",
                     (const struct column[]){ { "id", "ID" }, { "name", "NAME" }, { "version", "VERSION" }, { "digest", "DIGEST" }, { 0 } });
}

static int appraisal_show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_AS, "/as/v1/policies/", "warder appraisal show", "one appraisal policy");
}

static int appraisal_delete(int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_AS, "/as/v1/policies/", "warder appraisal delete", "delete an appraisal policy");
}

int cli_appraisal(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", appraisal_create, "make one" },  { "list", appraisal_list, "all of them" }, { "show", appraisal_show, "one of them" },
        { "delete", appraisal_delete, "delete one" }, { "lint", appraisal_lint, "check a file" }, { 0 },
    };
    return verb_dispatch("warder appraisal", "appraisal policies: what evidence must say", verbs, argc, argv);
}
