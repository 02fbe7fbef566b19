// SPDX-License-Identifier: Apache-2.0
/* kmip_answer_parse and all readers of payloads: what they give lies inside the input and in its limits. */
#include <assert.h>

#include "keys/kmip_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct span whole, struct span part)
{
    assert(!part.len || (part.at >= whole.at && part.len <= whole.len &&
                         (size_t)(part.at - whole.at) <= whole.len - part.len));
}

static void read_payload(struct span payload)
{
    struct kmip_id_list list = { 0 };
    struct kmip_attributes attributes = { 0 };
    struct kmip_key key = { 0 };
    struct span id = { 0 }, other = { 0 };
    unsigned version = 0;

    if (!failed(kmip_read_located(payload, &list)))
        assert(list.count <= 2);
    for (size_t i = 0; i < list.count; i++)
        assert(list.ids[i].len && list.ids[i].len <= KMIP_ID_MAX);
    if (!failed(kmip_read_made(payload, &id)))
        inside(payload, id);
    if (!failed(kmip_read_pair(payload, &id, &other)))
        inside(payload, other);
    if (!failed(kmip_read_attributes(payload, &attributes)))
        assert(attributes.count <= KMIP_NAMES_MAX);
    for (size_t i = 0; i < attributes.count; i++)
        inside(payload, attributes.names[i]);
    if (!failed(kmip_read_key(payload, &key)))
        inside(payload, key.material);
    if (!failed(kmip_read_versions(payload, &version)))
        assert(version >= KMIP_1_2 && version <= KMIP_2_0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum kmip_operation operations[] = {
        KMIP_CREATE, KMIP_CREATE_KEY_PAIR, KMIP_REGISTER, KMIP_LOCATE,  KMIP_GET,
        KMIP_REVOKE, KMIP_GET_ATTRIBUTES,  KMIP_ACTIVATE, KMIP_DESTROY, KMIP_DISCOVER_VERSIONS
    };
    struct span in = span_from(data, size);
    size_t accepted = 0;

    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct span payload = { 0 };
        uint32_t reason;

        if (failed(kmip_answer_parse(in, operations[i], &payload, &reason)))
            continue;
        accepted++;
        inside(in, payload);
        read_payload(payload);
    }
    assert(accepted <= 1); /* an answer is one to one operation */
    read_payload(in);
    return 0;
}
