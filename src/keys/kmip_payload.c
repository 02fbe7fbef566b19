// SPDX-License-Identifier: Apache-2.0
/* What the payloads of answers hold. */
#include "keys/kmip_message.h"

#include "keys/kmip_tags_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool id_good(struct span id)
{
    for (size_t i = 0; i < id.len; i++)
        if (id.at[i] <= ' ' || id.at[i] > '~')
            return false;
    return id.len && id.len <= KMIP_ID_MAX;
}

fallible kmip_read_located(struct span payload, struct kmip_id_list *out)
{
    struct reader r = reader_of(payload);
    struct kmip_id_list list = { 0 };

    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);

        if (item.tag != TAG_UNIQUE_IDENTIFIER)
            continue;
        reader_require(&r, item.type == TTLV_TEXT && id_good(item.value));
        if (list.count < COUNT(list.ids))
            list.ids[list.count++] = item.value;
    }
    struct err e = reader_end(&r, "Locate answer");
    if (failed(e))
        return kmip_nonsense_of(e);
    *out = list;
    return OK;
}

static fallible read_ids(struct span payload, const struct ttlv_field *fields, size_t count)
{
    struct err e = ttlv_pick(payload, fields, count);

    if (failed(e))
        return kmip_nonsense_of(e);
    for (size_t i = 0; i < count; i++)
        if (!id_good(*fields[i].value))
            return FAIL(UPSTREAM, KMIP_NONSENSE);
    return OK;
}

fallible kmip_read_made(struct span payload, struct span *id)
{
    struct span found = { 0 };
    const struct ttlv_field fields[] = { { TAG_UNIQUE_IDENTIFIER, TTLV_TEXT, true, &found } };

    TRY(read_ids(payload, fields, COUNT(fields)));
    *id = found;
    return OK;
}

fallible kmip_read_pair(struct span payload, struct span *private_id, struct span *public_id)
{
    struct span private = { 0 }, public = { 0 };
    const struct ttlv_field fields[] = {
        { TAG_PRIVATE_KEY_UNIQUE_IDENTIFIER, TTLV_TEXT, true, &private },
        { TAG_PUBLIC_KEY_UNIQUE_IDENTIFIER, TTLV_TEXT, true, &public },
    };

    TRY(read_ids(payload, fields, COUNT(fields)));
    *private_id = private;
    *public_id = public;
    return OK;
}

/* Attributes by their name before KMIP 2.0, by their tag since: both end here as tag and value. */
static const struct {
    const char *name;
    uint32_t tag;
} attribute_names[] = { { "Name", TAG_NAME },
                        { "Object Type", TAG_OBJECT_TYPE },
                        { "State", TAG_STATE } };

static fallible see_number(const struct ttlv *value, uint32_t *to)
{
    if (value->type != TTLV_ENUMERATION || *to)
        return FAIL(INPUT, KMIP_NONSENSE);
    *to = ttlv_u32(value->value);
    return OK;
}

static fallible see_name(const struct ttlv *value, struct kmip_attributes *a)
{
    struct span text = { 0 };
    const struct ttlv_field fields[] = { { TAG_NAME_VALUE, TTLV_TEXT, true, &text } };

    if (value->type != TTLV_STRUCTURE)
        return FAIL(INPUT, KMIP_NONSENSE);
    TRY(ttlv_pick(value->value, fields, COUNT(fields)));
    if (a->count == KMIP_NAMES_MAX) /* one that is not looked at could be the one that forbids */
        return FAIL(INPUT, KMIP_NONSENSE);
    a->names[a->count++] = text;
    return OK;
}

static fallible see_attribute(uint32_t tag, const struct ttlv *value, struct kmip_attributes *a)
{
    switch (tag) {
    case TAG_NAME:
        return see_name(value, a);
    case TAG_OBJECT_TYPE:
        return see_number(value, &a->object_type);
    case TAG_STATE:
        return see_number(value, &a->state);
    default:
        return OK;
    }
}

/* Name, perhaps an index, and the value, whose type is the attribute's. */
static fallible see_named(struct span attribute, struct kmip_attributes *a)
{
    struct reader r = reader_of(attribute);
    struct span name = { 0 };
    struct ttlv value = { 0 };

    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);

        reader_require(&r, item.tag != TAG_ATTRIBUTE_NAME || (!name.len && item.type == TTLV_TEXT));
        reader_require(&r, item.tag != TAG_ATTRIBUTE_VALUE || !value.tag);
        if (item.tag == TAG_ATTRIBUTE_NAME)
            name = item.value;
        if (item.tag == TAG_ATTRIBUTE_VALUE)
            value = item;
    }
    reader_require(&r, name.len);
    TRY(reader_end(&r, "KMIP attribute"));
    for (size_t i = 0; value.tag && i < COUNT(attribute_names); i++)
        if (span_equal_str(name, attribute_names[i].name))
            return see_attribute(attribute_names[i].tag, &value, a);
    return OK;
}

/* `deep`: items of KMIP 2.0's own structure of attributes. */
static fallible see_all(struct span structure, bool deep, struct kmip_attributes *a)
{
    struct reader r = reader_of(structure);

    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);

        if (r.failed)
            break;
        if (deep)
            TRY(see_attribute(item.tag, &item, a));
        if (!deep && item.tag == TAG_ATTRIBUTE && item.type == TTLV_STRUCTURE)
            TRY(see_named(item.value, a));
        if (!deep && item.tag == TAG_ATTRIBUTES && item.type == TTLV_STRUCTURE)
            TRY(see_all(item.value, true, a));
    }
    return reader_end(&r, "KMIP attributes");
}

