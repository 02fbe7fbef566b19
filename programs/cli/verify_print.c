// SPDX-License-Identifier: Apache-2.0
#include "cli/verify.h"

#include <stdio.h>

static const char *const shown[] = {
    "tcb_status",
    "advisory_ids",
    "tcb_date",
    "debug",
    "mrenclave",
    "mrsigner",
    "isvprodid",
    "isvsvn",
    "mrtd",
    "rtmr0",
    "rtmr1",
    "rtmr2",
    "rtmr3",
    "sept_ve_disable",
    "service_td",
    "measurement",
    "vmpl",
    "product",
    "signing_key",
    "csp_id",
    "reported_tcb",
    "committed_firmware",
    "firmware_provisional",
    "report_data",
    "fmspc",
    "root",
    "revocation_checked",
    "collateral_expires",
    NULL,
};

static void print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_value(const json_t *value)
{
    size_t i;
    const json_t *item;

    if (json_is_string(value)) {
        print_text(json_string_value(value));
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "yes" : "no", stdout);
    } else if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (i)
                fputs(", ", stdout);
            print_value(item);
        }
        if (!json_array_size(value))
            fputs("none", stdout);
    }
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void print_checks(const json_t *checks)
{
    size_t i, passed = 0, skipped = 0;
    const json_t *row;

    json_array_foreach(checks, i, row)
    {
        const char *outcome = text_of(row, "outcome");
        passed += strcmp(outcome, "passed") == 0;
        skipped += strcmp(outcome, "not_checked") == 0;
        if (strcmp(outcome, "failed") != 0)
            continue;
        printf("  failed: %s: %s\n          (%s)\n", text_of(row, "check"), text_of(row, "detail"),
               text_of(row, "clause"));
    }
    printf("  %-20s%zu of %zu passed, %zu not checked\n", "checks", passed, json_array_size(checks),
           skipped);
}

static void print_policy(const json_t *policy)
{
    const json_t *finding, *findings = json_object_get(policy, "findings");
    size_t i;

    if (!policy)
        return;
    printf("  %-20s%s\n", "policy",
           json_is_true(json_object_get(policy, "met")) ? "met" : "not met");
    json_array_foreach(findings, i, finding)
    {
        if (json_is_true(json_object_get(finding, "passed")))
            continue;
        char *expected owned(free) =
            json_dumps(json_object_get(finding, "expected"), JSON_ENCODE_ANY | JSON_COMPACT);
        char *actual owned(free) =
            json_dumps(json_object_get(finding, "actual"), JSON_ENCODE_ANY | JSON_COMPACT);
        printf("    %s %s %s, is %s\n", text_of(finding, "claim"), text_of(finding, "operator"),
               expected ? expected : "", actual ? actual : "absent");
    }
}

void verify_print(const json_t *answer)
{
    const json_t *version = json_object_get(answer, "version");
    const json_t *claims = json_object_get(answer, "claims");
    bool verified = strcmp(text_of(answer, "verdict"), "verified") == 0;

    fputs(verified ? "VERIFIED" : "REFUSED", stdout);
    if (json_is_integer(version))
        printf("  %s quote, version %" JSON_INTEGER_FORMAT, text_of(answer, "type"),
               json_integer_value(version));
    putchar('\n');
    if (!verified) {
        printf("  %-20s", "reason");
        print_text(text_of(answer, "reason"));
        putchar('\n');
    }
    print_checks(json_object_get(answer, "checks"));
    for (const char *const *name = shown; *name; name++) {
        const json_t *value = json_object_get(claims, *name);
        if (!value)
            continue;
        printf("  %-20s", *name);
        print_value(value);
        putchar('\n');
    }
    print_policy(json_object_get(answer, "policy"));
}
