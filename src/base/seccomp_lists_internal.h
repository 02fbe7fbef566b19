// SPDX-License-Identifier: Apache-2.0
/*
 * Which system calls each sandbox has. Lists of names end with NULL; a name that this kernel's or
 * library's age does not know is skipped. What a sanitizer's runtime needs beyond is a list of its
 * own, in a file that meson chooses.
 */
#ifndef BASE_SECCOMP_LISTS_INTERNAL_H
#define BASE_SECCOMP_LISTS_INTERNAL_H

#include <stdint.h>

/* A call that depends on one argument: it matches when (argument & mask) == value. */
struct seccomp_argument {
    const char *name;
    unsigned argument;
    uint64_t mask, value;
};

extern const char *const seccomp_compute[];
extern const struct seccomp_argument seccomp_compute_arguments[];
extern const char *const seccomp_store[];
extern const struct seccomp_argument seccomp_store_arguments[];
extern const char *const seccomp_fork[];
extern const struct seccomp_argument seccomp_fork_arguments[];
extern const char *const seccomp_exec[];
extern const char *const seccomp_network_refused[];
extern const struct seccomp_argument seccomp_network_refused_arguments[];
/* seccomp_runtime_plain.c or seccomp_runtime_sanitizer.c */
extern const char *const seccomp_runtime[];

#endif
