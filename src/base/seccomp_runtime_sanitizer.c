// SPDX-License-Identifier: Apache-2.0
#include "base/seccomp_lists_internal.h"

#include <stddef.h>

/* A sanitizer reads its own maps and symbols when it reports, and looks at threads from a helper
 * process. */
const char *const seccomp_runtime[] = {
    "open",       "openat", "stat",   "lstat",      "newfstatat", "readlink",
    "readlinkat", "access", "getcwd", "getdents64", "pread64",    "mmap",
    "mprotect",   "dup",    "pipe",   "pipe2",      "clone",      "set_robust_list",
    "rseq",       "wait4",  "prctl",  "prlimit64",  "getrlimit",  "sysinfo",
    "uname",      "ioctl",  "kill",   "ptrace",     NULL,
};
