// SPDX-License-Identifier: Apache-2.0
/* warder appraisal: appraisal policies of the attestation service. */
#include "base/file.h"
#include "cli/cli.h"
#include "policy/policy.h"

static int load(const char *path, struct policy **out)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    char *message owned(free) = NULL;
    struct err e = file_read(path, &text);

    if (!failed(e))
        e = policy_parse(buf_span(&text), out, &message);
    if (!failed(e))
        return EXIT_OK;
    return print_failure(message ? (struct err){ e.kind, 0, message } : e, path, "docs/policy-language.md and docs/claims.md say what there is");
}

static int print_remarks(const struct policy *p, const char *path)
{
    struct policy_remarks remarks owned(policy_remarks_done) = { 0 };
    struct err e = policy_lint(p, &remarks);

    if (failed(e))
        return print_failure(e, path, NULL);
    for (size_t i = 0; i < remarks.count; i++)
        fprintf(stderr, "%s: %s: %s: %s\n", path, remarks.at[i].error ? "error" : "warning", remarks.at[i].path, remarks.at[i].message);
    return policy_remarks_has_error(&remarks) ? EXIT_ERROR : EXIT_OK;
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
    int rest;
    switch (options_parse(argc, argv, rows, &help, &rest)) {
    case OPTIONS_DONE:
        return EXIT_OK;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (!name || !path) {
        fprintf(stderr, "warder: --name and --file are needed\n");
        return EXIT_USAGE;
    }
    int rc = load(path, &p);
    if (!rc)
        rc = print_remarks(p, path);
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
    const struct option_row rows[] = { { 0 } };
    const struct command_help help = { "warder appraisal lint", "FILE", "check an appraisal policy without storing it",
                                       "Exit status: 0 it is good, 1 it is not." };
    struct policy *p owned(policy_free) = NULL;
    int rest;
    switch (options_parse(argc, argv, rows, &help, &rest)) {
    case OPTIONS_DONE:
        return EXIT_OK;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (rest + 1 != argc) {
        fprintf(stderr, "warder appraisal lint: exactly one FILE is needed\n");
        return EXIT_USAGE;
    }
    int rc = load(argv[rest], &p);
    if (!rc)
        rc = print_remarks(p, argv[rest]);
    if (!rc)
        printf("%s: good\n", argv[rest]);
    return rc;
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
