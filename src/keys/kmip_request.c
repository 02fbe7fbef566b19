// SPDX-License-Identifier: Apache-2.0
#include "keys/kmip_message.h"

#include "keys/kmip_tags_internal.h"

enum {
    ALGORITHM_AES = 3,
    ALGORITHM_RSA = 4,
    ALGORITHM_ECDSA = 6,
    CURVE_P256 = 7,
    CURVE_P384 = 0x0a,
    CURVE_P521 = 0x0d,
    USE_SIGN = 0x01,
    USE_VERIFY = 0x02,
    USE_ENCRYPT = 0x04,
    USE_DECRYPT = 0x08,
    USE_WRAP = 0x10,
    USE_UNWRAP = 0x20,
    USE_EXPORT = 0x40,
    NAME_IS_TEXT = 1,
    SECRET_IS_PASSWORD = 1, /* of the two types that all servers know; the bytes may be any */
    REASON_CESSATION = 6,
    LOCATE_ITEMS = 2
};

/* Attributes stand in different envelopes before KMIP 2.0 and since. */
struct envelope {
    enum kmip_tag before, since;
};
static const struct envelope one_object = { TAG_TEMPLATE_ATTRIBUTE, TAG_ATTRIBUTES };
static const struct envelope both_keys = { TAG_COMMON_TEMPLATE_ATTRIBUTE, TAG_COMMON_ATTRIBUTES };
static const struct envelope private_key = { TAG_PRIVATE_KEY_TEMPLATE_ATTRIBUTE,
                                             TAG_PRIVATE_KEY_ATTRIBUTES };
static const struct envelope public_key = { TAG_PUBLIC_KEY_TEMPLATE_ATTRIBUTE,
                                            TAG_PUBLIC_KEY_ATTRIBUTES };

struct message {
    struct ttlv_writer w;
    unsigned version;
    const struct kmip_request *q;
};

fallible kmip_version_parse(struct span text, unsigned *out)
{
    static const struct {
        const char *text;
        enum kmip_version version;
    } known[] = {
        { "1.2", KMIP_1_2 }, { "1.3", KMIP_1_3 }, { "1.4", KMIP_1_4 }, { "2.0", KMIP_2_0 }
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_equal_str(text, known[i].text)) {
            *out = known[i].version;
            return OK;
        }
    return FAIL(INPUT, "the KMIP version is 1.2, 1.3, 1.4 or 2.0");
}

static size_t envelope_begin(struct message *m, struct envelope e)
{
    return ttlv_begin(&m->w, m->version >= KMIP_2_0 ? e.since : e.before);
}

/* Before KMIP 2.0 an attribute is its name and its value; since then the value has its own tag,
 * which is put into *tag. The mark is for attribute_end(). */
static size_t attribute_begin(struct message *m, const char *name, uint32_t own, uint32_t *tag)
{
    *tag = own;
    if (m->version >= KMIP_2_0)
        return 0;
    size_t mark = ttlv_begin(&m->w, TAG_ATTRIBUTE);
    ttlv_add_text(&m->w, TAG_ATTRIBUTE_NAME, span_str(name));
    *tag = TAG_ATTRIBUTE_VALUE;
    return mark;
}

static void attribute_end(struct message *m, size_t mark)
{
    if (mark)
        ttlv_end(&m->w, mark);
}

static void put_enumeration(struct message *m, const char *name, uint32_t own, uint32_t value)
{
    uint32_t tag;
    size_t mark = attribute_begin(m, name, own, &tag);
    ttlv_add_enumeration(&m->w, tag, value);
    attribute_end(m, mark);
}

static void put_integer(struct message *m, const char *name, uint32_t own, uint32_t value)
{
    uint32_t tag;
    size_t mark = attribute_begin(m, name, own, &tag);
    ttlv_add_integer(&m->w, tag, value);
    attribute_end(m, mark);
}

static void put_name(struct message *m, const char *suffix)
{
    uint32_t tag;
    size_t mark = attribute_begin(m, "Name", TAG_NAME, &tag);
    size_t name = ttlv_begin(&m->w, tag);
    char text[KMIP_NAME_MAX + 1];
    int len = snprintf(text, sizeof text, "%.*s%s", (int)m->q->name.len,
                       (const char *)m->q->name.at, suffix);

    m->w.failed |= len < 0 || len > KMIP_NAME_MAX;
    ttlv_add_text(&m->w, TAG_NAME_VALUE, span_str(text));
    ttlv_add_enumeration(&m->w, TAG_NAME_TYPE, NAME_IS_TEXT);
    ttlv_end(&m->w, name);
    attribute_end(m, mark);
}

