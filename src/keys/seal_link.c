// SPDX-License-Identifier: Apache-2.0
#include "keys/seal_link.h"

#include <unistd.h>

#include "base/ipc.h"
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "keys/pkcs11_seal.h"
#include "keys/seal_record.h"

#define TIMEOUT_MS 30000
#define ANSWER_MAX (SEAL_WRAPPED_MAX + 512)

enum question { QUESTION_WRAP = 1, QUESTION_UNWRAP = 2 };

struct seal_link {
    struct seal_hsm face; /* first: a seal_hsm pointer is one to this */
    int fd;               /* -1: broken; keyd starts both ends anew */
    uint32_t next_id;
};

static struct err fail_of(uint8_t kind)
{
    if (kind == FAIL_DENIED)
        return FAIL(DENIED, "the HSM refuses the seal's key: keyd's log says why");
    if (kind == FAIL_INPUT)
        return FAIL(INPUT, "the HSM cannot do with the seal's key what it must: keyd's log says "
                           "why");
    return FAIL(UPSTREAM, "the HSM of the seal does not answer: keyd's log says why");
}

/* Appends what a good answer holds. */
static fallible read_answer(const struct ipc_message *m, struct secret **content)
{
    struct reader r = reader_of(buf_span(&m->body));
    uint8_t kind = reader_u8(&r);
    struct span rest = reader_rest(&r);

    if (r.failed || kind != FAIL_NONE)
        return fail_of(kind);
    *content = secret_copy(rest);
    return *content ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static fallible ask(struct seal_link *l, enum question type, struct span question,
                    struct secret **content)
{
    struct ipc_message m owned(ipc_message_done) = { .body = buf_of(ANSWER_MAX) };
    uint32_t id = ++l->next_id;
    struct err e = l->fd < 0 ? FAIL(UPSTREAM, "gone") : OK;

    if (!failed(e))
        e = ipc_send(l->fd, (uint16_t)type, id, question, TIMEOUT_MS);
    if (!failed(e))
        e = ipc_receive(l->fd, &m, TIMEOUT_MS);
    if (failed(e) || m.id != id || m.type != type) {
        if (l->fd >= 0)
            close(l->fd);
        l->fd = -1;
        return FAIL(UPSTREAM, "the process of the seal's HSM does not answer");
    }
    e = read_answer(&m, content);
    wipe(m.body.at, m.body.len);
    return e;
}

static struct err link_wrap(struct seal_hsm *self, const struct secret *root, struct buf *wrapped)
{
    struct secret *content owned(secret_free) = NULL;

    TRY(ask((struct seal_link *)self, QUESTION_WRAP, secret_expose(root), &content));
    buf_add(wrapped, secret_expose(content));
    return buf_check(wrapped);
}

static struct err link_unwrap(struct seal_hsm *self, struct span wrapped, struct secret **root)
{
    struct secret *content owned(secret_free) = NULL;

    TRY(ask((struct seal_link *)self, QUESTION_UNWRAP, wrapped, &content));
    if (secret_len(content) != AEAD_KEY_SIZE)
        return FAIL(UPSTREAM, "the HSM of the seal answers nonsense");
    *root = TAKE(content);
    return OK;
}

fallible seal_link_open(int fd, struct seal_hsm **out)
{
    struct seal_link *l = calloc(1, sizeof *l);

    if (!l)
        return FAIL(SYSTEM, "out of memory");
    *l = (struct seal_link){ .face = { link_wrap, link_unwrap }, .fd = fd };
    *out = &l->face;
    return OK;
}

void seal_link_close(struct seal_hsm *hsm)
{
    struct seal_link *l = (struct seal_link *)hsm;

    if (l && l->fd >= 0)
        close(l->fd);
    free(l);
}

static fallible wrap(struct keystore *hsm, struct span label, struct span question, struct buf *out)
{
    struct secret *root owned(secret_free) = secret_copy(question);

    if (!root)
        return FAIL(SYSTEM, "secure memory exhausted");
    if (question.len != AEAD_KEY_SIZE)
        return FAIL(INPUT, "a root key has 32 bytes");
    return pkcs11_seal_wrap(hsm, label, root, out);
}

static fallible unwrap(struct keystore *hsm, struct span label, struct span question,
                       struct buf *out)
{
    struct secret *root owned(secret_free) = NULL;

    TRY(pkcs11_seal_unwrap(hsm, label, question, &root));
    if (!buf_extend(out, AEAD_KEY_SIZE)) /* so that nothing is left behind by growing */
        return FAIL(SYSTEM, "out of memory");
    buf_clear(out);
    buf_add(out, secret_expose(root));
    return buf_check(out);
}

fallible seal_link_answer(struct keystore *hsm, struct span label, uint16_t type,
                          struct span question, struct buf *answer)
{
    struct buf content owned(buf_done) = buf_of(SEAL_WRAPPED_MAX);
    struct err e = FAIL(INPUT, "unknown question");

    if (type == QUESTION_WRAP)
        e = wrap(hsm, label, question, &content);
    if (type == QUESTION_UNWRAP)
        e = unwrap(hsm, label, question, &content);
    write_u8(answer, (uint8_t)e.kind);
    if (!failed(e))
        buf_add(answer, buf_span(&content));
    wipe(content.at, content.len);
    return e;
}

void seal_link_serve(int fd, struct keystore *hsm, struct span label, void (*tell)(struct err e))
{
    for (;;) {
        struct ipc_message m owned(ipc_message_done) = { .body = buf_of(ANSWER_MAX) };
        struct buf answer owned(buf_done) = buf_of(ANSWER_MAX);

        if (failed(ipc_receive(fd, &m, IPC_FOREVER)))
            return;
        tell(seal_link_answer(hsm, label, m.type, buf_span(&m.body), &answer));
        struct err e = buf_check(&answer);
        if (!failed(e))
            e = ipc_send(fd, m.type, m.id, buf_span(&answer), IPC_FOREVER);
        wipe(m.body.at, m.body.len);
        wipe(answer.at, answer.len);
        if (failed(e))
            return;
    }
}
