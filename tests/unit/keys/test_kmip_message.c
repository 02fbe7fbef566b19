// SPDX-License-Identifier: Apache-2.0
/* Answers of a real server (tests/vectors/kmip), whole, cut and changed; requests read back. */
#include "keys/kmip_message.h"

#include "base/file.h"
#include "keys/kmip_tags_internal.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void load(const char *name, struct buf *out)
{
    char path[1024];

    snprintf(path, sizeof path, "%s/kmip/%s.bin", getenv("WARDER_VECTORS"), name);
    assert_ok(file_read(path, out));
}

static const struct {
    const char *name;
    enum kmip_operation operation;
    enum fail_kind kind;
} answers[] = {
    { "register_14", KMIP_REGISTER, FAIL_NONE },
    { "register_20", KMIP_REGISTER, FAIL_NONE },
    { "register_14", KMIP_GET, FAIL_UPSTREAM }, /* an answer to another question */
    { "pair_14", KMIP_CREATE_KEY_PAIR, FAIL_NONE },
    { "pair_20", KMIP_CREATE_KEY_PAIR, FAIL_NONE },
    { "activate_14", KMIP_ACTIVATE, FAIL_NONE },
    { "get_aes_14", KMIP_GET, FAIL_NONE },
    { "get_aes_20", KMIP_GET, FAIL_NONE },
    { "get_ec_14", KMIP_GET, FAIL_NONE },
    { "get_ec_20", KMIP_GET, FAIL_NONE },
    { "attributes_14", KMIP_GET_ATTRIBUTES, FAIL_NONE },
    { "attributes_20", KMIP_GET_ATTRIBUTES, FAIL_NONE },
    { "locate_14", KMIP_LOCATE, FAIL_NONE },
    { "locate_20", KMIP_LOCATE, FAIL_NONE },
    { "locate_none_14", KMIP_LOCATE, FAIL_NONE },
    { "versions_14", KMIP_DISCOVER_VERSIONS, FAIL_NONE },
    { "revoke_14", KMIP_REVOKE, FAIL_NONE },
    { "get_absent_14", KMIP_GET, FAIL_ABSENT },
    { "get_absent_20", KMIP_GET, FAIL_ABSENT },
    { "destroy_active_14", KMIP_DESTROY, FAIL_DENIED },
};

/* L43, L44: every prefix and every byte too many fails as an answer, whatever its operation says. */
static void answers_of_a_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct buf bytes owned(buf_done) = buf_of(4096);
        struct span payload = { 0 };
        uint32_t reason;
        size_t size = 0;

        load(answers[i].name, &bytes);
        assert_ok(kmip_answer_size(span_head(buf_span(&bytes), TTLV_HEAD), &size));
        assert_int_equal(size, bytes.len);
        struct err e = kmip_answer_parse(buf_span(&bytes), answers[i].operation, &payload, &reason);
        if (e.kind != answers[i].kind)
            fail_msg("%s: %s", answers[i].name, fail_kind_name(e.kind));
        assert_int_equal(reason != 0, e.kind == FAIL_ABSENT || e.kind == FAIL_DENIED);
        for (size_t len = 0; len < bytes.len; len++)
            assert_fails(kmip_answer_parse(span_head(buf_span(&bytes), len), answers[i].operation,
                                           &payload, &reason),
                         FAIL_UPSTREAM);
        buf_add_u8(&bytes, 0);
        assert_fails(kmip_answer_parse(buf_span(&bytes), answers[i].operation, &payload, NULL),
                     FAIL_UPSTREAM);
    }
}

