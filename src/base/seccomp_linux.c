// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/harden.h"
#include "base/owned.h"
#include "base/seccomp_lists_internal.h"

#define FILTER_MAX 4096              /* instructions, the kernel's own limit */
#define NARROWED (SANDBOX_START + 1) /* COMPUTE for a child of a process in FORK */
#define KINDS (NARROWED + 1)

/* Filters made ready by harden_syscalls_prepare(). */
static struct {
    struct sock_filter *code;
    unsigned short count;
} prepared[KINDS];
static bool in_fork; /* this process, or the one that forked it, is in SANDBOX_FORK */

static const char *const clone3[] = { "clone3", NULL };

static fallible add_names(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
    for (; *names; names++) {
        int nr = seccomp_syscall_resolve_name(*names);
        /* Not known here, or not a call of this machine: the default action holds for it. */
        if (nr < 0)
            continue;
        int rc = seccomp_rule_add(ctx, action, nr, 0);
        if (rc < 0 && rc != -EEXIST)
            return FAIL(SYSTEM, "a rule of the sandbox cannot be made");
    }
    return OK;
}

static fallible add_arguments(scmp_filter_ctx ctx, uint32_t action,
                              const struct seccomp_argument *a)
{
    for (; a->name; a++) {
        int nr = seccomp_syscall_resolve_name(a->name);
        if (nr < 0)
            continue;
        struct scmp_arg_cmp cmp = SCMP_CMP(a->argument, SCMP_CMP_MASKED_EQ, a->mask, a->value);
        int rc = seccomp_rule_add_array(ctx, action, nr, 1, &cmp);
        if (rc < 0 && rc != -EEXIST)
            return FAIL(SYSTEM, "a rule of the sandbox cannot be made");
    }
    return OK;
}

static bool names(const char *const *list, const char *name)
{
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static fallible refuse_beyond_compute(scmp_filter_ctx ctx, const char *name)
{
    const char *const one[] = { name, NULL };

    if (names(seccomp_runtime, name) || names(seccomp_compute, name))
        return OK;
    return add_names(ctx, SCMP_ACT_KILL_PROCESS, one);
}

/* What FORK has and COMPUTE has not is refused. With FORK's filter, which a child inherits, that is
 * COMPUTE; and it is loaded in a fraction of the time, since the kernel translates each filter anew
 * and tries it with every call that those before it let pass. */
static fallible fill_narrowed(scmp_filter_ctx ctx)
{
    TRY(add_names(ctx, SCMP_ACT_KILL_PROCESS, clone3));
    for (size_t i = 0; seccomp_fork[i]; i++)
        TRY(refuse_beyond_compute(ctx, seccomp_fork[i]));
    for (size_t i = 0; seccomp_fork_arguments[i].name; i++)
        TRY(refuse_beyond_compute(ctx, seccomp_fork_arguments[i].name));
    return OK;
}

static fallible fill(scmp_filter_ctx ctx, enum sandbox_kind kind)
{
    switch (kind) {
    case SANDBOX_START:
        return add_names(ctx, SCMP_ACT_KILL_PROCESS, seccomp_network_refused);
    case SANDBOX_NETWORK:
        TRY(add_names(ctx, SCMP_ACT_KILL_PROCESS, seccomp_exec));
        TRY(add_names(ctx, SCMP_ACT_KILL_PROCESS, seccomp_network_refused));
        return add_arguments(ctx, SCMP_ACT_KILL_PROCESS, seccomp_network_refused_arguments);
    case SANDBOX_STORE:
        TRY(add_names(ctx, SCMP_ACT_ALLOW, seccomp_store));
        TRY(add_arguments(ctx, SCMP_ACT_ALLOW, seccomp_store_arguments));
        TRY(add_names(ctx, SCMP_ACT_ERRNO(ENOSYS), clone3));
        break;
    case SANDBOX_FORK:
        TRY(add_names(ctx, SCMP_ACT_ALLOW, seccomp_fork));
        TRY(add_arguments(ctx, SCMP_ACT_ALLOW, seccomp_fork_arguments));
        TRY(add_names(ctx, SCMP_ACT_ERRNO(ENOSYS), clone3));
        break;
    case SANDBOX_COMPUTE:
        break;
    }
    TRY(add_names(ctx, SCMP_ACT_ALLOW,
                  seccomp_runtime)); /* before rules on arguments of the same calls */
    TRY(add_names(ctx, SCMP_ACT_ALLOW, seccomp_compute));
    return add_arguments(ctx, SCMP_ACT_ALLOW, seccomp_compute_arguments);
}

static uint32_t default_action(unsigned kind)
{
    bool by_refusal = kind == SANDBOX_NETWORK || kind == SANDBOX_START || kind == NARROWED;
    return by_refusal ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
}

/* The filter as the kernel takes it: loading it later needs no library and no allocation. */
static fallible export(scmp_filter_ctx ctx, unsigned kind)
{
    int fd owned(fd_close) = memfd_create("filter", MFD_CLOEXEC);

    if (fd < 0 || seccomp_export_bpf(ctx, fd) < 0)
        return FAIL(SYSTEM, "the sandbox's filter cannot be made");
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || (size_t)size > FILTER_MAX * sizeof(struct sock_filter))
        return FAIL(SYSTEM, "the sandbox's filter is too large");
    struct sock_filter *code owned(free) = malloc((size_t)size);
    if (!code || pread(fd, code, (size_t)size, 0) != size)
        return FAIL(SYSTEM, "the sandbox's filter cannot be made");
    prepared[kind].count = (unsigned short)((size_t)size / sizeof(*code));
    prepared[kind].code = TAKE(code);
    return OK;
}

static fallible prepare(unsigned kind)
{
    if (prepared[kind].code)
        return OK;
    scmp_filter_ctx ctx = seccomp_init(default_action(kind));
    if (!ctx)
        return FAIL(SYSTEM, "the sandbox's filter cannot be made");
    seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE,
                     2); /* a tree, not a list: each call of ours pays for it */
    struct err e = kind == NARROWED ? fill_narrowed(ctx) : fill(ctx, (enum sandbox_kind)kind);
    if (!failed(e))
        e = export(ctx, kind);
    seccomp_release(ctx);
    return e;
}

fallible harden_syscalls_prepare(enum sandbox_kind kind)
{
    return prepare(kind);
}

static fallible enter(unsigned kind, bool *enforced)
{
    TRY(prepare(kind));
    struct sock_fprog program = { .len = prepared[kind].count, .filter = prepared[kind].code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return FAIL(SYSTEM, "new privileges cannot be forbidden");
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    if (rc < 0 && (errno == ENOSYS || errno == EINVAL)) {
        *enforced = false;
        return OK;
    }
    if (rc != 0)
        return FAIL(SYSTEM, "the sandbox for system calls cannot be entered");
    *enforced = true;
    return OK;
}

fallible harden_syscalls(enum sandbox_kind kind, bool *enforced)
{
    if (kind == SANDBOX_COMPUTE && in_fork)
        return enter(NARROWED, enforced);
    if (kind == SANDBOX_FORK)
        TRY(prepare(NARROWED)); /* for its children, which could not make it any more */
    TRY(enter(kind, enforced));
    in_fork = kind == SANDBOX_FORK && *enforced;
    return OK;
}
