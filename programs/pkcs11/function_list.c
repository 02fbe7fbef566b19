// SPDX-License-Identifier: Apache-2.0
/* The function list (PKCS#11 2.40), what stands in it for calls that we do not support, and the
 * three exports. */
#include <string.h>

#include "api.h"

#define EXPORTED __attribute__((visibility("default")))

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define NOT_SUPPORTED(name, ...)                                                                   \
    static CK_RV none_##name(__VA_ARGS__)                                                          \
    {                                                                                              \
        return CKR_FUNCTION_NOT_SUPPORTED;                                                         \
    }

NOT_SUPPORTED(WaitForSlotEvent, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
NOT_SUPPORTED(InitToken, CK_SLOT_ID slot_id, CK_BYTE *pin, CK_ULONG pin_len, CK_BYTE *label)
NOT_SUPPORTED(InitPIN, CK_SESSION_HANDLE session, CK_BYTE *pin, CK_ULONG pin_len)
NOT_SUPPORTED(SetPIN, CK_SESSION_HANDLE session, CK_BYTE *old_pin, CK_ULONG old_len,
              CK_BYTE *new_pin, CK_ULONG new_len)
NOT_SUPPORTED(GetOperationState, CK_SESSION_HANDLE session, CK_BYTE *operation_state,
              CK_ULONG *operation_state_len)
NOT_SUPPORTED(SetOperationState, CK_SESSION_HANDLE session, CK_BYTE *operation_state,
              CK_ULONG operation_state_len, CK_OBJECT_HANDLE encryption_key,
              CK_OBJECT_HANDLE authentiation_key)
NOT_SUPPORTED(CreateObject, CK_SESSION_HANDLE session, CK_ATTRIBUTE *templ, CK_ULONG count,
              CK_OBJECT_HANDLE *object)
NOT_SUPPORTED(CopyObject, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
              CK_ULONG count, CK_OBJECT_HANDLE *new_object)
NOT_SUPPORTED(DestroyObject, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
NOT_SUPPORTED(GetObjectSize, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size)
NOT_SUPPORTED(SetAttributeValue, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
              CK_ATTRIBUTE *templ, CK_ULONG count)
NOT_SUPPORTED(EncryptInit, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
NOT_SUPPORTED(Encrypt, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len,
              CK_BYTE *encrypted_data, CK_ULONG *encrypted_data_len)
NOT_SUPPORTED(EncryptUpdate, CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len,
              CK_BYTE *encrypted_part, CK_ULONG *encrypted_part_len)
NOT_SUPPORTED(EncryptFinal, CK_SESSION_HANDLE session, CK_BYTE *last_encrypted_part,
              CK_ULONG *last_encrypted_part_len)
NOT_SUPPORTED(DecryptUpdate, CK_SESSION_HANDLE session, CK_BYTE *encrypted_part,
              CK_ULONG encrypted_part_len, CK_BYTE *part, CK_ULONG *part_len)
NOT_SUPPORTED(DecryptFinal, CK_SESSION_HANDLE session, CK_BYTE *last_part, CK_ULONG *last_part_len)
NOT_SUPPORTED(DigestInit, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
NOT_SUPPORTED(Digest, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *digest,
              CK_ULONG *digest_len)
NOT_SUPPORTED(DigestUpdate, CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
NOT_SUPPORTED(DigestKey, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
NOT_SUPPORTED(DigestFinal, CK_SESSION_HANDLE session, CK_BYTE *digest, CK_ULONG *digest_len)
NOT_SUPPORTED(SignRecoverInit, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_OBJECT_HANDLE key)
NOT_SUPPORTED(SignRecover, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len,
              CK_BYTE *signature, CK_ULONG *signature_len)
NOT_SUPPORTED(VerifyInit, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
NOT_SUPPORTED(Verify, CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len,
              CK_BYTE *signature, CK_ULONG signature_len)
NOT_SUPPORTED(VerifyUpdate, CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len)
NOT_SUPPORTED(VerifyFinal, CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len)
NOT_SUPPORTED(VerifyRecoverInit, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_OBJECT_HANDLE key)
NOT_SUPPORTED(VerifyRecover, CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_len,
              CK_BYTE *data, CK_ULONG *data_len)
NOT_SUPPORTED(DigestEncryptUpdate, CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len,
              CK_BYTE *encrypted_part, CK_ULONG *encrypted_part_len)
NOT_SUPPORTED(DecryptDigestUpdate, CK_SESSION_HANDLE session, CK_BYTE *encrypted_part,
              CK_ULONG encrypted_part_len, CK_BYTE *part, CK_ULONG *part_len)
NOT_SUPPORTED(SignEncryptUpdate, CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG part_len,
              CK_BYTE *encrypted_part, CK_ULONG *encrypted_part_len)
NOT_SUPPORTED(DecryptVerifyUpdate, CK_SESSION_HANDLE session, CK_BYTE *encrypted_part,
              CK_ULONG encrypted_part_len, CK_BYTE *part, CK_ULONG *part_len)
NOT_SUPPORTED(GenerateKey, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *templ,
              CK_ULONG count, CK_OBJECT_HANDLE *key)
NOT_SUPPORTED(GenerateKeyPair, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_ATTRIBUTE *public_key_template, CK_ULONG public_key_attribute_count,
              CK_ATTRIBUTE *private_key_template, CK_ULONG private_key_attribute_count,
              CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
NOT_SUPPORTED(WrapKey, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key, CK_BYTE *wrapped_key,
              CK_ULONG *wrapped_key_len)
NOT_SUPPORTED(UnwrapKey, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped_key, CK_ULONG wrapped_key_len,
              CK_ATTRIBUTE *templ, CK_ULONG attribute_count, CK_OBJECT_HANDLE *key)
NOT_SUPPORTED(DeriveKey, CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
              CK_OBJECT_HANDLE base_key, CK_ATTRIBUTE *templ, CK_ULONG attribute_count,
              CK_OBJECT_HANDLE *key)
NOT_SUPPORTED(SeedRandom, CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG seed_len)
NOT_SUPPORTED(GenerateRandom, CK_SESSION_HANDLE session, CK_BYTE *random_data, CK_ULONG random_len)

static CK_FUNCTION_LIST function_list = {
    .version = { 2, 40 },
    .C_Initialize = api_Initialize,
    .C_Finalize = api_Finalize,
    .C_GetInfo = api_GetInfo,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = api_GetSlotList,
    .C_GetSlotInfo = api_GetSlotInfo,
    .C_GetTokenInfo = api_GetTokenInfo,
    .C_WaitForSlotEvent = none_WaitForSlotEvent,
    .C_GetMechanismList = api_GetMechanismList,
    .C_GetMechanismInfo = api_GetMechanismInfo,
    .C_InitToken = none_InitToken,
    .C_InitPIN = none_InitPIN,
    .C_SetPIN = none_SetPIN,
    .C_OpenSession = api_OpenSession,
    .C_CloseSession = api_CloseSession,
    .C_CloseAllSessions = api_CloseAllSessions,
    .C_GetSessionInfo = api_GetSessionInfo,
    .C_GetOperationState = none_GetOperationState,
    .C_SetOperationState = none_SetOperationState,
    .C_Login = api_Login,
    .C_Logout = api_Logout,
    .C_CreateObject = none_CreateObject,
    .C_CopyObject = none_CopyObject,
    .C_DestroyObject = none_DestroyObject,
    .C_GetObjectSize = none_GetObjectSize,
    .C_GetAttributeValue = api_GetAttributeValue,
    .C_SetAttributeValue = none_SetAttributeValue,
    .C_FindObjectsInit = api_FindObjectsInit,
    .C_FindObjects = api_FindObjects,
    .C_FindObjectsFinal = api_FindObjectsFinal,
    .C_EncryptInit = none_EncryptInit,
    .C_Encrypt = none_Encrypt,
    .C_EncryptUpdate = none_EncryptUpdate,
    .C_EncryptFinal = none_EncryptFinal,
    .C_DecryptInit = api_DecryptInit,
    .C_Decrypt = api_Decrypt,
    .C_DecryptUpdate = none_DecryptUpdate,
    .C_DecryptFinal = none_DecryptFinal,
    .C_DigestInit = none_DigestInit,
    .C_Digest = none_Digest,
    .C_DigestUpdate = none_DigestUpdate,
    .C_DigestKey = none_DigestKey,
    .C_DigestFinal = none_DigestFinal,
    .C_SignInit = api_SignInit,
    .C_Sign = api_Sign,
    .C_SignUpdate = api_SignUpdate,
    .C_SignFinal = api_SignFinal,
    .C_SignRecoverInit = none_SignRecoverInit,
    .C_SignRecover = none_SignRecover,
    .C_VerifyInit = none_VerifyInit,
    .C_Verify = none_Verify,
    .C_VerifyUpdate = none_VerifyUpdate,
    .C_VerifyFinal = none_VerifyFinal,
    .C_VerifyRecoverInit = none_VerifyRecoverInit,
    .C_VerifyRecover = none_VerifyRecover,
    .C_DigestEncryptUpdate = none_DigestEncryptUpdate,
    .C_DecryptDigestUpdate = none_DecryptDigestUpdate,
    .C_SignEncryptUpdate = none_SignEncryptUpdate,
    .C_DecryptVerifyUpdate = none_DecryptVerifyUpdate,
    .C_GenerateKey = none_GenerateKey,
    .C_GenerateKeyPair = none_GenerateKeyPair,
    .C_WrapKey = none_WrapKey,
    .C_UnwrapKey = none_UnwrapKey,
    .C_DeriveKey = none_DeriveKey,
    .C_SeedRandom = none_SeedRandom,
    .C_GenerateRandom = none_GenerateRandom,
    .C_GetFunctionStatus = api_GetFunctionStatus,
    .C_CancelFunction = api_CancelFunction,
};

/* PKCS#11 3.0's way to ask, answered with the 2.40 list; p11-kit's header has no names for it yet.
 */
struct interface {
    CK_UTF8CHAR *name;
    void *functions; /* begins with a CK_VERSION */
    CK_FLAGS flags;
};

static CK_UTF8CHAR interface_name[] = "PKCS 11";
static struct interface interface = { interface_name, &function_list, 0 };

EXPORTED CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    if (!list)
        return CKR_ARGUMENTS_BAD;
    *list = &function_list;
    return CKR_OK;
}

EXPORTED CK_RV C_GetInterfaceList(struct interface *list, CK_ULONG *count);
CK_RV C_GetInterfaceList(struct interface *list, CK_ULONG *count)
{
    if (!count)
        return CKR_ARGUMENTS_BAD;
    CK_ULONG room = *count;
    *count = 1;
    if (!list)
        return CKR_OK;
    if (room < 1)
        return CKR_BUFFER_TOO_SMALL;
    list[0] = interface;
    return CKR_OK;
}

EXPORTED CK_RV C_GetInterface(const CK_UTF8CHAR *name, const CK_VERSION *version,
                              struct interface **out, CK_FLAGS flags);
CK_RV C_GetInterface(const CK_UTF8CHAR *name, const CK_VERSION *version, struct interface **out,
                     CK_FLAGS flags)
{
    if (!out)
        return CKR_ARGUMENTS_BAD;
    if ((name && strcmp((const char *)name, (const char *)interface_name) != 0) || flags ||
        (version && (version->major != function_list.version.major ||
                     version->minor != function_list.version.minor)))
        return CKR_FUNCTION_FAILED;
    *out = &interface;
    return CKR_OK;
}
