// SPDX-License-Identifier: Apache-2.0
#include "keys/key_service.h"

#include <pthread.h>

#include "base/ipc.h"
#include "keys/key_fields_internal.h"
#include "keys/seal_wire.h"

#define TIMEOUT_MS 15000
#define MAKE_TIMEOUT_MS 60000 /* an RSA-4096 key may take seconds */

struct key_service {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    size_t count, alive;
    struct channel {
        int fd; /* -1: broken */
        bool busy;
    } channels[KEY_CHANNELS_MAX];
    uint32_t next_id;
};

fallible key_service_open(const int *fds, size_t count, struct key_service **out)
{
    if (!count || count > KEY_CHANNELS_MAX)
        return FAIL(LIMIT, "channels to the key manager");
    struct key_service *s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    s->count = s->alive = count;
    for (size_t i = 0; i < count; i++)
        s->channels[i].fd = fds[i];
    *out = s;
    return OK;
}

void key_service_close(struct key_service *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        if (s->channels[i].fd >= 0)
            close(s->channels[i].fd);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct channel *pick(struct key_service *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->channels[i].fd >= 0 && !s->channels[i].busy)
            return &s->channels[i];
    return NULL;
}

static struct channel *channel_take(struct key_service *s, uint32_t *id)
{
    struct channel *c = NULL;

    pthread_mutex_lock(&s->lock);
    while (s->alive && !(c = pick(s)))
        pthread_cond_wait(&s->freed, &s->lock);
    if (c)
        c->busy = true;
    *id = ++s->next_id;
    pthread_mutex_unlock(&s->lock);
    return c;
}

static void channel_give(struct key_service *s, struct channel *c, bool good)
{
    pthread_mutex_lock(&s->lock);
    c->busy = false;
    if (!good) {
        close(c->fd);
        c->fd = -1;
        s->alive--;
        pthread_cond_broadcast(&s->freed);
    }
    pthread_cond_signal(&s->freed);
    pthread_mutex_unlock(&s->lock);
}

bool key_service_is_whole(struct key_service *s)
{
    pthread_mutex_lock(&s->lock);
    bool whole = 2 * s->alive > s->count;
    pthread_mutex_unlock(&s->lock);
    return whole;
}

/* A late answer to an earlier question that timed out has another id and is passed over. */
static fallible exchange(int fd, uint16_t type, uint32_t id, struct span question, int timeout_ms,
                         struct ipc_message *m)
{
    TRY(ipc_send(fd, type, id, question, timeout_ms));
    do {
        buf_clear(&m->body);
        TRY(ipc_receive(fd, m, timeout_ms));
    } while (m->id != id);
    return m->type == type ? OK : FAIL(UPSTREAM, "the key manager answers nonsense");
}

static struct err fail_of(uint8_t kind)
{
    switch ((enum fail_kind)kind) {
    case FAIL_NONE:
        break;
    case FAIL_INPUT:
        return FAIL(INPUT, "the key manager refused the key");
    case FAIL_DENIED:
        return FAIL(DENIED, "the key manager denied it");
    case FAIL_ABSENT:
        return FAIL(ABSENT, "the key manager does not hold this key");
    case FAIL_CONFLICT:
        return FAIL(CONFLICT, "the key manager has such a key already");
    case FAIL_LIMIT:
        return FAIL(LIMIT, "the key is too large for the key manager");
    case FAIL_UPSTREAM:
        return FAIL(UPSTREAM, "the key manager is not available");
    case FAIL_SYSTEM:
        return FAIL(SYSTEM, "the key manager failed");
    }
    return FAIL(UPSTREAM, "the key manager answers nonsense");
}

/* *r reads the content of a good answer; it borrows from m. */
static fallible read_answer(const struct ipc_message *m, struct reader *r, char *reason)
{
    struct reader in = reader_of(buf_span(&m->body));
    uint8_t kind = reader_u8(&in);

    if (kind == FAIL_NONE && !in.failed) {
        *r = in;
        return OK;
    }
    struct span text = read_part(&in, KEY_REASON_SIZE - 1);
    TRY(reader_end(&in, "key manager's answer"));
    if (reason)
        snprintf(reason, KEY_REASON_SIZE, "%.*s", (int)text.len, (const char *)text.at);
    if (kind == FAIL_UPSTREAM && span_equal_str(text, KEYSTORE_SEALED))
        return FAIL(UPSTREAM, KEYSTORE_SEALED);
    if (kind == FAIL_UPSTREAM && span_equal_str(text, KEYSTORE_VAULT_SEALED))
        return FAIL(UPSTREAM, KEYSTORE_VAULT_SEALED);
    return fail_of(kind);
}

static fallible ask_within(struct key_service *s, uint16_t type, const struct buf *question,
                           int timeout_ms, struct ipc_message *m, struct reader *r, char *reason)
{
    uint32_t id;

    if (reason)
        reason[0] = 0;
    TRY(buf_check(question));
    struct channel *c = channel_take(s, &id);
    if (!c)
        return FAIL(UPSTREAM, "the key manager's process is gone");
    struct err e = exchange(c->fd, type, id, buf_span(question), timeout_ms, m);
    channel_give(s, c, !failed(e));
    if (failed(e))
        return FAIL(UPSTREAM, "the key manager does not answer");
    return read_answer(m, r, reason);
}

static fallible ask(struct key_service *s, uint16_t type, const struct buf *question,
                    struct ipc_message *m, struct reader *r, char *reason)
{
    return ask_within(s, type, question, TIMEOUT_MS, m, r, reason);
}

