// SPDX-License-Identifier: Apache-2.0
#include "keys/key_server.h"

#include "base/ipc.h"
#include "crypto/jose.h"
#include "keys/key_fields_internal.h"
#include "keys/seal_wire.h"

#define SPKI_MAX 1024

struct question {
    struct keystore *store;
    const struct key *import;
    struct reader r;
};

typedef struct err handler(struct question *q, struct buf *out);

static struct err answer_health(struct question *q, struct buf *out)
{
    TRY(reader_end(&q->r, "health question"));
    TRY(q->store->health(q->store));
    write_part(out, span_str(q->store->name));
    return OK;
}

static struct err answer_import_key(struct question *q, struct buf *out)
{
    struct buf spki owned(buf_done) = buf_of(SPKI_MAX);

    TRY(reader_end(&q->r, "import key question"));
    TRY(key_to_spki(q->import, &spki));
    write_part(out, buf_span(&spki));
    return OK;
}

static struct err answer_create(struct question *q, struct buf *out)
{
    struct key_ref ref = read_ref(&q->r);
    struct key_spec spec = read_spec(&q->r);

    (void)out;
    TRY(reader_end(&q->r, "create question"));
    return q->store->create(q->store, &ref, &spec);
}

static fallible open_import(const struct key *import, bool sealed, struct span text,
                            struct secret **given)
{
    if (sealed) {
        struct err e = jwe_open(import, text, NULL, given);
        return failed(e) ? FAIL(INPUT, "key_string is not sealed to this broker's import key") : OK;
    }
    *given = secret_copy(text);
    return *given ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static struct err answer_import(struct question *q, struct buf *out)
{
    struct secret *given owned(secret_free) = NULL, *material owned(secret_free) = NULL;
    struct key_spec spec;
    struct key_ref ref = read_ref(&q->r);
    enum key_algorithm algorithm = read_algorithm(&q->r);
    uint8_t sealed = reader_u8(&q->r);
    struct span text =
        read_part(&q->r, algorithm == KEY_ALGORITHM_OPAQUE ? SEALED_SECRET_MAX : KEY_TEXT_MAX);

    reader_require(&q->r, sealed <= 1);
    TRY(reader_end(&q->r, "import question"));
    TRY(open_import(q->import, sealed, text, &given));
    TRY(key_material_parse(given, algorithm, &material, &spec));
    TRY(q->store->import(q->store, &ref, &spec, material));
    write_spec(out, &spec);
    return OK;
}

static struct err answer_describe(struct question *q, struct buf *out)
{
    struct key_ref ref = read_ref(&q->r);
    struct key_spec spec = { .algorithm = read_algorithm(&q->r) };

    TRY(reader_end(&q->r, "describe question"));
    TRY(q->store->describe(q->store, &ref, &spec));
    write_spec(out, &spec);
    return OK;
}

static fallible read_recipient(struct span to, struct key **out)
{
    if (to.len == P256_POINT_SIZE) /* no SPKI is that short */
        return key_from_point(KEY_P256, to, out);
    return key_from_spki(to, out);
}

static struct err answer_wrap(struct question *q, struct buf *out)
{
    struct key *recipient owned(key_free) = NULL;
    json_t *header owned(json_free) = NULL;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct key_ref ref = read_ref(&q->r);
    struct key_spec spec = read_spec(&q->r);
    struct span to = read_part(&q->r, SPKI_MAX);
    struct span text = read_part(&q->r, KEY_TEXT_MAX);

    TRY(reader_end(&q->r, "wrap question"));
    TRY(read_recipient(to, &recipient));
    TRY(json_parse_object(text, &header));
    TRY(q->store->wrap_to(q->store, &ref, &spec, recipient, header, &jwe));
    write_part(out, buf_span(&jwe));
    return OK;
}

static struct err answer_destroy(struct question *q, struct buf *out)
{
    struct key_ref ref = read_ref(&q->r);

    (void)out;
    TRY(reader_end(&q->r, "destroy question"));
    return q->store->destroy(q->store, &ref);
}

/* The one answer with something secret: the shares of a new root key, for those who will hold it.
 */
static struct err answer_seal(struct question *q, struct buf *out)
{
    struct seal_answer a owned(seal_answer_done) = { 0 };
    struct seal_question asked;