/* A failure with a payload, a success with a reason, two items: none of them is an answer (L26). */
static void answers_that_contradict_themselves(void **state)
{
    static const struct {
        uint32_t status, reason, count, items, operation;
        enum fail_kind kind;
    } rows[] = {
        { 0, 0, 1, 1, KMIP_GET, FAIL_NONE },      { 0, 1, 1, 1, KMIP_GET, FAIL_UPSTREAM },
        { 1, 1, 1, 1, KMIP_GET, FAIL_ABSENT },    { 1, 0, 1, 1, KMIP_GET, FAIL_UPSTREAM },
        { 2, 0, 1, 1, KMIP_GET, FAIL_UPSTREAM },  { 3, 0, 1, 1, KMIP_GET, FAIL_UPSTREAM },
        { 0, 0, 2, 1, KMIP_GET, FAIL_UPSTREAM },  { 0, 0, 2, 2, KMIP_GET, FAIL_UPSTREAM },
        { 0, 0, 1, 2, KMIP_GET, FAIL_UPSTREAM },  { 0, 0, 1, 0, KMIP_GET, FAIL_UPSTREAM },
        { 0, 0, 1, 1, KMIP_LOCATE, FAIL_UPSTREAM }, { 0, 0, 1, 1, 0, FAIL_UPSTREAM },
        { 1, 0x0c, 1, 1, KMIP_GET, FAIL_DENIED }, { 1, 0x16, 1, 1, KMIP_GET, FAIL_DENIED },
        { 1, 0x17, 1, 1, KMIP_GET, FAIL_DENIED }, { 1, 0x43, 1, 1, KMIP_GET, FAIL_DENIED },
        { 1, 0x18, 1, 1, KMIP_GET, FAIL_CONFLICT }, { 1, 0x37, 1, 1, KMIP_GET, FAIL_ABSENT },
        { 1, 0x03, 1, 1, KMIP_GET, FAIL_UPSTREAM }, { 1, 0x100, 1, 1, KMIP_GET, FAIL_UPSTREAM },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret *room owned(secret_free) = secret_new(1024);
        struct ttlv_writer w = ttlv_writer_of(room);
        struct span payload = { 0 };

        size_t message = ttlv_begin(&w, TAG_RESPONSE_MESSAGE);
        size_t header = ttlv_begin(&w, TAG_RESPONSE_HEADER);
        ttlv_add_integer(&w, TAG_BATCH_COUNT, rows[i].count);
        ttlv_end(&w, header);
        for (uint32_t n = 0; n < rows[i].items; n++) {
            size_t item = ttlv_begin(&w, TAG_BATCH_ITEM);
            if (rows[i].operation)
                ttlv_add_enumeration(&w, TAG_OPERATION, rows[i].operation);
            ttlv_add_enumeration(&w, TAG_RESULT_STATUS, rows[i].status);
            if (rows[i].reason)
                ttlv_add_enumeration(&w, TAG_RESULT_REASON, rows[i].reason);
            ttlv_end(&w, ttlv_begin(&w, TAG_RESPONSE_PAYLOAD));
            ttlv_end(&w, item);
        }
        ttlv_end(&w, message);
        secret_shorten(room, w.len);
        struct err e = kmip_answer_parse(secret_expose(room), KMIP_GET, &payload, NULL);
        if (e.kind != rows[i].kind)
            fail_msg("row %zu: %s", i, fail_kind_name(e.kind));
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *head;
        bool good;
    } rows[] = {
        { "\x42\x00\x7b\x01\x00\x00\x00\x00", true },  { "\x42\x00\x7b\x01\x00\x00\x7f\xf8", true },
        { "\x42\x00\x7b\x01\x00\x10\x7f\xf8", true },  { "\x42\x00\x7b\x01\x00\x10\x80\x00", false }, { "\x42\x00\x7b\x01\xff\xff\xff\xff", false },
        { "\x42\x00\x7b\x01\x00\x00\x00\x04", false }, { "\x42\x00\x78\x01\x00\x00\x00\x08", false },
        { "\x42\x00\x7b\x02\x00\x00\x00\x08", false }, { "HTTP/1.1", false },
    };
    size_t size;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].good)
            assert_ok(kmip_answer_size(span_from(rows[i].head, TTLV_HEAD), &size));
        else
            assert_fails(kmip_answer_size(span_from(rows[i].head, TTLV_HEAD), &size), FAIL_UPSTREAM);
    }
}

static struct span payload_of(const char *name, enum kmip_operation operation, struct buf *bytes)
{
    struct span payload = { 0 };

    load(name, bytes);
    assert_ok(kmip_answer_parse(buf_span(bytes), operation, &payload, NULL));
    return payload;
}

