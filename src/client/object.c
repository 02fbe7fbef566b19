// SPDX-License-Identifier: Apache-2.0
/* Questions to an object's attributes. */
#include <p11-kit/pkcs11.h>

#include "client/held_key.h"

const struct agent_attribute *object_attribute(const struct object *o, uint32_t type)
{
    for (size_t i = 0; i < o->count; i++)
        if (o->attributes[i].type == type)
            return &o->attributes[i];
    return NULL;
}

static bool value_equal(const struct agent_attribute *a, const struct agent_attribute *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == AGENT_BYTES ? span_equal(a->bytes, b->bytes) : a->number == b->number;
}

bool object_matches(const struct object *o, const struct agent_attribute *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct agent_attribute *a = object_attribute(o, wanted[i].type);
        if (!a || !value_equal(a, &wanted[i]))
            return false;
    }
    return true;
}

bool object_hides(const struct object *o, uint32_t type)
{
    static const uint32_t hidden[] = { CKA_VALUE,      CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                       CKA_PRIME_2,    CKA_EXPONENT_1,       CKA_EXPONENT_2,
                                       CKA_COEFFICIENT };

    for (size_t i = 0; object_is_private(o) && i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (hidden[i] == type)
            return true;
    return false;
}
