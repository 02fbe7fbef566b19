// SPDX-License-Identifier: Apache-2.0
/* What the evidence and control sockets answer; the sockets themselves, with slow and rude clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "teesim/control.h"
#include "teesim/evidence_socket.h"

#define ZEROS_16 "00000000000000000000000000000000"
#define ZEROS_64 ZEROS_16 ZEROS_16 ZEROS_16 ZEROS_16

static struct platform *platform;
static char path[] = "/tmp/warder-test-sockets-XXXXXX";

static json_t *ask(line_handler *handler, const char *line, void *context)
{
    struct buf answer owned(buf_done) = buf_of(1 << 18);
    json_t *parsed = NULL;

    handler(span_str(line), &answer, context);
    assert_false(failed(json_parse_object(buf_span(&answer), &parsed)));
    return parsed;
}

static void evidence_has_its_type_and_report_data(void **state)
{
    (void)state;
    struct buf quote owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    json_t *answer owned(json_free) = ask(evidence_answer, "{\"report_data\":\"" ZEROS_64 "\"}", platform);
    struct span text;

    assert_false(failed(json_get_str(answer, "type", "type", &text)));
    assert_true(span_equal_str(text, "tdx-quote"));
    assert_false(failed(json_get_str(answer, "evidence", "evidence", &text)));
    assert_false(failed(base64url_parse(text, &quote)));
    assert_true(span_is_zero(span_head(span_tail(buf_span(&quote), 48 + AT_TD_REPORT_DATA), 64)));
}

static void wrong_requests_get_an_error_and_no_evidence(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"report_data\":1}",
        "{\"report_data\":\"00\"}",
        "{\"report_data\":\"" ZEROS_64 "00\"}",
        "{\"report_data\":\"" ZEROS_64 "\",\"scenario\":\"ok\"}",
        "{\"report_data\":\"" ZEROS_64 "\",\"report_data\":\"" ZEROS_64 "\"}",
        "{\"report_data\":\"g" ZEROS_16 ZEROS_16 ZEROS_16 "0000000000000000000000000000000\"}",
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *answer owned(json_free) = ask(evidence_answer, rows[i], platform);
        assert_non_null(json_object_get(answer, "error"));
        assert_null(json_object_get(answer, "evidence"));
    }
}

static void control_changes_and_tells_the_state(void **state)
{
    (void)state;
    struct control control = { platform, NULL };
    struct platform_validity v;
    json_t *one owned(json_free) =
        ask(control_answer, "{\"scenario\":\"debug\",\"collateral\":{\"evaluation_number\":17,\"lifetime\":60}}", &control);

    assert_string_equal(json_string_value(json_object_get(one, "scenario")), "debug");
    platform_validity(platform, &v);
    assert_int_equal(v.evaluation_number, 17);
    assert_int_equal(v.lifetime, 60);
    assert_int_equal(v.issued_ago, FORGE_ISSUED_AGO);

    static const char *const wrong[] = { "{\"scenario\":\"nonsense\"}", "{\"scenario\":1}",        "{\"unknown\":1}",
                                         "{\"measurement\":\"00\"}",   "{\"pcs\":{\"status\":503}}", "{\"collateral\":[]}" };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        json_t *answer owned(json_free) = ask(control_answer, wrong[i], &control);
        assert_non_null(json_object_get(answer, "error"));
    }
    json_t *last owned(json_free) = ask(control_answer, "{\"scenario\":\"ok\"}", &control);
    assert_string_equal(json_string_value(json_object_get(last, "scenario")), "ok");
}

static void read_all(int fd, struct buf *out)
{
    uint8_t chunk[4096];
    ssize_t got;

    while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0)
        buf_add(out, span_from(chunk, (size_t)got));
}

static void a_silent_client_holds_nobody_up(void **state)
{
    (void)state;
    struct line_server *server = NULL;
    struct buf answer owned(buf_done) = buf_of(1 << 18);
    const char *request = "{\"report_data\":\"" ZEROS_64 "\"}\n";
    int silent owned(fd_close) = -1, polite owned(fd_close) = -1;

    assert_false(failed(line_server_start(path, evidence_answer, platform, &server)));
    assert_false(failed(ipc_connect(path, &silent)));
    assert_false(failed(ipc_connect(path, &polite)));
    assert_int_equal(send(polite, request, strlen(request), 0), strlen(request));
    read_all(polite, &answer);
    assert_int_equal(answer.at[answer.len - 1], '\n');
    assert_true(span_find(buf_span(&answer), SPAN("tdx-quote")) < answer.len);

    int64_t before = clock_monotonic_us();
    line_server_stop(server); /* does not wait for the silent one's deadline */
    assert_true(clock_monotonic_us() - before < 2000000);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_line_without_end_is_cut(void **state)
{
    (void)state;
    struct line_server *server = NULL;
    struct buf answer owned(buf_done) = buf_of(1 << 18);
    static uint8_t flood[LINE_MAX_BYTES * 2];
    int fd owned(fd_close) = -1;

    memset(flood, 'x', sizeof flood);
    assert_false(failed(line_server_start(path, evidence_answer, platform, &server)));
    assert_false(failed(ipc_connect(path, &fd)));
    for (size_t sent = 0; sent < sizeof flood;) {
        ssize_t n = send(fd, flood + sent, sizeof flood - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    read_all(fd, &answer);
    assert_int_equal(answer.len, 0);
    line_server_stop(server);
}

static int open_platform(void **state)
{
    (void)state;
    struct platform_config config = { .tee = FORGE_TDX4 };
    int fd = mkstemp(path);
    close(fd);
    unlink(path);
    return failed(platform_open(&config, &platform)) ? -1 : 0;
}

static int close_platform(void **state)
{
    (void)state;
    platform_close(platform);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evidence_has_its_type_and_report_data),
        cmocka_unit_test(wrong_requests_get_an_error_and_no_evidence),
        cmocka_unit_test(control_changes_and_tells_the_state),
        cmocka_unit_test(a_silent_client_holds_nobody_up),
        cmocka_unit_test(a_line_without_end_is_cut),
    };
    return cmocka_run_group_tests(tests, open_platform, close_platform);
}