static uint32_t algorithm_of(const struct key_spec *spec)
{
    switch (spec->algorithm) {
    case KEY_ALGORITHM_RSA:
        return ALGORITHM_RSA;
    case KEY_ALGORITHM_EC:
        return ALGORITHM_ECDSA;
    case KEY_ALGORITHM_AES:
        return ALGORITHM_AES;
    case KEY_ALGORITHM_OPAQUE:
        break;
    }
    return 0;
}

enum kmip_object kmip_object_of(enum key_algorithm algorithm)
{
    switch (algorithm) {
    case KEY_ALGORITHM_AES:
        return KMIP_SYMMETRIC_KEY;
    case KEY_ALGORITHM_OPAQUE:
        return KMIP_SECRET_DATA;
    case KEY_ALGORITHM_RSA:
    case KEY_ALGORITHM_EC:
        break;
    }
    return KMIP_PRIVATE_KEY;
}

static void put_kind(struct message *m)
{
    const struct key_spec *spec = &m->q->spec;

    put_enumeration(m, "Cryptographic Algorithm", TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm_of(spec));
    put_integer(m, "Cryptographic Length", TAG_CRYPTOGRAPHIC_LENGTH, spec->bits);
    if (spec->algorithm != KEY_ALGORITHM_EC)
        return;
    uint32_t tag;
    size_t mark = attribute_begin(m, "Cryptographic Domain Parameters",
                                  TAG_CRYPTOGRAPHIC_DOMAIN_PARAMETERS, &tag);
    size_t domain = ttlv_begin(&m->w, tag);
    ttlv_add_enumeration(&m->w, TAG_RECOMMENDED_CURVE,
                         spec->bits == 256   ? CURVE_P256
                         : spec->bits == 384 ? CURVE_P384
                                             : CURVE_P521);
    ttlv_end(&m->w, domain);
    attribute_end(m, mark);
}

static void put_use(struct message *m, uint32_t mask)
{
    put_integer(m, "Cryptographic Usage Mask", TAG_CRYPTOGRAPHIC_USAGE_MASK, mask);
}

static void write_create(struct message *m)
{
    ttlv_add_enumeration(&m->w, TAG_OBJECT_TYPE, KMIP_SYMMETRIC_KEY);
    size_t attributes = envelope_begin(m, one_object);
    put_kind(m);
    put_use(m, USE_ENCRYPT | USE_DECRYPT | USE_WRAP | USE_UNWRAP);
    put_name(m, "");
    ttlv_end(&m->w, attributes);
}

static void write_create_pair(struct message *m)
{
    size_t common = envelope_begin(m, both_keys);
    put_kind(m);
    ttlv_end(&m->w, common);
    size_t private = envelope_begin(m, private_key);
    put_use(m, USE_SIGN | USE_DECRYPT | USE_UNWRAP);
    put_name(m, "");
    ttlv_end(&m->w, private);
    size_t public = envelope_begin(m, public_key);
    put_use(m, USE_VERIFY | USE_ENCRYPT | USE_WRAP);
    put_name(m, "/public");
    ttlv_end(&m->w, public);
}

/* How an object of each kind is registered. */
static const struct registration {
    enum kmip_object object;
    uint32_t tag, format, use;
} registrations[] = {
    { KMIP_SYMMETRIC_KEY, TAG_SYMMETRIC_KEY, KMIP_RAW,
      USE_ENCRYPT | USE_DECRYPT | USE_WRAP | USE_UNWRAP },
    { KMIP_PRIVATE_KEY, TAG_PRIVATE_KEY, KMIP_PKCS8, USE_SIGN | USE_DECRYPT | USE_UNWRAP },
    { KMIP_SECRET_DATA, TAG_SECRET_DATA, KMIP_OPAQUE, USE_EXPORT },
};

static const struct registration *registration_of(enum kmip_object object)
{
    const struct registration *r = registrations;

    while (r->object != object)
        r++;
    return r;
}

static void write_key_block(struct message *m, uint32_t format)
{
    const struct key_spec *spec = &m->q->spec;
    size_t block = ttlv_begin(&m->w, TAG_KEY_BLOCK);

    ttlv_add_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, format);
    size_t value = ttlv_begin(&m->w, TAG_KEY_VALUE);
    ttlv_add_bytes(&m->w, TAG_KEY_MATERIAL, secret_expose(m->q->key));
    ttlv_end(&m->w, value);
    if (spec->algorithm != KEY_ALGORITHM_OPAQUE) {
        ttlv_add_enumeration(&m->w, TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm_of(spec));
        ttlv_add_integer(&m->w, TAG_CRYPTOGRAPHIC_LENGTH, spec->bits);
    }
    ttlv_end(&m->w, block);
}