fallible key_service_health(struct key_service *s, struct buf *name)
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    TRY(ask(s, KEY_MESSAGE_HEALTH, &question, &m, &r, NULL));
    struct span text = read_part(&r, KEY_REFERENCE_MAX);
    TRY(reader_end(&r, "key manager's health"));
    buf_add(name, text);
    return buf_check(name);
}

fallible key_service_import_key(struct key_service *s, struct key **out)
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    TRY(ask(s, KEY_MESSAGE_IMPORT_KEY, &question, &m, &r, NULL));
    struct span spki = read_part(&r, KEY_TEXT_MAX);
    TRY(reader_end(&r, "import key"));
    return key_from_spki(spki, out);
}

fallible key_service_create(struct key_service *s, const struct key_ref *ref,
                            const struct key_spec *spec, char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    write_ref(&question, ref);
    write_spec(&question, spec);
    TRY(ask_within(s, KEY_MESSAGE_CREATE, &question, MAKE_TIMEOUT_MS, &m, &r, reason));
    return reader_end(&r, "create answer");
}

static fallible read_spec_answer(struct reader *r, struct key_spec *spec)
{
    struct key_spec found = read_spec(r);
    TRY(reader_end(r, "key description"));
    TRY(key_spec_check(&found));
    *spec = found;
    return OK;
}

fallible key_service_import(struct key_service *s, const struct key_ref *ref,
                            enum key_algorithm algorithm, bool sealed, struct span text,
                            struct key_spec *spec, char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    if (!buf_extend(&question,
                    text.len +
                        4 * KEY_REFERENCE_MAX)) /* so that a secret is not left behind by growing */
        return FAIL(SYSTEM, "out of memory");
    buf_clear(&question);
    write_ref(&question, ref);
    write_u8(&question, (uint8_t)algorithm);
    write_u8(&question, sealed);
    write_part(&question, text);
    struct err e = ask(s, KEY_MESSAGE_IMPORT, &question, &m, &r, reason);
    wipe(question.at, question.len);
    TRY(e);
    return read_spec_answer(&r, spec);
}

fallible key_service_describe(struct key_service *s, const struct key_ref *ref,
                              enum key_algorithm algorithm, struct key_spec *spec,
                              char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    write_ref(&question, ref);
    write_u8(&question, (uint8_t)algorithm);
    TRY(ask(s, KEY_MESSAGE_DESCRIBE, &question, &m, &r, reason));
    return read_spec_answer(&r, spec);
}

fallible key_service_wrap_to(struct key_service *s, const struct key_ref *ref,
                             const struct key_spec *spec, const struct key *recipient,
                             const json_t *header, struct buf *jwe)
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX),
                        to owned(buf_done) = buf_of(KEY_TEXT_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;
    char *text owned(free) = json_text(header);

    if (key_kind_of(recipient) == KEY_P256)
        TRY(key_to_point(recipient, &to));
    else
        TRY(key_to_spki(recipient, &to));
    write_ref(&question, ref);
    write_spec(&question, spec);
    write_part(&question, buf_span(&to));
    write_part(&question, span_str(text));
    TRY(ask(s, KEY_MESSAGE_WRAP, &question, &m, &r, NULL));
    struct span sealed = read_part(&r, IPC_BODY_MAX);
    TRY(reader_end(&r, "wrapped key"));
    buf_add(jwe, sealed);
    return buf_check(jwe);
}

fallible key_service_use(struct key_service *s, const struct key_ref *ref,
                         const struct key_spec *spec, const struct key_use *use, struct buf *result,
                         char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX),
                        to owned(buf_done) = buf_of(KEY_TEXT_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;
    char *text owned(free) = json_text(use->header);

    TRY(key_to_point(use->recipient, &to));
    write_ref(&question, ref);
    write_spec(&question, spec);
    write_use(&question, use);
    write_part(&question, buf_span(&to));
    write_part(&question, span_str(text));
    TRY(ask(s, KEY_MESSAGE_USE, &question, &m, &r, reason));
    struct span part = read_part(&r, KEY_TEXT_MAX);
    TRY(reader_end(&r, "result of a use"));
    buf_add(result, part);
    return buf_check(result);
}

fallible key_service_public_half(struct key_service *s, const struct key_ref *ref,
                                 const struct key_spec *spec, struct buf *spki,
                                 char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    write_ref(&question, ref);
    write_spec(&question, spec);
    TRY(ask(s, KEY_MESSAGE_PUBLIC, &question, &m, &r, reason));
    struct span part = read_part(&r, KEY_TEXT_MAX);
    TRY(reader_end(&r, "public half"));
    buf_add(spki, part);
    return buf_check(spki);
}

fallible key_service_destroy(struct key_service *s, const struct key_ref *ref)
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    write_ref(&question, ref);
    TRY(ask(s, KEY_MESSAGE_DESTROY, &question, &m, &r, NULL));
    return reader_end(&r, "destroy answer");
}

fallible key_service_seal(struct key_service *s, const struct seal_question *q,
                          struct seal_answer *a, char reason[KEY_REASON_SIZE])
{
    struct buf question owned(buf_done) = buf_of(IPC_BODY_MAX);
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(IPC_BODY_MAX) };
    struct reader r;

    TRY(seal_question_write(q, &question));
    struct err e = ask_within(s, KEY_MESSAGE_SEAL, &question, MAKE_TIMEOUT_MS, &m, &r, reason);
    wipe(question.at, question.len);
    if (!failed(e))
        e = seal_answer_read(&r, a);
    wipe(m.body.at, m.body.len);
    return e;
}
