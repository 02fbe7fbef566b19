// SPDX-License-Identifier: Apache-2.0
/* Verbs that talk to a running simulator over its control socket: scenario, control. */
#include <errno.h>
#include <sys/socket.h>

#include "base/ipc.h"
#include "base/json.h"
#include "base/options.h"
#include "teesim/control.h"
#include "teesim/run.h"

#define EXIT_USAGE 2
#define DEADLINE_S 10

static fallible exchange(const char *path, struct span request, struct buf *answer)
{
    struct timeval deadline = { .tv_sec = DEADLINE_S };
    uint8_t chunk[4096];
    int fd owned(fd_close) = -1;
    ssize_t got;

    TRY(ipc_connect(path, &fd));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (send(fd, request.at, request.len, MSG_NOSIGNAL) != (ssize_t)request.len ||
        shutdown(fd, SHUT_WR) != 0)
        return FAIL(UPSTREAM, "the simulator does not listen");
    while ((got = recv(fd, chunk, sizeof chunk, 0)) != 0) {
        if (got < 0 && errno != EINTR)
            return FAIL(UPSTREAM, "the simulator does not answer");
        if (got > 0)
            buf_add(answer, span_from(chunk, (size_t)got));
    }
    return buf_check(answer);
}

/* Prints the answer; 0 when the simulator did it. */
static int ask(const char *verb, const char *path, struct span request)
{
    struct buf answer owned(buf_done) = buf_of(4 * LINE_MAX_BYTES);
    json_t *parsed owned(json_free) = NULL;

    struct err e = exchange(path, request, &answer);
    if (!failed(e))
        e = json_parse_object(buf_span(&answer), &parsed);
    if (failed(e)) {
        fprintf(stderr, "teesim %s: %s\n", verb, e.what);
        return EXIT_FAILURE;
    }
    const char *error = json_string_value(json_object_get(parsed, "error"));
    if (error) {
        fprintf(stderr, "teesim %s: %s\n", verb, error);
        return EXIT_FAILURE;
    }
    fputs(buf_str(&answer), stdout);
    return EXIT_SUCCESS;
}

/* --control PATH and one operand. False: *status is the exit status. */
static bool parse(int argc, char **argv, const struct command_help *help, const char **control,
                  const char **operand, int *status)
{
    const struct option_row rows[] = {
        { "control", 0, OPTION_TEXT, "PATH", "the simulator's control socket", control }, { 0 }
    };
    int rest = 0;

    enum options_result result = options_parse(argc, argv, rows, help, &rest);
    *status = result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (result != OPTIONS_GO)
        return false;
    if (!*control || rest + 1 != argc) {
        fprintf(stderr, "usage: %s %s\n", help->name, help->arguments);
        return false;
    }
    *operand = argv[rest];
    return true;
}

int verb_scenario(int argc, char **argv)
{
    static const struct command_help help = { "teesim scenario", "--control PATH LIST",
                                              "Change what is wrong with a running platform.",
                                              NULL };
    const char *control = NULL, *list = NULL;
    json_t *request owned(json_free) = NULL;
    char *text owned(free) = NULL;
    int status;

    if (!parse(argc, argv, &help, &control, &list, &status))
        return status;
    request = json_object();
    json_set_str(request, "scenario", list);
    text = json_text(request);
    return ask("scenario", control, span_str(text));
}

int verb_control(int argc, char **argv)
{
    static const struct command_help help = {
        "teesim control", "--control PATH JSON",
        "Send an object to a running simulator; {} tells its state.",
        "Members: scenario, measurement, collateral {issued_ago, lifetime, evaluation_number}, "
        "pcs {status, delay_ms}.\n"
    };
    const char *control = NULL, *object = NULL;
    int status;

    if (!parse(argc, argv, &help, &control, &object, &status))
        return status;
    return ask("control", control, span_str(object));
}
