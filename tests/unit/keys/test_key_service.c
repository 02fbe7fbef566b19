// SPDX-License-Identifier: Apache-2.0
/* keyd's side and the key manager's side of their sockets. */
#include "keys/key_service.h"

#include <pthread.h>

#include "base/ipc.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "keys/key_protocol.h"
#include "keys/key_server.h"
#include "unit.h"

/* A manager that holds one AES key, or fails as told. */
struct fake {
    struct keystore face;
    struct err says;
    unsigned calls;
    struct secret *last;
};

static struct err fake_create(struct keystore *k, const struct key_ref *ref, const struct key_spec *spec)
{
    struct fake *f = (struct fake *)k;
    f->calls++;
    assert_true(span_equal_str(ref->tenant, "t") && span_equal_str(ref->id, "k") && ref->version == 7);
    assert_int_equal(spec->bits, 256);
    return f->says;
}

static struct err fake_import(struct keystore *k, const struct key_ref *ref, const struct key_spec *spec, const struct secret *m)
{
    struct fake *f = (struct fake *)k;
    (void)ref;
    (void)spec;
    secret_free(f->last);
    f->last = secret_copy(secret_expose(m));
    return f->says;
}

static struct err fake_describe(struct keystore *k, const struct key_ref *ref, struct key_spec *spec)
{
    (void)ref;
    *spec = (struct key_spec){ KEY_ALGORITHM_EC, 384 };
    return ((struct fake *)k)->says;
}

static struct err fake_wrap(struct keystore *k, const struct key_ref *ref, const struct key_spec *spec, const struct key *to,
                            const json_t *header, struct buf *jwe)
{
    struct fake *f = (struct fake *)k;
    struct secret *material owned(secret_free) = secret_copy(SPAN("0123456789abcdef0123456789abcdef"));
    (void)ref;
    TRY(key_material_wrap(material, spec, to, header, jwe));
    return f->says; /* even with something written: an error and a key exclude each other (L26) */
}

static struct err fake_destroy(struct keystore *k, const struct key_ref *ref)
{
    (void)ref;
    return ((struct fake *)k)->says;
}

static struct err fake_health(struct keystore *k)
{
    return ((struct fake *)k)->says;
}

static void fake_close(struct keystore *k)
{
    (void)k;
}

static struct fake fake_of(struct err says)
{
    return (struct fake){ .face = { "fake", fake_create, fake_import, fake_describe, fake_wrap, fake_destroy, fake_health, fake_close },
                          .says = says };
}

struct link {
    int fd;
    struct fake *fake;
    struct key *import;
};

static void *serve(void *arg)
{
    struct link *l = arg;
    key_server_run(l->fd, &l->fake->face, l->import);
    close(l->fd);
    return NULL;
}

static const struct key_spec aes = { KEY_ALGORITHM_AES, 256 };
static const struct key_ref ref = { { (const uint8_t *)"t", 1 }, { (const uint8_t *)"k", 1 }, 7, { NULL, 0 } };

struct setup {
    struct fake fake;
    struct link link;
    struct key_service *service;
    pthread_t thread;
};

static void start(struct setup *s, struct err says)
{
    int pair[2];
    s->fake = fake_of(says);
    s->link = (struct link){ .fake = &s->fake };
    assert_ok(key_make_ec(KEY_P256, &s->link.import));
    assert_ok(ipc_pair(pair));
    s->link.fd = pair[1];
    assert_ok(key_service_open(pair, 1, &s->service));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, &s->link), 0);
}

static void stop(struct setup *s)
{
    key_service_close(s->service);
    pthread_join(s->thread, NULL);
    key_free(s->link.import);
    secret_free(s->fake.last);
}

static void carries_every_question(void **state)
{
    struct setup s;
    struct buf name owned(buf_done) = buf_of(64), jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct key *import owned(key_free) = NULL, *to owned(key_free) = NULL;
    struct secret *got owned(secret_free) = NULL;
    struct key_spec spec;
    char reason[KEY_REASON_SIZE];
    (void)state;
    start(&s, OK);
    assert_ok(key_service_health(s.service, &name));
    assert_string_equal(buf_str(&name), "fake");
    assert_ok(key_service_import_key(s.service, &import));
    assert_true(key_same_public(import, s.link.import) && !key_is_private(import));
    assert_ok(key_service_create(s.service, &ref, &aes, reason));
    assert_int_equal(s.fake.calls, 1);
    assert_ok(key_service_describe(s.service, &ref, KEY_ALGORITHM_EC, &spec, reason));
    assert_true(spec.algorithm == KEY_ALGORITHM_EC && spec.bits == 384);
    assert_ok(key_make_ec(KEY_P256, &to));
    json_t *header owned(json_free) = json_pack("{s:s}", "typ", "x");
    assert_ok(key_service_wrap_to(s.service, &ref, &aes, to, header, &jwe));
    assert_ok(jwe_open(to, buf_span(&jwe), NULL, &got));
    assert_ok(key_service_destroy(s.service, &ref));
    stop(&s);
}

