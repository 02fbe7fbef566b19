// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/owned.h"
#include "module.h"

#define DEAD_HANDLES 8

/* Handles that the agent does not know any more: C_Sign has no return value for that, C_SignInit
 * has. */
static struct {
    uint64_t handles[DEAD_HANDLES];
    size_t next;
} dead;

static bool handle_is_dead(uint64_t handle)
{
    for (size_t i = 0; i < DEAD_HANDLES; i++)
        if (handle && dead.handles[i] == handle)
            return true;
    return false;
}

static void note_outcome(uint64_t handle, enum agent_status status)
{
    if (status != AGENT_NO_OBJECT || module_enter() != CKR_OK)
        return;
    if (!handle_is_dead(handle)) {
        dead.handles[dead.next] = handle;
        dead.next = (dead.next + 1) % DEAD_HANDLES;
    }
    module_leave();
}

void operation_done(struct operation *o)
{
    if (o->data)
        explicit_bzero(o->data, o->len);
    free(o->data);
    *o = (struct operation){ 0 };
}

static CK_RV operation_start(struct operation *o, const CK_MECHANISM *m, CK_FLAGS flag,
                             CK_OBJECT_HANDLE key)
{
    if (!m) { /* PKCS#11 3.0: cancels; 2.40 leaves it open */
        operation_done(o);
        return CKR_OK;
    }
    if (o->active)
        return CKR_OPERATION_ACTIVE;
    CK_RV rv = mechanism_take(m, flag, &o->use, o->label);
    if (rv != CKR_OK)
        return rv;
    if (!key || handle_is_dead(key))
        return CKR_KEY_HANDLE_INVALID;
    o->row = mechanism_row(m->mechanism);
    o->use.handle = key;
    o->active = true;
    return CKR_OK;
}

CK_RV sign_start(CK_SESSION_HANDLE handle, const CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = module_logged_in() || !m ? operation_start(&s->sign, m, CKF_SIGN, key)
                                  : CKR_USER_NOT_LOGGED_IN;
    module_leave();
    return rv;
}

CK_RV decrypt_start(CK_SESSION_HANDLE handle, const CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = module_logged_in() || !m ? operation_start(&s->decrypt, m, CKF_DECRYPT, key)
                                  : CKR_USER_NOT_LOGGED_IN;
    module_leave();
    return rv;
}

static CK_RV ask_use(const struct credentials *who, enum agent_call call,
                     const struct agent_use *use, CK_BYTE *out, CK_ULONG *len)
{
    struct agent_request q;
    struct agent_reply p;
    struct link *held owned(transport_done) = NULL;

    q.call = call;
    q.use = *use;
    struct err e = transport_call(who, &q, &p, &held);
    if (failed(e))
        return rv_of_err(e);
    note_outcome(use->handle, p.status);
    if (p.status != AGENT_OK)
        return rv_of_status(p.status, call == AGENT_SIGN ? ASKER_SIGN : ASKER_DECRYPT);
    CK_ULONG room = *len;
    *len = p.bytes.len;
    if (p.bytes.len > room)
        return CKR_BUFFER_TOO_SMALL;
    if (p.bytes.len)
        memcpy(out, p.bytes.at, p.bytes.len);
    return CKR_OK;
}

static CK_RV check_data(const struct operation *o, size_t len)
{
    return len > (o->row->data_max ? o->row->data_max : AGENT_DATA_MAX) ? CKR_DATA_LEN_RANGE
                                                                        : CKR_OK;
}

/* The operation ends unless only the buffer was too small. By handle: another thread may have
 * closed the session. */
static CK_RV end_with(CK_SESSION_HANDLE handle, bool sign, CK_RV rv)
{
    struct session *s;

    if (rv == CKR_BUFFER_TOO_SMALL || session_enter(handle, &s) != CKR_OK)
        return rv;
    operation_done(sign ? &s->sign : &s->decrypt);
    module_leave();
    return rv;
}

/* The lock is held on entry and not on return. A NULL `out` asks for the size, of which an upper
 * bound is told. */
static CK_RV sign_with(struct session *s, struct span data, CK_BYTE *out, CK_ULONG *len)
{
    CK_SESSION_HANDLE handle = s->handle;
    struct agent_use use = s->sign.use;
    CK_RV rv = check_data(&s->sign, data.len);

    if (rv == CKR_OK && !out) {
        *len = s->sign.row->signature_max;
        module_leave();
        return CKR_OK;
    }
    struct credentials who = module_credentials();
    module_leave();
    use.data = data;
    if (rv == CKR_OK)
        rv = ask_use(&who, AGENT_SIGN, &use, out, len);
    return end_with(handle, true, rv);
}

CK_RV sign_once(CK_SESSION_HANDLE handle, struct span data, CK_BYTE *signature, CK_ULONG *len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (s->sign.active && !s->sign.collecting)
        return sign_with(s, data, signature, len);
    module_leave();
    return CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV collect(struct operation *o, struct span data)
{
    if (!o->active || !o->row->hash)
        return o->active ? CKR_FUNCTION_FAILED : CKR_OPERATION_NOT_INITIALIZED;
    if (!o->data)
        o->data = malloc(AGENT_DATA_MAX);
    if (!o->data)
        return CKR_HOST_MEMORY;
    if (data.len > AGENT_DATA_MAX - o->len)
        return CKR_DATA_LEN_RANGE;
    if (data.len)
        memcpy(o->data + o->len, data.at, data.len);
    o->len += data.len;
    o->collecting = true;
    return CKR_OK;
}

CK_RV sign_more(CK_SESSION_HANDLE handle, struct span data)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    rv = collect(&s->sign, data);
    if (rv != CKR_OK)
        operation_done(&s->sign);
    module_leave();
    return rv;
}

CK_RV sign_end(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *len)
{
    uint8_t *copy owned(free) = NULL;
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!s->sign.active || !s->sign.collecting) {
        module_leave();
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    size_t n = s->sign.len;
    copy = malloc(n + 1); /* the session may go while we wait */
    if (!copy) {
        module_leave();
        return CKR_HOST_MEMORY;
    }
    memcpy(copy, s->sign.data, n);
    return sign_with(s, span_from(copy, n), signature, len);
}

CK_RV decrypt_once(CK_SESSION_HANDLE handle, struct span data, CK_BYTE *plain, CK_ULONG *len)
{
    uint8_t label[LABEL_SIZE];
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!s->decrypt.active || !plain) {
        bool active = s->decrypt.active;
        if (active)
            *len = s->decrypt.row->signature_max;
        module_leave();
        return active ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    }
    struct agent_use use = s->decrypt.use;
    struct credentials who = module_credentials();
    bool fits = data.len <= s->decrypt.row->data_max;
    memcpy(label, s->decrypt.label, sizeof(label));
    module_leave();
    use.label.at = label;
    use.data = data;
    rv = fits ? ask_use(&who, AGENT_DECRYPT, &use, plain, len) : CKR_ENCRYPTED_DATA_LEN_RANGE;
    return end_with(handle, false, rv);
}
