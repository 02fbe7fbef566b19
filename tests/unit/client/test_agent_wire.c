// SPDX-License-Identifier: Apache-2.0
#include "unit.h"

#include "client/agent_wire.h"

static struct agent_message message; /* too large for small stacks */
static struct agent_reply reply, reply_back;
static uint8_t large[AGENT_MESSAGE_MAX + 1];

static const struct agent_request requests[] = {
    { .call = AGENT_HELLO, .id = 1, .version = AGENT_VERSION },
    { .call = AGENT_LOGIN, .id = 2, .pin = { (const uint8_t *)"1234", 4 } },
    { .call = AGENT_LOGOUT, .id = 3 },
    { .call = AGENT_FIND,
      .id = 4,
      .count = 3,
      .attributes = { { .type = 0, .kind = AGENT_NUMBER, .number = 3 },
                      { .type = 1, .kind = AGENT_FLAG, .number = 1 },
                      { .type = 0x102,
                        .kind = AGENT_BYTES,
                        .bytes = { (const uint8_t *)"id", 2 } } } },
    { .call = AGENT_READ,
      .id = 5,
      .handle = 1ULL << 62,
      .count = 2,
      .attributes = { { .type = 3 }, { .type = 0x120 } } },
    { .call = AGENT_SIGN,
      .id = 0xffffffff,
      .use = { .handle = 9,
               .mechanism = 0xd,
               .hash = 0x250,
               .mgf = 2,
               .salt = 32,
               .data = { (const uint8_t *)"hash", 4 } } },
    { .call = AGENT_DECRYPT,
      .id = 7,
      .use = { .handle = 9,
               .mechanism = 9,
               .label = { (const uint8_t *)"L", 1 },
               .data = { (const uint8_t *)"data", 4 } } },
};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

static void assert_attributes(const struct agent_attribute *a, const struct agent_attribute *b,
                              size_t count, bool values)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(a[i].type, b[i].type);
        if (!values)
            continue;
        assert_int_equal(a[i].kind, b[i].kind);
        assert_int_equal(a[i].number, b[i].number);
        assert_true(span_equal(a[i].bytes, b[i].bytes));
    }
}

static void requests_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        const struct agent_request *q = &requests[i];
        struct agent_request back = { 0 };
        agent_request_write(&message, q);
        assert_ok(agent_request_parse(agent_message_span(&message), &back));
        assert_int_equal(back.call, q->call);
        assert_int_equal(back.id, q->id);
        assert_int_equal(back.version, q->version);
        assert_int_equal(back.handle, q->handle);
        assert_true(span_equal(back.pin, q->pin));
        assert_int_equal(back.count, q->count);
        assert_attributes(back.attributes, q->attributes, q->count, q->call == AGENT_FIND);
        assert_int_equal(back.use.handle, q->use.handle);
        assert_int_equal(back.use.mechanism, q->use.mechanism);
        assert_int_equal(back.use.salt, q->use.salt);
        assert_true(span_equal(back.use.label, q->use.label) &&
                    span_equal(back.use.data, q->use.data));
    }
}

static void request_prefixes_and_tails_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < REQUESTS; i++) {
        struct agent_request back;
        agent_request_write(&message, &requests[i]);
        struct span whole = agent_message_span(&message);
        for (size_t n = 0; n < whole.len; n++)
            assert_fails(agent_request_parse(span_head(whole, n), &back), FAIL_INPUT);
        message.bytes[message.len++] = 0;
        assert_fails(agent_request_parse(agent_message_span(&message), &back), FAIL_INPUT);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t len;
    } rows[] = {
        { "call 0", "\0\0\0\0\0\1", 6 },
        { "unknown call", "\0\x08\0\0\0\1", 6 },
        { "too many attributes", "\0\4\0\0\0\1\0\0\0\x21", 10 },
        { "huge count", "\0\4\0\0\0\1\xff\xff\xff\xff", 10 },
        { "unknown kind of value", "\0\4\0\0\0\1\0\0\0\1\0\0\0\0\3\0", 16 },
        { "flag of 2", "\0\4\0\0\0\1\0\0\0\1\0\0\0\1\2\2", 16 },
        { "length past the end",
          "\0\2\0\0\0\1\xff\xff\xff\xff"
          "1234",
          14 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct agent_request back;
        struct err e = agent_request_parse(span_from(rows[i].bytes, rows[i].len), &back);
        if (e.kind != FAIL_INPUT)
            fail_msg("%s was taken", rows[i].name);
    }
    struct agent_request q = { .call = AGENT_LOGIN, .pin = span_from(large, AGENT_PIN_MAX + 1) };
    struct agent_request back;
    agent_request_write(&message, &q);
    assert_fails(agent_request_parse(agent_message_span(&message), &back), FAIL_INPUT);
    q = (struct agent_request){ .call = AGENT_SIGN, .use.data = span_from(large, sizeof(large)) };
    agent_request_write(&message, &q);
    assert_int_equal(agent_message_span(&message).len, 0); /* does not fit, and says so */
}

