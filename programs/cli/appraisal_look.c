// SPDX-License-Identifier: Apache-2.0
/* warder appraisal lint, explain, diff: what a policy says. */
#include "cli/appraisal.h"

#include "cli/lint.h"
#include "cli/policy_source.h"

int appraisal_lint(int argc, char **argv)
{
    const char *path, *output = NULL;
    const struct option_row rows[] = { OUTPUT_OPTION(output), { 0 } };
    const struct command_help help = { "warder appraisal lint", "FILE",
                                       "check an appraisal policy without storing it",
                                       "Every place that is wrong, with what to do there. Errors "
                                       "keep a policy from being stored; warnings do not.\n\n"
                                       "Exit status: 0 no errors, 1 errors." };
    struct policy *p owned(policy_free) = NULL;
    json_t *remarks owned(json_free) = NULL;
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    if (!output_is_json(output, &json))
        return EXIT_USAGE;
    rc = policy_from_file(path, &remarks, &p);
    return rc ? rc : lint_report(path, remarks, json);
}

int appraisal_explain(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *operand;
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder appraisal explain", "FILE|NAME[@VERSION]", "a policy in plain words",
        "A file's name has a '/' or ends in .json; anything else names a stored policy."
    };
    struct policy *p owned(policy_free) = NULL;
    json_t *words owned(json_free) = NULL;
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &operand, &rc))
        return rc;
    if (!output_is_json(options.output, &json))
        return EXIT_USAGE;
    rc = policy_from_operand(&options, operand, &p);
    if (rc)
        return rc;
    struct err e = policy_words(p, &words);
    if (failed(e))
        return print_failure(e, operand, NULL);
    if (json)
        print_json(words);
    else
        policy_words_print(words);
    return EXIT_OK;
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void print_changes(const json_t *diff)
{
    const json_t *change, *changes = json_object_get(diff, "changes"), *place;
    const char *effect = text_of(diff, "effect");
    size_t i, k;

    printf("%s\n",
           !strcmp(effect, "same")     ? "Both accept the same evidence."
           : !strcmp(effect, "looser") ? "The second is LOOSER: it accepts more evidence."
           : !strcmp(effect, "tighter")
               ? "The second is tighter: it accepts less evidence."
               : "The second accepts evidence that the first refuses, or the other way around.");
    json_array_foreach(changes, i, change)
    {
        printf("  %s: ", text_of(change, "kind"));
        print_clean(stdout, span_str(text_of(change, "text")));
        printf("\n      in:");
        json_array_foreach(json_object_get(change, "alternatives"), k, place)
        {
            putchar(' ');
            print_clean(stdout, span_str(json_string_value(place)));
        }
        putchar('\n');
    }
}

int appraisal_diff(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *operands[2];
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder appraisal diff", "BEFORE AFTER", "what a change of a policy means",
        "Each is FILE or NAME[@VERSION]. Conditions are compared by what they accept, not by how "
        "they\n"
        "are written.\n\nExit status: 0 both accept the same evidence, 1 they do not."
    };
    struct policy *before owned(policy_free) = NULL, *after owned(policy_free) = NULL;
    json_t *diff owned(json_free) = NULL;
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 2, operands, &rc))
        return rc;
    if (!output_is_json(options.output, &json))
        return EXIT_USAGE;
    rc = policy_from_operand(&options, operands[0], &before);
    if (!rc)
        rc = policy_from_operand(&options, operands[1], &after);
    if (rc)
        return rc;
    struct err e = policy_diff(before, after, &diff);
    if (failed(e))
        return print_failure(e, "diff", NULL);
    if (json)
        print_json(diff);
    else
        print_changes(diff);
    return strcmp(text_of(diff, "effect"), "same") ? EXIT_ERROR : EXIT_OK;
}
