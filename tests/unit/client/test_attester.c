// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>

#include "base/ipc.h"
#include "base/owned.h"
#include "client/attester/attester.h"
#include "client/attester/tpm_place.h"
#include "client/attester/attester_internal.h"

static void names(void **state)
{
    (void)state;
    enum attester_kind kind;

    assert_ok(attester_kind_parse("tsm", &kind));
    assert_int_equal(kind, ATTESTER_TSM);
    assert_string_equal(attester_kind_name(kind), "tsm");
    assert_ok(attester_kind_parse("socket", &kind));
    assert_fails(attester_kind_parse("sim", &kind), FAIL_INPUT); /* L45 */
    assert_fails(attester_kind_parse("", &kind), FAIL_INPUT);
}

static void where_a_tpm_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint32_t pcrs;
        const char *event_log, *ima_log;
    } rows[] = {
        { "device:/dev/tpmrm0 0x81010002", true, 0xff, "", "" },
        { "device:/dev/tpmrm0 0x81010002 0,7,23", true, 0x800081, "", "" },
        { "device:/dev/tpmrm0 0x81010002 4 /log", true, 0x10, "/log", "" },
        { "device:/dev/tpmrm0 0x81010002 4 - /ima", true, 0x10, "", "/ima" },
        { "device:/dev/tpmrm0", false, 0, NULL, NULL },
        { "device:/dev/tpmrm0 ", false, 0, NULL, NULL },
        { " 0x81010002", false, 0, NULL, NULL },
        { "d 81010002", false, 0, NULL, NULL },
        { "d 0x8101002", false, 0, NULL, NULL },
        { "d 0x80000001", false, 0, NULL, NULL },
        { "d 0x81010002 24", false, 0, NULL, NULL },
        { "d 0x81010002 1,,2", false, 0, NULL, NULL },
        { "d 0x81010002 x", false, 0, NULL, NULL },
        { "d 0x81010002 001", false, 0, NULL, NULL },
        { "d 0x81010002 1 a b c", false, 0, NULL, NULL },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tpm_place p;
        if (failed(tpm_place_parse(span_str(rows[i].text), &p)) == rows[i].good)
            fail_msg("%s", rows[i].text);
        if (!rows[i].good)
            continue;
        assert_int_equal(p.handle, 0x81010002);
        assert_int_equal(p.pcrs, rows[i].pcrs);
        assert_true(span_equal_str(p.event_log, rows[i].event_log));
        assert_true(span_equal_str(p.ima_log, rows[i].ima_log));
    }
}

static void no_platform(void **state)
{
    (void)state;
    /* ABSENT: no TEE here, which is not the same as one that fails. */
    static const struct {
        struct attester attester;
        enum fail_kind kind;
    } rows[] = {
        { { ATTESTER_NONE, NULL }, FAIL_ABSENT },
        { { ATTESTER_TSM, "/nonexistent/tsm/report" }, FAIL_ABSENT },
        { { ATTESTER_TSM, "/proc" }, FAIL_ABSENT },
        { { ATTESTER_SOCKET, "/nonexistent/evidence.sock" }, FAIL_UPSTREAM },
    };
    const uint8_t report_data[REPORT_DATA_SIZE] = { 0 };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *cmw = NULL;
        assert_fails(attester_evidence(&rows[i].attester, report_data, &cmw), rows[i].kind);
        assert_null(cmw);
    }
}

/* A plain folder is not the kernel's: what is asked for is not in it, and nothing is left behind.
 */
static void folder_that_is_no_tsm(void **state)
{
    (void)state;
    char folder[] = "/tmp/warder-tsm-XXXXXX";
    const uint8_t report_data[REPORT_DATA_SIZE] = { 0 };
    json_t *cmw = NULL;

    assert_non_null(mkdtemp(folder));
    const struct attester a = { ATTESTER_TSM, folder };
    assert_fails(attester_evidence(&a, report_data, &cmw), FAIL_UPSTREAM);
    assert_int_equal(rmdir(folder), 0);
}

