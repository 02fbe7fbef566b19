// SPDX-License-Identifier: Apache-2.0
/* warder collateral: the endorsement cache in an administrator's hands. */
#include "cli/cli.h"

#include "base/file.h"

#define ARCHIVE_MAX (8U << 20)

static int collateral_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_TCS, "/tcs/v1/collateral", "warder collateral list",
                     "what is in the cache, and until when",
                     (const struct column[]){ { "item", "ITEM" },
                                              { "state", "STATE" },
                                              { "ends", "ENDS" },
                                              { "issued", "ISSUED" },
                                              { "number", "NUMBER" },
                                              { "fetched_at", "FETCHED" },
                                              { 0 } });
}

static bool all_ok(const json_t *rows)
{
    size_t i;
    const json_t *row;

    json_array_foreach(rows, i, row)
    {
        const char *result = json_string_value(json_object_get(row, "result"));
        if (!result || strcmp(result, "ok"))
            return false;
    }
    return true;
}

static int collateral_refresh(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *item = NULL;
    const struct option_row rows[] = { { "item", 0, OPTION_TEXT, "ITEM",
                                         "this one only, named as the list names it", &item },
                                       SESSION_OPTIONS(options),
                                       { 0 } };
    const struct command_help help = { "warder collateral refresh", "", "ask the upstreams now",
                                       "Exit status: 0 all was renewed, 4 something was not." };
    struct session s owned(session_close) = { 0 };
    json_t *body owned(json_free) = json_object(), *answer owned(json_free) = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    json_set_str(body, "item", item);
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_TCS, "POST", "/tcs/v1/collateral/refresh", body, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(rows_of(answer));
    else
        print_table(rows_of(answer), (const struct column[]){ { "item", "ITEM" },
                                                              { "result", "RESULT" },
                                                              { "detail", "DETAIL" },
                                                              { 0 } });
    return all_ok(rows_of(answer)) ? EXIT_OK : EXIT_UNAVAILABLE;
}

/* "tdx OutOfDate, number 19, from 2026-12-01T00:00:00Z" */
static void add_worsening_text(json_t *platform)
{
    struct buf text owned(buf_done) = buf_of(1024);
    size_t i;
    const json_t *w;

    json_array_foreach(json_object_get(platform, "worsens"), i, w)
    {
        const char *tee = json_string_value(json_object_get(w, "tee")),
                   *to = json_string_value(json_object_get(w, "to"));
        const char *from = json_string_value(json_object_get(w, "from"));
        buf_addf(&text, "%s%s %s from %s", text.len ? ", " : "", tee ? tee : "?", to ? to : "?",
                 from ? from : "?");
    }
    json_object_del(platform, "worsens");
    if (text.len)
        json_set_str(platform, "worsens", buf_str(&text));
}

static void print_forecast(const json_t *answer)
{
    const json_t *platforms = json_object_get(answer, "platforms");
    size_t i;
    json_t *platform;

    print_table(json_object_get(answer, "items"),
                (const struct column[]){
                    { "ends", "ENDS" }, { "item", "ITEM" }, { "because", "BECAUSE OF" }, { 0 } });
    json_array_foreach((json_t *)platforms, i, platform) add_worsening_text(platform);
    putchar('\n');
    print_table(platforms, (const struct column[]){ { "ends", "ENDS" },
                                                    { "fmspc", "PLATFORM" },
                                                    { "source", "SOURCE" },
                                                    { "status.sgx", "SGX" },
                                                    { "status.tdx", "TDX" },
                                                    { "worsens", "WORSENS" },
                                                    { "because", "BECAUSE OF" },
                                                    { 0 } });
}

static int collateral_forecast(int argc, char **argv)
{
    struct session_options options = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder collateral forecast", "",
                                       "when each item and each known platform stops being good",
                                       "The first to end first. WORSENS: the early TCB info has a "
                                       "worse status, which the standard one takes over\n"
                                       "no later than that day." };
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_TCS, "GET", "/tcs/v1/forecast", NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(answer);
    else
        print_forecast(answer);
    return EXIT_OK;
}

static int collateral_export(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *path = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder collateral export", "FILE",
                                       "the whole cache in one signed file", NULL };
    struct session s owned(session_close) = { 0 };
    struct buf archive owned(buf_done) = buf_of(ARCHIVE_MAX);
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call_raw(&s, SERVICE_TCS, "GET", "/tcs/v1/collateral/export", NULL, SPAN(""),
                              true, &archive);
    if (rc)
        return rc;
    struct err e = file_write(path, buf_span(&archive), 0644);
    if (failed(e))
        return print_failure(e, path, NULL);
    if (!s.json)
        printf("Exported the cache: %s (%zu bytes)\n", path, archive.len);
    return EXIT_OK;
}

static int collateral_import(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *path = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder collateral import", "FILE",
                                       "bring in an exported cache, all of it or nothing", NULL };
    struct session s owned(session_close) = { 0 };
    struct buf archive owned(buf_done) = buf_of(ARCHIVE_MAX), reply owned(buf_done) = buf_of(4096);
    json_t *answer owned(json_free) = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    struct err e = file_read(path, &archive);
    if (failed(e))
        return print_failure(e, path, NULL);
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call_raw(&s, SERVICE_TCS, "POST", "/tcs/v1/collateral/import",
                              "application/json", buf_span(&archive), true, &reply);
    if (rc)
        return rc;
    e = json_parse_object(buf_span(&reply), &answer);
    if (failed(e))
        return print_failure(e, "answer", NULL);
    if (s.json)
        print_json(answer);
    else
        print_object(answer);
    return EXIT_OK;
}

int cli_collateral(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "list", collateral_list, "what is in the cache, and until when" },
        { "refresh", collateral_refresh, "ask the upstreams now" },
        { "forecast", collateral_forecast, "when each thing and each platform stops being good" },
        { "export", collateral_export, "the whole cache in one signed file" },
        { "import", collateral_import, "bring in an exported cache" },
        { 0 },
    };
    return verb_dispatch("warder collateral", "the endorsement cache", verbs, argc, argv);
}
