// SPDX-License-Identifier: Apache-2.0
/* key_server_answer: the first byte chooses the message. */
#include "crypto/crypto.h"
#include "keys/key_protocol.h"
#include "keys/key_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct err none(struct keystore *k, const struct key_ref *r, const struct key_spec *s)
{
    (void)k;
    (void)r;
    (void)s;
    return OK;
}
static struct err take(struct keystore *k, const struct key_ref *r, const struct key_spec *s, const struct secret *m)
{
    (void)m;
    return none(k, r, s);
}
static struct err tell(struct keystore *k, const struct key_ref *r, struct key_spec *s)
{
    return none(k, r, s);
}
static struct err wrap(struct keystore *k, const struct key_ref *r, const struct key_spec *s, const struct key *to, const json_t *h,
                       struct buf *jwe)
{
    (void)h;
    (void)to;
    buf_add_str(jwe, "x");
    return none(k, r, s);
}
static struct err drop(struct keystore *k, const struct key_ref *r)
{
    return none(k, r, NULL);
}
static struct err well(struct keystore *k)
{
    return none(k, NULL, NULL);
}

static struct err use(struct keystore *k, const struct key_ref *r, const struct key_spec *s, const struct key_use *u, struct buf *result)
{
    if (u->input.len > KEY_INPUT_MAX || u->label.len > KEY_LABEL_INPUT_MAX || !u->recipient)
        __builtin_trap();
    buf_add(result, u->input);
    return none(k, r, s);
}
static struct err tell_public(struct keystore *k, const struct key_ref *r, const struct key_spec *s, struct buf *spki)
{
    buf_add_str(spki, "x");
    return none(k, r, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct key *import;
    struct keystore store = { .name = "fuzz", .create = none, .import = take, .describe = tell, .wrap_to = wrap,
                              .destroy = drop, .health = well, .use = use, .public_half = tell_public };
    struct buf answer owned(buf_done) = buf_of(4U << 20);

    if (!size || (!import && (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(key_make_ec(KEY_P256, &import)))))
        return 0;
    key_server_answer(&store, import, data[0], span_from(data + 1, size - 1), &answer);
    if (!answer.len || answer.at[0] > FAIL_SYSTEM)
        __builtin_trap();
    return 0;
}