static void answers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t kind;
    } rows[] = {
        { "{\"type\":\"tdx-quote\",\"evidence\":\"AAEC\"}", FAIL_NONE },
        { "{\"type\":\"sgx-quote\",\"evidence\":\"AAEC\"}", FAIL_NONE },
        { "{\"type\":\"snp-report\",\"evidence\":\"AAEC\"}", FAIL_NONE },
        { "{\"type\":\"snp\",\"evidence\":\"AAEC\"}", FAIL_INPUT },
        { "{\"type\":\"tdx-quote\"}", FAIL_INPUT },
        { "{\"type\":\"tdx-quote\",\"evidence\":\"A===\"}", FAIL_INPUT },
        { "{\"type\":\"tdx-quote\",\"evidence\":\"AAEC\",\"extra\":1}", FAIL_INPUT },
        { "{\"error\":\"no\"}", FAIL_UPSTREAM },
        { "[]", FAIL_INPUT },
        { "", FAIL_INPUT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf quote owned(buf_done) = buf_of(ATTESTER_EVIDENCE_MAX);
        enum evidence_type type;
        assert_fails(evidence_answer_parse(span_str(rows[i].text), &type, &quote), rows[i].kind);
        assert_true(rows[i].kind || span_equal(buf_span(&quote), SPAN("\0\1\2")));
    }
}

struct peer {
    int listener;
    const char *answer;
    char request[512];
};

static void *peer_run(void *arg)
{
    struct peer *p = arg;
    int fd owned(fd_close) = -1;

    if (failed(ipc_accept(p->listener, &fd)))
        return NULL;
    ssize_t n = recv(fd, p->request, sizeof(p->request) - 1, 0);
    if (n > 0 && send(fd, p->answer, strlen(p->answer), MSG_NOSIGNAL) < 0)
        return NULL;
    return NULL;
}

static struct err ask_peer(struct peer *p, json_t **cmw)
{
    char path[64];
    pthread_t thread;
    uint8_t report_data[REPORT_DATA_SIZE];

    memset(report_data, 0xab, sizeof(report_data));
    snprintf(path, sizeof(path), "/tmp/warder-evidence-%d.sock", (int)getpid());
    const struct attester a = { ATTESTER_SOCKET, path };
    assert_ok(ipc_listen(path, 0600, &p->listener));
    pthread_create(&thread, NULL, peer_run, p);
    struct err e = attester_evidence(&a, report_data, cmw);
    pthread_join(thread, NULL);
    close(p->listener);
    unlink(path);
    return e;
}

static void socket_conversation(void **state)
{
    (void)state;
    struct peer p = { .answer = "{\"type\":\"tdx-quote\",\"evidence\":\"AAEC\"}\n" };
    json_t *cmw owned(json_free) = NULL;

    assert_ok(ask_peer(&p, &cmw));
    assert_int_equal(strncmp(p.request, "{\"report_data\":\"abababab", 23), 0);
    assert_int_equal(strlen(p.request), 16 + 128 + 3); /* 64 bytes as hex, one line */
    assert_string_equal(json_string_value(json_array_get(cmw, 0)),
                        "application/vnd.warder.tdx-quote");
    assert_string_equal(json_string_value(json_array_get(cmw, 1)), "AAEC");
    json_t *none = NULL;
    struct peer silent = { .answer = "" };
    assert_fails(ask_peer(&silent, &none), FAIL_UPSTREAM);
    struct peer half = { .answer = "{\"type\":\"tdx-quote\"" };
    assert_fails(ask_peer(&half, &none), FAIL_UPSTREAM);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(where_a_tpm_is),
        cmocka_unit_test(no_platform),
        cmocka_unit_test(folder_that_is_no_tsm),
        cmocka_unit_test(answers),
        cmocka_unit_test(socket_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
