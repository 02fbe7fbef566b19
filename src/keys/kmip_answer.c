// SPDX-License-Identifier: Apache-2.0
#include "keys/kmip_message.h"

#include "keys/kmip_tags_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { STATUS_SUCCESS = 0, STATUS_FAILED = 1 };

enum reason {
    REASON_NOT_FOUND = 0x01,
    REASON_TOO_LARGE = 0x02,
    REASON_AUTHENTICATION = 0x03,
    REASON_MESSAGE = 0x04,
    REASON_OPERATION = 0x05,
    REASON_FIELD = 0x07,
    REASON_FEATURE = 0x08,
    REASON_CRYPTOGRAPHIC = 0x0a,
    REASON_ILLEGAL = 0x0b,
    REASON_PERMISSION = 0x0c,
    REASON_ARCHIVED = 0x0d,
    REASON_FORMAT = 0x10,
    REASON_VALUE_ABSENT = 0x13,
    REASON_SENSITIVE = 0x16,
    REASON_NOT_EXTRACTABLE = 0x17,
    REASON_EXISTS = 0x18,
    REASON_BAD_PARAMETERS = 0x24,
    REASON_ATTRIBUTE_VALUE = 0x2d,
    REASON_NAME_TAKEN = 0x35,
    REASON_DESTROYED = 0x36,
    REASON_OBJECT_NOT_FOUND = 0x37,
    REASON_NOT_AUTHORISED = 0x39,
    REASON_UNKNOWN_ENUMERATION = 0x3b,
    REASON_PARAMETERS = 0x3e,
    REASON_VERSION = 0x3f,
    REASON_STATE = 0x43
};

static struct err meaning_of(uint32_t reason)
{
    switch (reason) {
    case REASON_NOT_FOUND:
    case REASON_OBJECT_NOT_FOUND:
    case REASON_DESTROYED:
        return FAIL(ABSENT, "the KMIP server does not hold this key");
    case REASON_PERMISSION:
    case REASON_NOT_AUTHORISED:
    case REASON_ILLEGAL:
        return FAIL(DENIED, "the KMIP server does not allow it to our certificate");
    case REASON_SENSITIVE:
    case REASON_NOT_EXTRACTABLE:
    case REASON_VALUE_ABSENT:
        return FAIL(DENIED, "the key may not leave the KMIP server");
    case REASON_ARCHIVED:
    case REASON_STATE:
        return FAIL(DENIED, "the key is not active in the KMIP server");
    case REASON_EXISTS:
    case REASON_NAME_TAKEN:
        return FAIL(CONFLICT, "the KMIP server holds a key under this reference");
    case REASON_AUTHENTICATION:
        return FAIL(UPSTREAM, "the KMIP server does not accept our certificate");
    case REASON_VERSION:
        return FAIL(UPSTREAM, "the KMIP server does not know this version of KMIP");
    case REASON_TOO_LARGE:
        return FAIL(UPSTREAM, "the KMIP server's answer is too large");
    default:
        return FAIL(UPSTREAM, "the KMIP server does not accept the request");
    }
}

bool kmip_reason_is_incapable(uint32_t reason)
{
    static const uint32_t such[] = {
        REASON_MESSAGE,        REASON_OPERATION,       REASON_FIELD,
        REASON_FEATURE,        REASON_CRYPTOGRAPHIC,   REASON_FORMAT,
        REASON_BAD_PARAMETERS, REASON_ATTRIBUTE_VALUE, REASON_UNKNOWN_ENUMERATION,
        REASON_PARAMETERS
    };
    for (size_t i = 0; i < COUNT(such); i++)
        if (reason == such[i])
            return true;
    return false;
}

fallible kmip_answer_size(struct span head, size_t *out)
{
    struct reader r = reader_of(head);
    uint32_t tag_and_type = reader_u32be(&r);
    uint32_t len = reader_u32be(&r);

    reader_require(&r, tag_and_type == ((uint32_t)TAG_RESPONSE_MESSAGE << 8 | TTLV_STRUCTURE));
    if (failed(reader_end(&r, "KMIP message")))
        return FAIL(UPSTREAM, "what answers is not a KMIP server");
    if (len > KMIP_ANSWER_MAX - TTLV_HEAD || len % TTLV_HEAD)
        return FAIL(UPSTREAM, "the KMIP server's answer is too large");
    *out = TTLV_HEAD + len;
    return OK;
}

static fallible read_item(struct span message, struct span *item)
{
    struct span body = { 0 }, header = { 0 }, count = { 0 };
    const struct ttlv_field outer[] = {
        { TAG_RESPONSE_MESSAGE, TTLV_STRUCTURE, true, &body },
    };
    const struct ttlv_field inner[] = {
        { TAG_RESPONSE_HEADER, TTLV_STRUCTURE, true, &header },
        { TAG_BATCH_ITEM, TTLV_STRUCTURE, true, item }, /* a second one fails */
    };
    const struct ttlv_field head[] = { { TAG_BATCH_COUNT, TTLV_INTEGER, true, &count } };

    TRY(ttlv_pick(message, outer, COUNT(outer)));
    TRY(ttlv_pick(body, inner, COUNT(inner)));
    TRY(ttlv_pick(header, head, COUNT(head)));
    return ttlv_u32(count) == 1 ? OK : FAIL(INPUT, KMIP_NONSENSE);
}

fallible kmip_answer_parse(struct span message, enum kmip_operation operation, struct span *payload,
                           uint32_t *reason)
{
    struct span item = { 0 }, done = { 0 }, status = { 0 }, why = { 0 }, content = { 0 };
    const struct ttlv_field fields[] = {
        { TAG_OPERATION, TTLV_ENUMERATION, false, &done },
        { TAG_RESULT_STATUS, TTLV_ENUMERATION, true, &status },
        { TAG_RESULT_REASON, TTLV_ENUMERATION, false, &why },
        { TAG_RESPONSE_PAYLOAD, TTLV_STRUCTURE, false, &content },
    };

    if (reason)
        *reason = 0;
    struct err e = read_item(message, &item);
    if (!failed(e))
        e = ttlv_pick(item, fields, COUNT(fields));
    if (failed(e))
        return kmip_nonsense_of(e);
    if (ttlv_u32(status) == STATUS_FAILED) {
        uint32_t code = why.len ? ttlv_u32(why) : 0;
        if (reason)
            *reason = code;
        return meaning_of(code);
    }
    if (ttlv_u32(status) != STATUS_SUCCESS || why.len || !done.len ||
        ttlv_u32(done) != (uint32_t)operation)
        return FAIL(UPSTREAM, KMIP_NONSENSE);
    *payload = content;
    return OK;
}
