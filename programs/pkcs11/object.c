// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/owned.h"
#include "module.h"

/* Without login there are no private objects, and the agent need not be asked. */
static bool hidden_before_login(const struct agent_request *q)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct agent_attribute *a = &q->attributes[i];
        if (a->type == CKA_CLASS && (a->number == CKO_PRIVATE_KEY || a->number == CKO_SECRET_KEY))
            return true;
        if (a->type == CKA_PRIVATE && a->number)
            return true;
    }
    return false;
}

static CK_RV ask_find(const struct credentials *who, struct agent_request *q, uint64_t **found,
                      size_t *count)
{
    struct agent_reply p;
    struct link *held owned(transport_done) = NULL;
    struct err e = transport_call(who, q, &p, &held);

    if (failed(e))
        return rv_of_err(e);
    if (p.status != AGENT_OK)
        return rv_of_status(p.status, ASKER_FIND);
    *found = calloc(p.count + 1, sizeof(**found));
    if (!*found)
        return CKR_HOST_MEMORY;
    memcpy(*found, p.handles, p.count * sizeof(**found));
    *count = p.count;
    return CKR_OK;
}

CK_RV find_start(CK_SESSION_HANDLE handle, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    struct agent_request q = { .call = AGENT_FIND };
    uint64_t *found owned(free) = NULL;
    size_t found_count = 0;
    struct session *s;

    CK_RV rv = session_enter(handle, &s);
    if (rv != CKR_OK)
        return rv;
    bool finding = s->finding, logged_in = module_logged_in();
    struct credentials who = module_credentials();
    module_leave();
    rv = finding ? CKR_OPERATION_ACTIVE : template_take(attributes, count, &q);
    if (rv == CKR_OK && (logged_in || !hidden_before_login(&q)))
        rv = ask_find(&who, &q, &found, &found_count);
    if (rv == CKR_OK)
        rv = session_enter(handle, &s);
    if (rv != CKR_OK)
        return rv;
    free(s->found);
    s->found = TAKE(found);
    s->found_count = found_count;
    s->found_next = 0;
    s->finding = true;
    module_leave();
    return CKR_OK;
}

CK_RV find_next(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (s->finding) {
        CK_ULONG n = 0;
        while (n < max && s->found_next < s->found_count)
            objects[n++] = s->found[s->found_next++];
        *count = n;
    } else {
        rv = CKR_OPERATION_NOT_INITIALIZED;
    }
    module_leave();
    return rv;
}

CK_RV find_end(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = s->finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    s->finding = false;
    free(TAKE(s->found));
    module_leave();
    return rv;
}

static CK_RV ask_attributes(const struct credentials *who, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    struct agent_request q = { .call = AGENT_READ, .handle = object };
    struct agent_reply p;
    struct link *held owned(transport_done) = NULL;

    types_take(attributes, count, &q);
    struct err e = transport_call(who, &q, &p, &held);
    if (failed(e))
        return rv_of_err(e);
    if (p.status != AGENT_OK)
        return rv_of_status(p.status, ASKER_READ);
    return template_fill(&p, attributes, count);
}

static bool attribute_trouble(CK_RV rv)
{
    return rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
           rv == CKR_BUFFER_TOO_SMALL;
}

CK_RV object_attributes(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,
                        CK_ULONG count)
{
    struct session *s;
    CK_RV first = session_enter(handle, &s);

    if (first != CKR_OK)
        return first;
    struct credentials who = module_credentials();
    module_leave();
    for (CK_ULONG at = 0; at < count; at += AGENT_TEMPLATE_MAX) {
        CK_ULONG n = count - at < AGENT_TEMPLATE_MAX ? count - at : AGENT_TEMPLATE_MAX;
        CK_RV rv = ask_attributes(&who, object, attributes + at, n);
        if (rv != CKR_OK && !attribute_trouble(rv))
            return rv;
        if (first == CKR_OK)
            first = rv;
    }
    return first;
}
