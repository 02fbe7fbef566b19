// SPDX-License-Identifier: Apache-2.0
/*
 * Ownership: whoever has `owned` frees, giving away is written out with TAKE, destructors take
 * NULL, owned pointers start as NULL.
 */
#ifndef BASE_OWNED_H
#define BASE_OWNED_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define owned(free_fn) __attribute__((cleanup(free_fn##p)))
#define OWNED_TYPE(type, free_fn)                                                                  \
    static inline void free_fn##p(type **p)                                                        \
    {                                                                                              \
        free_fn(*p);                                                                               \
    }
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) take_ = (p);                                                                 \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

/* char *text owned(free) = NULL; for any malloc'ed pointer. */
static inline void freep(void *p)
{
    free(*(void **)p);
}

/* int fd owned(fd_close) = -1; */
static inline void fd_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

static inline void fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

#endif
