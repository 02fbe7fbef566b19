// SPDX-License-Identifier: Apache-2.0
#include "module.h"

#include <pthread.h>

#include "conf.h"

static struct {
    pthread_mutex_t mutex;
    bool initialized;  /* in this process or, before a fork, in its parent */
    bool forked;       /* and this is a child that has not called C_Initialize */
    bool fork_watched; /* pthread_atfork is for the life of the process */
    struct credentials credentials;
} module = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* Locks in one order everywhere: module, then transport; so no child inherits one that is held. */
static void before_fork(void)
{
    pthread_mutex_lock(&module.mutex);
    transport_lock_for_fork();
}

static void after_fork_parent(void)
{
    transport_unlock_after_fork();
    pthread_mutex_unlock(&module.mutex);
}

static void after_fork_child(void)
{
    module.forked = module.initialized;
    transport_forget();
    after_fork_parent();
}

CK_RV module_enter(void)
{
    pthread_mutex_lock(&module.mutex);
    if (module.initialized && !module.forked)
        return CKR_OK;
    pthread_mutex_unlock(&module.mutex);
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

void module_leave(void)
{
    pthread_mutex_unlock(&module.mutex);
}

static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *args)
{
    if (!args)
        return CKR_OK;
    bool some = args->CreateMutex || args->DestroyMutex || args->LockMutex || args->UnlockMutex;
    bool all = args->CreateMutex && args->DestroyMutex && args->LockMutex && args->UnlockMutex;
    if (args->pReserved || some != all)
        return CKR_ARGUMENTS_BAD;
    return some && !(args->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

/* The first time in a process tree: the configuration is read here and never again. */
static CK_RV first_start(void)
{
    struct module_conf conf;

    if (failed(module_conf_load(&conf)))
        return CKR_GENERAL_ERROR;
    if (!module.fork_watched && pthread_atfork(before_fork, after_fork_parent, after_fork_child)) {
        module_conf_done(&conf);
        return CKR_HOST_MEMORY;
    }
    module.fork_watched = true;
    transport_start(&conf.transport);
    module_conf_start_agent(&conf);
    module_conf_done(&conf);
    module.initialized = true;
    return CKR_OK;
}

CK_RV module_initialize(const CK_C_INITIALIZE_ARGS *args)
{
    CK_RV rv = check_arguments(args);

    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&module.mutex);
    if (!module.initialized)
        rv = first_start();
    else if (module.forked)
        module.forked = false;
    else
        rv = CKR_CRYPTOKI_ALREADY_INITIALIZED;
    pthread_mutex_unlock(&module.mutex);
    return rv;
}

CK_RV module_finalize(void)
{
    CK_RV rv = session_close_all();

    if (rv != CKR_OK)
        return rv;
    rv = module_enter();
    if (rv != CKR_OK)
        return rv;
    module.initialized = false;
    transport_stop();
    module_leave();
    return CKR_OK;
}

struct credentials module_credentials(void)
{
    return module.credentials;
}

bool module_logged_in(void)
{
    return module.credentials.len != 0;
}

void module_set_pin(struct span pin)
{
    memcpy(module.credentials.pin, pin.at, pin.len);
    module.credentials.len = pin.len;
    module.credentials.serial++;
}

void module_drop_pin(void)
{
    explicit_bzero(module.credentials.pin, sizeof(module.credentials.pin));
    if (module.credentials.len)
        module.credentials.serial++;
    module.credentials.len = 0;
}
