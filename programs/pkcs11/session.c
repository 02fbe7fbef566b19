// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "module.h"

/* A handle is a serial number and an index, so that a closed session's is not soon another's. */
#define INDEX_BITS 10
#define INDEX_MASK ((1UL << INDEX_BITS) - 1)

static struct {
    struct session *open[SESSIONS_MAX];
    CK_ULONG count;
    CK_ULONG serial;
} sessions;

CK_RV session_enter(CK_SESSION_HANDLE handle, struct session **out)
{
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    struct session *s = sessions.open[handle & INDEX_MASK];
    if (s && s->handle == handle) {
        *out = s;
        return CKR_OK;
    }
    module_leave();
    return CKR_SESSION_HANDLE_INVALID;
}

static void session_free(struct session *s)
{
    operation_done(&s->sign);
    operation_done(&s->decrypt);
    free(s->found);
    free(s);
    if (--sessions.count == 0)
        module_drop_pin(); /* PKCS#11 2.40 section 5.6: the last session takes the login with it */
}

CK_RV session_open(CK_FLAGS flags, CK_SESSION_HANDLE *out)
{
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    size_t i = 0;
    while (i < SESSIONS_MAX && sessions.open[i])
        i++;
    struct session *s = i < SESSIONS_MAX ? calloc(1, sizeof(*s)) : NULL;
    if (!s) {
        module_leave();
        return i < SESSIONS_MAX ? CKR_HOST_MEMORY : CKR_SESSION_COUNT;
    }
    s->handle = ++sessions.serial << INDEX_BITS | i;
    s->flags = flags;
    sessions.open[i] = s;
    sessions.count++;
    *out = s->handle;
    module_leave();
    return CKR_OK;
}

CK_RV session_close(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    sessions.open[handle & INDEX_MASK] = NULL;
    session_free(s);
    module_leave();
    return CKR_OK;
}

CK_RV session_close_all(void)
{
    CK_RV rv = module_enter();

    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        if (!sessions.open[i])
            continue;
        session_free(sessions.open[i]);
        sessions.open[i] = NULL;
    }
    module_leave();
    return CKR_OK;
}

CK_ULONG session_count(void)
{
    return sessions.count;
}

CK_RV session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    bool writes = s->flags & CKF_RW_SESSION;
    *info = (CK_SESSION_INFO){ .slotID = SLOT_ID, .flags = s->flags };
    if (module_logged_in())
        info->state = writes ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    else
        info->state = writes ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
    module_leave();
    return CKR_OK;
}

static CK_RV ask_login(const struct credentials *before, const struct agent_request *login)
{
    struct agent_request q = *login;
    struct agent_reply p;
    struct link *held = NULL;
    struct err e = transport_call(before, &q, &p, &held);
    CK_RV rv = failed(e) ? rv_of_err(e) : rv_of_status(p.status, ASKER_LOGIN);

    transport_done(held);
    return rv;
}

CK_RV session_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, const CK_UTF8CHAR *pin,
                    CK_ULONG len)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    bool already = module_logged_in();
    struct credentials before = module_credentials();
    module_leave();
    if (user != CKU_USER)
        return user == CKU_CONTEXT_SPECIFIC ? CKR_OPERATION_NOT_INITIALIZED : CKR_USER_TYPE_INVALID;
    if (already)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (!len || len > PIN_SIZE)
        return CKR_PIN_INCORRECT;
    const struct agent_request login = { .call = AGENT_LOGIN, .pin = span_from(pin, len) };
    rv = ask_login(&before, &login);
    if (rv != CKR_OK)
        return rv;
    rv = session_enter(handle, &s);
    if (rv != CKR_OK)
        return rv;
    module_set_pin(login.pin);
    module_leave();
    return CKR_OK;
}

CK_RV session_logout(CK_SESSION_HANDLE handle)
{
    struct session *s;
    CK_RV rv = session_enter(handle, &s);

    if (rv != CKR_OK)
        return rv;
    if (!module_logged_in())
        rv = CKR_USER_NOT_LOGGED_IN;
    module_drop_pin(); /* connections tell the agent at their next use */
    module_leave();
    return rv;
}