fallible kmip_read_attributes(struct span payload, struct kmip_attributes *out)
{
    struct kmip_attributes a = { 0 };
    struct err e = see_all(payload, false, &a);

    if (failed(e))
        return kmip_nonsense_of(e);
    *out = a;
    return OK;
}

/* Material as bytes; a transparent key is a structure, which is not picked. */
static fallible read_value(struct span value, struct span *material)
{
    struct reader r = reader_of(value);

    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);

        if (item.tag != TAG_KEY_MATERIAL)
            continue;
        reader_require(&r, !material->len);
        if (item.type == TTLV_BYTES)
            *material = item.value;
    }
    return reader_end(&r, "KMIP key value");
}

static fallible read_block(struct span object, struct kmip_key *k)
{
    struct span block = { 0 }, format = { 0 }, value = { 0 }, wrapping = { 0 }, squeezed = { 0 };
    const struct ttlv_field outer[] = { { TAG_KEY_BLOCK, TTLV_STRUCTURE, true, &block } };
    const struct ttlv_field fields[] = {
        { TAG_KEY_FORMAT_TYPE, TTLV_ENUMERATION, true, &format },
        { TAG_KEY_COMPRESSION_TYPE, TTLV_ENUMERATION, false, &squeezed },
        { TAG_KEY_VALUE, TTLV_STRUCTURE, false, &value },
        { TAG_KEY_WRAPPING_DATA, TTLV_STRUCTURE, false, &wrapping },
    };

    TRY(ttlv_pick(object, outer, COUNT(outer)));
    TRY(ttlv_pick(block, fields, COUNT(fields)));
    k->format = ttlv_u32(format);
    if (!wrapping.len && !squeezed.len)
        TRY(read_value(value, &k->material));
    switch (k->format) {
    case KMIP_RAW:
    case KMIP_PKCS1:
    case KMIP_PKCS8:
    case KMIP_SEC1:
        break;
    case KMIP_OPAQUE:
        if (k->object_type == KMIP_SECRET_DATA)
            break;
        k->material = (struct span){ 0 };
        break;
    default:
        k->material = (struct span){ 0 };
    }
    return OK;
}

fallible kmip_read_key(struct span payload, struct kmip_key *out)
{
    struct span type = { 0 }, symmetric = { 0 }, private = { 0 }, opaque = { 0 };
    const struct ttlv_field fields[] = {
        { TAG_OBJECT_TYPE, TTLV_ENUMERATION, true, &type },
        { TAG_SYMMETRIC_KEY, TTLV_STRUCTURE, false, &symmetric },
        { TAG_PRIVATE_KEY, TTLV_STRUCTURE, false, &private },
        { TAG_SECRET_DATA, TTLV_STRUCTURE, false, &opaque },
    };
    struct kmip_key k = { 0 };

    struct err e = ttlv_pick(payload, fields, COUNT(fields));
    if (failed(e))
        return kmip_nonsense_of(e);
    k.object_type = ttlv_u32(type);
    if (k.object_type == KMIP_SYMMETRIC_KEY)
        e = read_block(symmetric, &k);
    if (k.object_type == KMIP_PRIVATE_KEY)
        e = read_block(private, &k);
    if (k.object_type == KMIP_SECRET_DATA)
        e = read_block(opaque, &k);
    if (failed(e))
        return kmip_nonsense_of(e);
    *out = k;
    return OK;
}

static fallible see_version(struct span version, unsigned *best)
{
    static const unsigned known[] = { KMIP_1_2, KMIP_1_3, KMIP_1_4, KMIP_2_0 };
    struct span major = { 0 }, minor = { 0 };
    const struct ttlv_field fields[] = {
        { TAG_PROTOCOL_VERSION_MAJOR, TTLV_INTEGER, true, &major },
        { TAG_PROTOCOL_VERSION_MINOR, TTLV_INTEGER, true, &minor },
    };

    TRY(ttlv_pick(version, fields, COUNT(fields)));
    for (size_t i = 0; i < COUNT(known); i++)
        if (ttlv_u32(major) == known[i] / 10 && ttlv_u32(minor) == known[i] % 10 &&
            known[i] > *best)
            *best = known[i];
    return OK;
}

fallible kmip_read_versions(struct span payload, unsigned *out)
{
    struct reader r = reader_of(payload);
    unsigned best = 0;

    while (r.rest.len && !r.failed) {
        struct ttlv item = ttlv_next(&r);

        if (item.tag == TAG_PROTOCOL_VERSION && item.type == TTLV_STRUCTURE &&
            failed(see_version(item.value, &best)))
            return FAIL(UPSTREAM, KMIP_NONSENSE);
    }
    struct err e = reader_end(&r, "DiscoverVersions answer");
    if (failed(e))
        return kmip_nonsense_of(e);
    if (!best)
        return FAIL(UPSTREAM, "the KMIP server knows none of the versions 1.2, 1.3, 1.4 and 2.0");
    *out = best;
    return OK;
}