static void what_answers_hold(void **state)
{
    static const char *const versions[] = { "14", "20" };
    uint8_t aes[32];

    (void)state;
    for (uint8_t i = 0; i < sizeof aes; i++)
        aes[i] = i;
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct buf a owned(buf_done) = buf_of(4096), b owned(buf_done) = buf_of(4096);
        struct buf c owned(buf_done) = buf_of(4096), d owned(buf_done) = buf_of(4096);
        struct buf f owned(buf_done) = buf_of(4096), g owned(buf_done) = buf_of(4096);
        struct kmip_attributes attributes;
        struct kmip_id_list list;
        struct kmip_key key;
        struct span id, other;
        unsigned version;
        char name[32];

#define PAYLOAD(what, operation, room)                                                             \
    (snprintf(name, sizeof name, what "_%s", versions[i]), payload_of(name, operation, room))
        assert_ok(kmip_read_key(PAYLOAD("get_aes", KMIP_GET, &a), &key));
        assert_int_equal(key.object_type, KMIP_SYMMETRIC_KEY);
        assert_int_equal(key.format, KMIP_RAW);
        assert_true(span_equal(key.material, SPAN_OF(aes)));
        assert_ok(kmip_read_key(PAYLOAD("get_ec", KMIP_GET, &b), &key));
        assert_int_equal(key.object_type, KMIP_PRIVATE_KEY);
        assert_int_equal(key.format, KMIP_PKCS8);
        assert_true(key.material.len > 60);
        assert_ok(kmip_read_attributes(PAYLOAD("attributes", KMIP_GET_ATTRIBUTES, &c), &attributes));
        assert_int_equal(attributes.object_type, KMIP_SYMMETRIC_KEY);
        assert_int_equal(attributes.state, KMIP_ACTIVE);
        assert_int_equal(attributes.count, 1);
        assert_true(span_equal_str(attributes.names[0], "warder/default/x/1"));
        assert_ok(kmip_read_located(PAYLOAD("locate_none", KMIP_LOCATE, &d), &list));
        assert_int_equal(list.count, 0);
        buf_done(&d);
        assert_ok(kmip_read_located(PAYLOAD("locate", KMIP_LOCATE, &d), &list));
        assert_int_equal(list.count, i + 1); /* the second recording found the first one's key too */
        assert_ok(kmip_read_pair(PAYLOAD("pair", KMIP_CREATE_KEY_PAIR, &f), &id, &other));
        assert_true(id.len && other.len && !span_equal(id, other));
        assert_ok(kmip_read_versions(PAYLOAD("versions", KMIP_DISCOVER_VERSIONS, &g), &version));
        assert_int_equal(version, KMIP_2_0);
    }
}

/* No reader of a payload takes a part of one for all of it. */
static void payloads_that_are_cut(void **state)
{
    struct buf bytes owned(buf_done) = buf_of(4096), attributes owned(buf_done) = buf_of(4096);
    struct span key = payload_of("get_ec_14", KMIP_GET, &bytes);
    struct span all = payload_of("attributes_14", KMIP_GET_ATTRIBUTES, &attributes);
    struct kmip_key k = { 0 };
    struct kmip_attributes a = { 0 };

    (void)state;
    for (size_t len = 0; len < key.len; len++)
        assert_fails(kmip_read_key(span_head(key, len), &k), FAIL_UPSTREAM);
    for (size_t len = 1; len < all.len; len++)
        if (len % 8)
            assert_fails(kmip_read_attributes(span_head(all, len), &a), FAIL_UPSTREAM);
}

struct attribute_case {
    const char *name;
    unsigned names, states;
    enum fail_kind kind;
};

static void attributes_twice_and_too_many(void **state)
{
    static const struct attribute_case rows[] = {
        { "none", 0, 0, FAIL_NONE },
        { "as many names as there may be", KMIP_NAMES_MAX, 1, FAIL_NONE },
        { "one name more", KMIP_NAMES_MAX + 1, 1, FAIL_UPSTREAM },
        { "two states", 1, 2, FAIL_UPSTREAM },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct secret *room owned(secret_free) = secret_new(4096);
        struct ttlv_writer w = ttlv_writer_of(room);
        struct kmip_attributes a = { 0 };

        size_t all = ttlv_begin(&w, TAG_ATTRIBUTES);
        for (unsigned n = 0; n < rows[i].names; n++) {
            size_t name = ttlv_begin(&w, TAG_NAME);
            ttlv_add_text(&w, TAG_NAME_VALUE, SPAN("name"));
            ttlv_end(&w, name);
        }
        for (unsigned n = 0; n < rows[i].states; n++)
            ttlv_add_enumeration(&w, TAG_STATE, KMIP_ACTIVE);
        ttlv_end(&w, all);
        secret_shorten(room, w.len);
        struct err e = kmip_read_attributes(secret_expose(room), &a);
        if (e.kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].name, fail_kind_name(e.kind));
    }
}

static const struct {
    const char *id;
    bool good;
} ids[] = {
    { "1", true }, { "0b3f-77", true }, { "", false }, { "a b", false }, { "a\n", false },
};

static void identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct secret *room owned(secret_free) = secret_new(1024);
        struct ttlv_writer w = ttlv_writer_of(room);
        struct span id;

        ttlv_add_text(&w, TAG_UNIQUE_IDENTIFIER, span_str(ids[i].id));
        secret_shorten(room, w.len);
        assert_int_equal(failed(kmip_read_made(secret_expose(room), &id)), !ids[i].good);
    }
}

