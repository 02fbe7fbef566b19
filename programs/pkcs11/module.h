// SPDX-License-Identifier: Apache-2.0
/*
 * What the calls mean: one slot with one token, its sessions, their searches and operations. api.c
 * checks arguments and calls here; from here messages go to the agent through transport.h.
 *
 * The host is a web server that forks after loading us. A child must call C_Initialize, as PKCS#11
 * says, and until then gets CKR_CRYPTOKI_NOT_INITIALIZED; then sessions, login and object handles
 * are as in the parent, over connections of its own. Opening a session is local and does not depend
 * on the agent: a host may wait for ever on a session that it could not open.
 */
#ifndef PKCS11_MODULE_H
#define PKCS11_MODULE_H

#include "messages.h"
#include "transport.h"

#define SLOT_ID 1
#define SESSIONS_MAX 1024

struct operation {
    bool active;
    bool collecting; /* C_SignUpdate has been called */
    const struct mechanism_row *row;
    struct agent_use use;
    uint8_t label[LABEL_SIZE];
    uint8_t *data; /* of C_SignUpdate; owned, AGENT_DATA_MAX */
    size_t len;
};

struct session {
    CK_SESSION_HANDLE handle;
    CK_FLAGS flags;
    bool finding;
    uint64_t *found; /* owned */
    size_t found_count, found_next;
    struct operation sign, decrypt;
};

/* Takes the module's lock where it is initialized in this process. */
CK_RV module_enter(void);
void module_leave(void);
/* The session, with the lock taken; else the error, without it. */
CK_RV session_enter(CK_SESSION_HANDLE handle, struct session **out);

/* module.c */
CK_RV module_initialize(const CK_C_INITIALIZE_ARGS *args);
CK_RV module_finalize(void);
/* Current login, for transport_call(); under the lock. */
struct credentials module_credentials(void);
bool module_logged_in(void);

/* token.c */
void token_fill_info(CK_TOKEN_INFO *info, CK_ULONG sessions);
void slot_fill_info(CK_SLOT_INFO *info);
void library_fill_info(CK_INFO *info);
CK_RV mechanism_list(CK_MECHANISM_TYPE *list, CK_ULONG *count);
CK_RV mechanism_info(CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);

/* session.c */
CK_RV session_open(CK_FLAGS flags, CK_SESSION_HANDLE *out);
CK_RV session_close(CK_SESSION_HANDLE handle);
CK_RV session_close_all(void);
CK_ULONG session_count(void);
CK_RV session_info(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);
CK_RV session_login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, const CK_UTF8CHAR *pin,
                    CK_ULONG len);
CK_RV session_logout(CK_SESSION_HANDLE handle);

/* module.c: login state, under the lock */
void module_set_pin(struct span pin);
void module_drop_pin(void);

/* object.c */
CK_RV find_start(CK_SESSION_HANDLE handle, const CK_ATTRIBUTE *attributes, CK_ULONG count);
CK_RV find_next(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count);
CK_RV find_end(CK_SESSION_HANDLE handle);
CK_RV object_attributes(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,
                        CK_ULONG count);

/* operation.c */
CK_RV sign_start(CK_SESSION_HANDLE handle, const CK_MECHANISM *m, CK_OBJECT_HANDLE key);
CK_RV sign_once(CK_SESSION_HANDLE handle, struct span data, CK_BYTE *signature, CK_ULONG *len);
CK_RV sign_more(CK_SESSION_HANDLE handle, struct span data);
CK_RV sign_end(CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG *len);
CK_RV decrypt_start(CK_SESSION_HANDLE handle, const CK_MECHANISM *m, CK_OBJECT_HANDLE key);
CK_RV decrypt_once(CK_SESSION_HANDLE handle, struct span data, CK_BYTE *plain, CK_ULONG *len);
void operation_done(struct operation *o);

#endif