static void write_register(struct message *m)
{
    const struct registration *r = registration_of(kmip_object_of(m->q->spec.algorithm));

    ttlv_add_enumeration(&m->w, TAG_OBJECT_TYPE, r->object);
    size_t attributes = envelope_begin(m, one_object);
    put_use(m, r->use);
    put_name(m, "");
    ttlv_end(&m->w, attributes);
    size_t object = ttlv_begin(&m->w, r->tag);
    if (r->object == KMIP_SECRET_DATA)
        ttlv_add_enumeration(&m->w, TAG_SECRET_DATA_TYPE, SECRET_IS_PASSWORD);
    write_key_block(m, r->format);
    ttlv_end(&m->w, object);
}

static void write_locate(struct message *m)
{
    ttlv_add_integer(&m->w, TAG_MAXIMUM_ITEMS, LOCATE_ITEMS);
    size_t attributes = m->version >= KMIP_2_0 ? ttlv_begin(&m->w, TAG_ATTRIBUTES) : 0;
    put_name(m, "");
    if (m->q->active_only)
        put_enumeration(m, "State", TAG_STATE, KMIP_ACTIVE);
    if (attributes)
        ttlv_end(&m->w, attributes);
}

static void write_revoke(struct message *m)
{
    ttlv_add_text(&m->w, TAG_UNIQUE_IDENTIFIER, m->q->id);
    size_t reason = ttlv_begin(&m->w, TAG_REVOCATION_REASON);
    ttlv_add_enumeration(&m->w, TAG_REVOCATION_REASON_CODE, REASON_CESSATION);
    ttlv_end(&m->w, reason);
}

static void write_payload(struct message *m)
{
    switch (m->q->operation) {
    case KMIP_CREATE:
        write_create(m);
        return;
    case KMIP_CREATE_KEY_PAIR:
        write_create_pair(m);
        return;
    case KMIP_REGISTER:
        write_register(m);
        return;
    case KMIP_LOCATE:
        write_locate(m);
        return;
    case KMIP_GET:
        ttlv_add_text(&m->w, TAG_UNIQUE_IDENTIFIER, m->q->id);
        if (m->q->format != KMIP_AS_IT_IS)
            ttlv_add_enumeration(&m->w, TAG_KEY_FORMAT_TYPE, m->q->format);
        return;
    case KMIP_REVOKE:
        write_revoke(m);
        return;
    case KMIP_GET_ATTRIBUTES: /* without names: all, which all versions write alike */
    case KMIP_ACTIVATE:
    case KMIP_DESTROY:
        ttlv_add_text(&m->w, TAG_UNIQUE_IDENTIFIER, m->q->id);
        return;
    case KMIP_DISCOVER_VERSIONS: /* without versions: all that the server knows */
        return;
    }
}

static void write_header(struct message *m)
{
    size_t header = ttlv_begin(&m->w, TAG_REQUEST_HEADER);
    size_t version = ttlv_begin(&m->w, TAG_PROTOCOL_VERSION);
    ttlv_add_integer(&m->w, TAG_PROTOCOL_VERSION_MAJOR, m->version / 10);
    ttlv_add_integer(&m->w, TAG_PROTOCOL_VERSION_MINOR, m->version % 10);
    ttlv_end(&m->w, version);
    ttlv_add_integer(&m->w, TAG_MAXIMUM_RESPONSE_SIZE, KMIP_ANSWER_MAX);
    ttlv_add_integer(&m->w, TAG_BATCH_COUNT, 1);
    ttlv_end(&m->w, header);
}

fallible kmip_request_write(const struct kmip_request *q, unsigned version, struct secret **out)
{
    struct secret *room owned(secret_free) =
        secret_new(KMIP_REQUEST_ROOM + q->name.len * 2 + (q->key ? secret_len(q->key) : 0));
    struct message m = { .w = ttlv_writer_of(room), .version = version, .q = q };

    if (!room)
        return FAIL(SYSTEM, "secure memory exhausted");
    size_t message = ttlv_begin(&m.w, TAG_REQUEST_MESSAGE);
    write_header(&m);
    size_t item = ttlv_begin(&m.w, TAG_BATCH_ITEM);
    ttlv_add_enumeration(&m.w, TAG_OPERATION, (uint32_t)q->operation);
    size_t payload = ttlv_begin(&m.w, TAG_REQUEST_PAYLOAD);
    write_payload(&m);
    ttlv_end(&m.w, payload);
    ttlv_end(&m.w, item);
    ttlv_end(&m.w, message);
    if (m.w.failed)
        return FAIL(LIMIT, "too long for a KMIP request");
    secret_shorten(room, m.w.len);
    *out = TAKE(room);
    return OK;
}