static void versions(void **state)
{
    unsigned version = 0;

    (void)state;
    assert_ok(kmip_version_parse(SPAN("1.4"), &version));
    assert_int_equal(version, KMIP_1_4);
    assert_fails(kmip_version_parse(SPAN("1.1"), &version), FAIL_INPUT);
    assert_fails(kmip_version_parse(SPAN("2.1"), &version), FAIL_INPUT);
    assert_fails(kmip_version_parse(SPAN("1.40"), &version), FAIL_INPUT);
    assert_fails(kmip_version_parse(SPAN(""), &version), FAIL_INPUT);
}

/* Each request of each version is whole TTLV with its version and operation in it. */
static void requests(void **state)
{
    static const unsigned all[] = { KMIP_1_2, KMIP_1_3, KMIP_1_4, KMIP_2_0 };
    static const enum kmip_operation operations[] = {
        KMIP_CREATE, KMIP_CREATE_KEY_PAIR, KMIP_REGISTER, KMIP_LOCATE,  KMIP_GET,
        KMIP_REVOKE, KMIP_GET_ATTRIBUTES,  KMIP_ACTIVATE, KMIP_DESTROY, KMIP_DISCOVER_VERSIONS
    };
    struct secret *key owned(secret_free) = secret_new(32);

    (void)state;
    for (size_t v = 0; v < COUNT(all); v++)
        for (size_t o = 0; o < COUNT(operations); o++) {
            struct kmip_request q = { .operation = operations[o],
                                      .id = SPAN("17"),
                                      .name = SPAN("warder/default/x/1"),
                                      .spec = { KEY_ALGORITHM_EC, 384 },
                                      .key = key,
                                      .active_only = true,
                                      .format = KMIP_PKCS8 };
            struct secret *bytes owned(secret_free) = NULL;
            struct span body = { 0 }, header = { 0 }, item = { 0 }, version = { 0 };
            struct span major = { 0 }, minor = { 0 }, operation = { 0 }, payload = { 0 };
            const struct ttlv_field top[] = { { TAG_REQUEST_MESSAGE, TTLV_STRUCTURE, true, &body } };
            const struct ttlv_field inner[] = { { TAG_REQUEST_HEADER, TTLV_STRUCTURE, true, &header },
                                                { TAG_BATCH_ITEM, TTLV_STRUCTURE, true, &item } };
            const struct ttlv_field head[] = { { TAG_PROTOCOL_VERSION, TTLV_STRUCTURE, true, &version } };
            const struct ttlv_field numbers[] = { { TAG_PROTOCOL_VERSION_MAJOR, TTLV_INTEGER, true, &major },
                                                  { TAG_PROTOCOL_VERSION_MINOR, TTLV_INTEGER, true, &minor } };
            const struct ttlv_field parts[] = { { TAG_OPERATION, TTLV_ENUMERATION, true, &operation },
                                                { TAG_REQUEST_PAYLOAD, TTLV_STRUCTURE, true, &payload } };

            assert_ok(kmip_request_write(&q, all[v], &bytes));
            assert_ok(ttlv_pick(secret_expose(bytes), top, 1));
            assert_ok(ttlv_pick(body, inner, 2));
            assert_ok(ttlv_pick(header, head, 1));
            assert_ok(ttlv_pick(version, numbers, 2));
            assert_ok(ttlv_pick(item, parts, 2));
            assert_int_equal(ttlv_u32(major) * 10 + ttlv_u32(minor), all[v]);
            assert_int_equal(ttlv_u32(operation), operations[o]);
            assert_int_equal(!payload.len, operations[o] == KMIP_DISCOVER_VERSIONS);
            bool knows_attributes = span_find(payload, SPAN("\x42\x00\x08")) < payload.len;
            if (all[v] == KMIP_2_0)
                assert_false(knows_attributes); /* the old form of attributes is gone there */
        }
}

static void a_name_that_is_too_long(void **state)
{
    char name[KMIP_NAME_MAX + 1];
    struct secret *bytes owned(secret_free) = NULL;

    (void)state;
    memset(name, 'a', sizeof name);
    struct kmip_request q = { .operation = KMIP_LOCATE, .name = span_from(name, KMIP_NAME_MAX) };
    assert_ok(kmip_request_write(&q, KMIP_1_4, &bytes));
    secret_free(TAKE(bytes));
    q.name = SPAN_OF(name);
    assert_fails(kmip_request_write(&q, KMIP_1_4, &bytes), FAIL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_a_server),
        cmocka_unit_test(answers_that_contradict_themselves),
        cmocka_unit_test(sizes),
        cmocka_unit_test(what_answers_hold),
        cmocka_unit_test(payloads_that_are_cut),
        cmocka_unit_test(attributes_twice_and_too_many),
        cmocka_unit_test(identifiers),
        cmocka_unit_test(versions),
        cmocka_unit_test(requests),
        cmocka_unit_test(a_name_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
