// SPDX-License-Identifier: Apache-2.0
/*
 * Failures: small, typed, by value. The text is always a literal, so it holds neither secrets nor
 * peer bytes and needs no freeing. Ignoring a failure warns.
 *
 * A negative answer is not a failure: checks fill a verdict and return OK; only "cannot decide"
 * is an err, and whoever gets one denies. Out parameters come last and change only on success.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

enum fail_kind {
    FAIL_NONE,
    FAIL_INPUT,    /* malformed or forged bytes from outside */
    FAIL_DENIED,   /* understood and refused */
    FAIL_ABSENT,   /* no such thing */
    FAIL_CONFLICT, /* exists already, spent, or changed meanwhile */
    FAIL_LIMIT,    /* a stated maximum is exceeded */
    FAIL_UPSTREAM, /* a service that we depend on is down or answers nonsense: retry later */
    FAIL_SYSTEM    /* the machine: memory, disk, descriptor */
};

struct err {
    uint32_t kind; /* enum fail_kind */
    uint32_t at;   /* offset of a parse failure, else 0 */
    const char *what;
};

#define fallible __attribute__((warn_unused_result)) struct err
#define OK ((struct err){ 0 })
#define FAIL(k, text) ((struct err){ .kind = FAIL_##k, .what = "" text })
#define TRY(call)                                                                                  \
    do {                                                                                           \
        struct err try_ = (call);                                                                  \
        if (try_.kind)                                                                             \
            return try_;                                                                           \
    } while (0)

static inline bool failed(struct err e)
{
    return e.kind != FAIL_NONE;
}

/* The kind's name in lower case, for logs and problem codes: "input", "denied", ... */
const char *fail_kind_name(uint32_t kind);

#endif
