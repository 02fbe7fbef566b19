// SPDX-License-Identifier: Apache-2.0
/* Entry points: arguments checked, then what the call means (module.h). */
#include "api.h"

#include "module.h"

#define BAD_UNLESS(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return CKR_ARGUMENTS_BAD;                                                              \
    } while (0)

/* For calls that need only an initialized module. */
static CK_RV initialized(void)
{
    CK_RV rv = module_enter();

    if (rv == CKR_OK)
        module_leave();
    return rv;
}

static CK_RV initialized_slot(CK_SLOT_ID slot)
{
    CK_RV rv = initialized();

    return rv == CKR_OK && slot != SLOT_ID ? CKR_SLOT_ID_INVALID : rv;
}

CK_RV api_Initialize(void *init_args)
{
    return module_initialize(init_args);
}

CK_RV api_Finalize(void *reserved)
{
    BAD_UNLESS(!reserved);
    return module_finalize();
}

CK_RV api_GetInfo(CK_INFO *info)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(info);
    library_fill_info(info);
    return CKR_OK;
}

/* One slot, whose token is always present: whether the agent answers shows when it is needed. */
CK_RV api_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    CK_RV rv = initialized();

    (void)token_present;
    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(count);
    CK_ULONG room = *count;
    *count = 1;
    if (!slots)
        return CKR_OK;
    if (room < 1)
        return CKR_BUFFER_TOO_SMALL;
    slots[0] = SLOT_ID;
    return CKR_OK;
}

CK_RV api_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    CK_RV rv = initialized_slot(slot);

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(info);
    slot_fill_info(info);
    return CKR_OK;
}

CK_RV api_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = initialized_slot(slot);

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(info);
    token_fill_info(info, session_count());
    return CKR_OK;
}

CK_RV api_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_RV rv = initialized_slot(slot);

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(count);
    return mechanism_list(list, count);
}

CK_RV api_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    CK_RV rv = initialized_slot(slot);

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(info);
    return mechanism_info(type, info);
}

CK_RV api_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                      CK_SESSION_HANDLE *session)
{
    CK_RV rv = initialized_slot(slot);

    (void)application, (void)notify; /* nothing happens that a callback would be told of */
    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(session);
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    return session_open(flags, session);
}

CK_RV api_CloseSession(CK_SESSION_HANDLE session)
{
    return session_close(session);
}

CK_RV api_CloseAllSessions(CK_SLOT_ID slot)
{
    CK_RV rv = initialized_slot(slot);

    return rv == CKR_OK ? session_close_all() : rv;
}

CK_RV api_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(info);
    return session_info(session, info);
}

CK_RV api_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(pin || !len);
    return session_login(session, user, pin, len);
}

CK_RV api_Logout(CK_SESSION_HANDLE session)
{
    return session_logout(session);
}

CK_RV api_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(attributes && count);
    return object_attributes(session, object, attributes, count);
}

CK_RV api_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(attributes || !count);
    return find_start(session, attributes, count);
}

CK_RV api_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max,
                      CK_ULONG *count)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(count && (objects || !max));
    return find_next(session, objects, max, count);
}

CK_RV api_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    return find_end(session);
}

CK_RV api_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return sign_start(session, mechanism, key);
}

CK_RV api_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,
               CK_ULONG *len)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(len && (data || !data_len));
    return sign_once(session, span_from(data, data_len), signature, len);
}

CK_RV api_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(part || !part_len);
    return sign_more(session, span_from(part, part_len));
}

CK_RV api_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *len)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(len);
    return sign_end(session, signature, len);
}

CK_RV api_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return decrypt_start(session, mechanism, key);
}

CK_RV api_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *plain,
                  CK_ULONG *len)
{
    CK_RV rv = initialized();

    if (rv != CKR_OK)
        return rv;
    BAD_UNLESS(len && (data || !data_len));
    return decrypt_once(session, span_from(data, data_len), plain, len);
}

CK_RV api_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    CK_RV rv = initialized();

    (void)session;
    return rv == CKR_OK ? CKR_FUNCTION_NOT_PARALLEL : rv;
}

CK_RV api_CancelFunction(CK_SESSION_HANDLE session)
{
    return api_GetFunctionStatus(session);
}
