// SPDX-License-Identifier: Apache-2.0
/*
 * What every program does before it serves: no core dumps, not traceable, no new privileges, and
 * its sandbox. The mechanisms are one file each (harden_process.c, landlock_linux.c,
 * seccomp_linux.c). Warm up lazily loaded things first (crypto_start, json_start). harden_files()
 * holds for the calling thread and what it starts, so it comes before threads; harden_syscalls()
 * holds for all threads there are.
 */
#ifndef BASE_HARDEN_H
#define BASE_HARDEN_H

#include "base/err.h"

/* RLIMIT_CORE 0, PR_SET_DUMPABLE 0, PR_SET_NO_NEW_PRIVS, umask 077. */
fallible harden_process(void);

/* From now on the process may touch only these paths; lists are NULL-terminated, either may be
 * NULL. Where the kernel has no Landlock it returns OK with *enforced false. */
fallible harden_files(const char *const *readable, const char *const *writable, bool *enforced);
/* The same, and programs may be started from these, and what is writable is known to be read too.
 */
fallible harden_files_and_programs(const char *const *readable, const char *const *writable,
                                   const char *const *programs, bool *enforced);

enum sandbox_kind {
    SANDBOX_COMPUTE, /* read, write, memory, clock, exit: the verify worker, the token issuer. No
                        open, no socket, no fork */
    SANDBOX_STORE, /* + files and threads, accept on what is there; no new Internet socket: keyd */
    SANDBOX_NETWORK, /* + sockets; no exec, no ptrace, no mount, no module, no bpf, no perf: network
                        programs */
    SANDBOX_FORK, /* COMPUTE + fork, pairs of Unix sockets and the child's own sandbox: the workers'
                     zygote */
    SANDBOX_START /* NETWORK + exec: a parent that starts programs, which narrow it further */
};
/* seccomp; a refused call kills the process. A child of a process in SANDBOX_FORK that enters
 * SANDBOX_COMPUTE loads only what takes the difference away: filters are inherited. In a sanitizer
 * build the list is wider by what the runtime needs. *enforced false where the kernel has no
 * seccomp. */
fallible harden_syscalls(enum sandbox_kind kind, bool *enforced);
/* Makes the filter ready (about a millisecond), so that a child forked later enters it in some ten
 * microseconds. */
fallible harden_syscalls_prepare(enum sandbox_kind kind);

#endif