    TRY(seal_question_read(&q->r, &asked));
    if (!q->store->seal)
        return FAIL(INPUT, "this key manager has no seal: only the embedded one does");
    TRY(q->store->seal(q->store, &asked, &a));
    return seal_answer_write(&a, out);
}

static struct err answer_public(struct question *q, struct buf *out)
{
    struct buf spki owned(buf_done) = buf_of(SPKI_MAX);
    struct key_ref ref = read_ref(&q->r);
    struct key_spec spec = read_spec(&q->r);

    TRY(reader_end(&q->r, "public half question"));
    if (!q->store->public_half)
        return FAIL(INPUT, "this key manager uses no keys by handle");
    TRY(q->store->public_half(q->store, &ref, &spec, &spki));
    write_part(out, buf_span(&spki));
    return OK;
}

static struct err answer_use(struct question *q, struct buf *out)
{
    struct key *recipient owned(key_free) = NULL;
    json_t *header owned(json_free) = NULL;
    struct buf result owned(buf_done) = buf_of(KEY_TEXT_MAX);
    struct key_ref ref = read_ref(&q->r);
    struct key_spec spec = read_spec(&q->r);
    struct key_use use = read_use(&q->r);
    struct span to = read_part(&q->r, SPKI_MAX);
    struct span text = read_part(&q->r, KEY_TEXT_MAX);

    TRY(reader_end(&q->r, "use question"));
    TRY(read_recipient(to, &recipient));
    TRY(json_parse_object(text, &header));
    if (!q->store->use)
        return FAIL(INPUT, "this key manager uses no keys by handle");
    TRY(key_use_check(&use, &spec));
    use.recipient = recipient;
    use.header = header;
    TRY(q->store->use(q->store, &ref, &spec, &use, &result));
    write_part(out, buf_span(&result));
    return OK;
}

static handler *const handlers[KEY_MESSAGE_COUNT] = {
    [KEY_MESSAGE_HEALTH] = answer_health,     [KEY_MESSAGE_IMPORT_KEY] = answer_import_key,
    [KEY_MESSAGE_CREATE] = answer_create,     [KEY_MESSAGE_IMPORT] = answer_import,
    [KEY_MESSAGE_DESCRIBE] = answer_describe, [KEY_MESSAGE_WRAP] = answer_wrap,
    [KEY_MESSAGE_DESTROY] = answer_destroy,   [KEY_MESSAGE_SEAL] = answer_seal,
    [KEY_MESSAGE_PUBLIC] = answer_public,     [KEY_MESSAGE_USE] = answer_use,
};

void key_server_answer(struct keystore *store, const struct key *import, uint16_t type,
                       struct span question, struct buf *answer)
{
    struct question q = { store, import, reader_of(question) };
    struct buf content owned(buf_done) = buf_of(IPC_BODY_MAX);
    handler *h = type < KEY_MESSAGE_COUNT ? handlers[type] : NULL;
    struct err e = h ? h(&q, &content) : FAIL(INPUT, "unknown message");

    if (!failed(e))
        e = buf_check(&content);
    write_u8(answer, (uint8_t)e.kind);
    if (failed(e))
        write_part(answer, span_str(e.what));
    else
        buf_add(answer, buf_span(&content));
    if (type == KEY_MESSAGE_SEAL)
        wipe(content.at, content.len);
}

void key_server_run(int fd, struct keystore *store, const struct key *import)
{
    for (;;) {
        struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
        struct buf answer owned(buf_done) = buf_of(IPC_BODY_MAX);

        if (failed(ipc_receive(fd, &m, IPC_FOREVER)))
            return;
        key_server_answer(store, import, m.type, buf_span(&m.body), &answer);
        wipe(m.body.at, m.body.len); /* an import may have been in it */
        struct err e = buf_check(&answer);
        if (!failed(e))
            e = ipc_send(fd, m.type, m.id, buf_span(&answer), IPC_FOREVER);
        if (m.type == KEY_MESSAGE_SEAL)
            wipe(answer.at, answer.len);
        if (failed(e))
            return;
    }
}