static void assert_reply_comes_back(void)
{
    agent_reply_write(&message, &reply);
    struct span whole = agent_message_span(&message);
    assert_ok(agent_reply_parse(whole, reply.call, reply.id, &reply_back));
    assert_int_equal(reply_back.status, reply.status);
    assert_fails(agent_reply_parse(whole, reply.call, reply.id + 1, &reply_back), FAIL_INPUT);
    assert_fails(agent_reply_parse(whole, reply.call == AGENT_FIND ? AGENT_READ : AGENT_FIND,
                                   reply.id, &reply_back),
                 FAIL_INPUT);
    for (size_t n = 0; n < whole.len; n++)
        assert_fails(agent_reply_parse(span_head(whole, n), reply.call, reply.id, &reply_back),
                     FAIL_INPUT);
    message.bytes[message.len++] = 0;
    assert_fails(agent_reply_parse(agent_message_span(&message), reply.call, reply.id, &reply_back),
                 FAIL_INPUT);
    message.len--;
    assert_ok(agent_reply_parse(agent_message_span(&message), reply.call, reply.id, &reply_back));
}

static void replies_come_back(void **state)
{
    (void)state;
    reply = (struct agent_reply){ .call = AGENT_HELLO, .id = 1, .version = 1 };
    assert_reply_comes_back();
    reply = (struct agent_reply){ .call = AGENT_LOGIN, .id = 2, .status = AGENT_PIN_WRONG };
    assert_reply_comes_back();
    reply = (struct agent_reply){
        .call = AGENT_FIND, .id = 3, .count = 2, .handles = { 17, 1ULL << 60 }
    };
    assert_reply_comes_back();
    assert_int_equal(reply_back.count, 2);
    assert_int_equal(reply_back.handles[1], 1ULL << 60);
    reply = (struct agent_reply){ .call = AGENT_READ,
                                  .id = 4,
                                  .count = 3,
                                  .attributes = {
                                      { .type = 3, .kind = AGENT_BYTES, .bytes = SPAN("RSAKEY") },
                                      { .type = 0x123, .outcome = AGENT_SENSITIVE },
                                      { .type = 0x170, .kind = AGENT_FLAG } } };
    assert_reply_comes_back();
    assert_true(span_equal_str(reply_back.attributes[0].bytes, "RSAKEY"));
    assert_int_equal(reply_back.attributes[1].outcome, AGENT_SENSITIVE);
    for (int call = AGENT_SIGN; call <= AGENT_DECRYPT; call++) {
        reply = (struct agent_reply){
            .call = (enum agent_call)call, .id = 6, .status = AGENT_WAITS, .wait_ms = 5000
        };
        assert_reply_comes_back();
        assert_int_equal(reply_back.wait_ms, 5000);
    }
    reply = (struct agent_reply){ .call = AGENT_READ, .id = 6, .status = AGENT_WAITS };
    agent_reply_write(&message, &reply); /* nothing else waits */
    assert_fails(agent_reply_parse(agent_message_span(&message), AGENT_READ, 6, &reply_back),
                 FAIL_INPUT);
    reply = (struct agent_reply){ .call = AGENT_SIGN, .id = 5, .bytes = SPAN("signature") };
    assert_reply_comes_back();
    assert_true(span_equal_str(reply_back.bytes, "signature"));
}

static void most_handles_fit(void **state)
{
    (void)state;
    reply = (struct agent_reply){ .call = AGENT_FIND, .id = 9, .count = AGENT_FIND_MAX };
    agent_reply_write(&message, &reply);
    assert_ok(agent_reply_parse(agent_message_span(&message), AGENT_FIND, 9, &reply_back));
    message.bytes[10] = 4; /* count 768 -> 1024 */
    assert_fails(agent_reply_parse(agent_message_span(&message), AGENT_FIND, 9, &reply_back),
                 FAIL_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_back), cmocka_unit_test(request_prefixes_and_tails_fail),
        cmocka_unit_test(limits_hold),        cmocka_unit_test(replies_come_back),
        cmocka_unit_test(most_handles_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
