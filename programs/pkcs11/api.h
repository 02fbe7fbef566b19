// SPDX-License-Identifier: Apache-2.0
/* The calls that we support, under names of ours: the library exports only the ways to its function
 * list. */
#ifndef PKCS11_API_H
#define PKCS11_API_H

#include <p11-kit/pkcs11.h>

#define API(name) __typeof__(*(CK_C_##name)0) api_##name

API(Initialize);
API(Finalize);
API(GetInfo);
API(GetSlotList);
API(GetSlotInfo);
API(GetTokenInfo);
API(GetMechanismList);
API(GetMechanismInfo);
API(OpenSession);
API(CloseSession);
API(CloseAllSessions);
API(GetSessionInfo);
API(Login);
API(Logout);
API(GetAttributeValue);
API(FindObjectsInit);
API(FindObjects);
API(FindObjectsFinal);
API(SignInit);
API(Sign);
API(SignUpdate);
API(SignFinal);
API(DecryptInit);
API(Decrypt);
API(GetFunctionStatus);
API(CancelFunction);

#endif
