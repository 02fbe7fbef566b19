// SPDX-License-Identifier: Apache-2.0
#include "base/seccomp_lists_internal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define WHOLE UINT32_MAX /* arguments that are int: the upper half may hold anything */

/* Computing on bytes that came over a descriptor which is open already. */
const char *const seccomp_compute[] = {
    "read", "readv", "write", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg", "poll", "ppoll", "select",
    "pselect6", "close", "shutdown", "fcntl", "fstat", "lseek",
    /* memory; mmap and mprotect by their arguments */
    "munmap", "mremap", "brk", "madvise", "mlock", "mlock2", "munlock",
    /* time, waiting, randomness */
    "clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "futex",
    "restart_syscall", "sched_yield", "sched_getaffinity", "setitimer", "alarm", "getrandom", "membarrier",
    /* itself, its signals and its end; abort() sends one to its own thread */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "sigaltstack", "tgkill", "exit", "exit_group",
    NULL,
};

const struct seccomp_argument seccomp_compute_arguments[] = {
    { "mmap", 2, PROT_EXEC, 0 },
    { "mprotect", 2, PROT_EXEC, 0 },
    { "newfstatat", 3, AT_EMPTY_PATH, AT_EMPTY_PATH }, /* how glibc does fstat() */
    { 0 },
};

/* Further: threads, files, Unix sockets. Which files is Landlock's and systemd's to say. */
const char *const seccomp_store[] = {
    "open", "openat", "openat2", "creat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2",
    "getcwd", "getdents64", "readlink", "readlinkat", "pread64", "pwrite64", "preadv", "pwritev", "fsync", "fdatasync",
    "sync_file_range", "fallocate", "ftruncate", "flock", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "fchown", "umask", "utimensat",
    "fadvise64", "statfs", "fstatfs", "dup", "dup2", "dup3", "pipe", "pipe2", "memfd_create", "memfd_secret",
    /* sockets that are there, and new ones by their family */
    "accept", "accept4", "bind", "connect", "listen", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "recvmmsg", "sendmmsg", "eventfd2", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
    "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "inotify_init1", "inotify_add_watch",
    "inotify_rm_watch",
    /* threads and children that are there */
    "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "sched_setaffinity", "sched_getparam",
    "sched_getscheduler", "wait4", "waitid", "kill", "rt_sigpending", "rt_sigqueueinfo", "getrusage", "times",
    "sysinfo", "uname", "getrlimit", "prlimit64", "getpgid", "getsid", "mlockall", "msync", "mincore",
    NULL,
};

const struct seccomp_argument seccomp_store_arguments[] = {
    { "socket", 0, WHOLE, AF_UNIX },
    { "socketpair", 0, WHOLE, AF_UNIX },
    { "clone", 0, CLONE_THREAD, CLONE_THREAD }, /* no fork; clone3 is answered ENOSYS, so that glibc comes here */
    { "prctl", 0, WHOLE, PR_SET_NAME },
    { "prctl", 0, WHOLE, PR_GET_NAME },
    { "ioctl", 1, WHOLE, 0x5401 /* TCGETS: is it a terminal? */ },
    { "ioctl", 1, WHOLE, 0x5421 /* FIONBIO */ },
    { "ioctl", 1, WHOLE, 0x541b /* FIONREAD */ },
    { 0 },
};

/* Further than computing: children that have less still. */
const char *const seccomp_fork[] = {
    "clone", "wait4", "kill", "dup2", "close_range", "seccomp", "set_robust_list", "rseq", NULL,
};

const struct seccomp_argument seccomp_fork_arguments[] = {
    { "socketpair", 0, WHOLE, AF_UNIX },
    { "prctl", 0, WHOLE, PR_SET_NAME },
    { "prctl", 0, WHOLE, PR_SET_PDEATHSIG },
    { "prctl", 0, WHOLE, PR_SET_NO_NEW_PRIVS },
    { 0 },
};

/* What no program of ours that talks to a network has any use for. */
const char *const seccomp_network_refused[] = {
    "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    /* mounts, name spaces, other roots */
    "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr",
    "pivot_root", "chroot", "unshare", "setns", "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat",
    /* the kernel itself */
    "init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "bpf",
    "perf_event_open", "lookup_dcookie", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "keyctl", "add_key", "request_key", "reboot", "syslog", "acct", "quotactl", "quotactl_fd", "swapon", "swapoff",
    "fanotify_init", "nfsservctl", "uselib", "_sysctl", "vhangup",
    /* the clock, the ports, the machine's name, other processes' memory */
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "iopl", "ioperm", "modify_ldt",
    "sethostname", "setdomainname", "personality", "move_pages", "migrate_pages", "mbind", "set_mempolicy",
    "remap_file_pages",
    NULL,
};

const struct seccomp_argument seccomp_network_refused_arguments[] = {
    { "mmap", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC },
    { "mprotect", 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC },
    { "socket", 0, WHOLE, AF_PACKET },
    { "socket", 0, WHOLE, AF_ALG },
    { "socket", 0, WHOLE, AF_KEY },
    { "socket", 0, WHOLE, AF_BLUETOOTH },
    { "socket", 0, WHOLE, AF_XDP },
    { 0 },
};