static void imports_plain_and_sealed(void **state)
{
    struct setup s;
    struct key_spec spec;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX), wrong owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct secret *octets owned(secret_free) = secret_copy(SPAN("0123456789abcdef"));
    struct key *stranger owned(key_free) = NULL;
    char reason[KEY_REASON_SIZE];
    (void)state;
    start(&s, OK);
    assert_ok(key_service_import(s.service, &ref, KEY_ALGORITHM_AES, false, SPAN("MDEyMzQ1Njc4OWFiY2RlZg=="), &spec, reason));
    assert_int_equal(spec.bits, 128);
    assert_true(secret_equal(s.fake.last, octets));
    assert_ok(jwe_seal(s.link.import, NULL, octets, &jwe));
    assert_ok(key_service_import(s.service, &ref, KEY_ALGORITHM_AES, true, buf_span(&jwe), &spec, reason));
    assert_ok(key_make_ec(KEY_P256, &stranger));
    assert_ok(jwe_seal(stranger, NULL, octets, &wrong));
    assert_fails(key_service_import(s.service, &ref, KEY_ALGORITHM_AES, true, buf_span(&wrong), &spec, reason), FAIL_INPUT);
    assert_non_null(strstr(reason, "import key"));
    assert_fails(key_service_import(s.service, &ref, KEY_ALGORITHM_RSA, false, SPAN("nonsense"), &spec, reason), FAIL_INPUT);
    stop(&s);
}

static void failures_keep_their_kind_and_bring_no_key(void **state) /* L26, L52 */
{
    static const enum fail_kind kinds[] = { FAIL_INPUT, FAIL_DENIED, FAIL_ABSENT, FAIL_CONFLICT, FAIL_LIMIT, FAIL_UPSTREAM, FAIL_SYSTEM };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct setup s;
        struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
        struct key *to owned(key_free) = NULL;
        start(&s, (struct err){ .kind = kinds[i], .what = "as told" });
        assert_ok(key_make_ec(KEY_P256, &to));
        json_t *header owned(json_free) = json_object();
        assert_fails(key_service_wrap_to(s.service, &ref, &aes, to, header, &jwe), kinds[i]);
        assert_int_equal(jwe.len, 0);
        stop(&s);
    }
}

static void a_manager_that_is_gone_is_unavailable(void **state)
{
    int pair[2];
    struct key_service *service owned(key_service_close) = NULL;
    struct buf name owned(buf_done) = buf_of(64);
    (void)state;
    assert_ok(ipc_pair(pair));
    close(pair[1]);
    assert_ok(key_service_open(pair, 1, &service));
    for (int i = 0; i < 3; i++)
        assert_fails(key_service_health(service, &name), FAIL_UPSTREAM);
}

static void bad_questions_are_refused(void **state)
{
    struct fake fake = fake_of(OK);
    struct buf good owned(buf_done) = buf_of(4096);
    struct key *import owned(key_free) = NULL;
    (void)state;
    assert_ok(key_make_ec(KEY_P256, &import));
    write_part(&good, SPAN("t"));
    write_part(&good, SPAN("k"));
    write_part(&good, SPAN(""));
    write_u64be(&good, 7);
    write_u8(&good, 0);
    write_u8(&good, KEY_ALGORITHM_AES);
    write_u32be(&good, 256);
    for (size_t len = 0; len <= good.len + 1; len++) {
        struct buf q owned(buf_done) = buf_of(4096), answer owned(buf_done) = buf_of(4096);
        buf_add(&q, span_head(buf_span(&good), len));
        if (len > good.len)
            buf_add_u8(&q, 0);
        key_server_answer(&fake.face, import, KEY_MESSAGE_CREATE, buf_span(&q), &answer);
        assert_int_equal(answer.at[0] == FAIL_NONE, len == good.len);
    }
    for (uint16_t type = KEY_MESSAGE_COUNT; type < KEY_MESSAGE_COUNT + 3; type++) {
        struct buf answer owned(buf_done) = buf_of(4096);
        key_server_answer(&fake.face, import, type, buf_span(&good), &answer);
        assert_int_equal(answer.at[0], FAIL_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_every_question),
        cmocka_unit_test(imports_plain_and_sealed),
        cmocka_unit_test(failures_keep_their_kind_and_bring_no_key),
        cmocka_unit_test(a_manager_that_is_gone_is_unavailable),
        cmocka_unit_test(bad_questions_are_refused),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
