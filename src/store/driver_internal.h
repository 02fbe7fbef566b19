// SPDX-License-Identifier: Apache-2.0
/*
 * What a database driver gives to store.c. A driver knows its library's types; store.c knows the
 * statement cache, the order of calls and the transaction words. Values bound stay the caller's
 * until the last step.
 */
#ifndef STORE_DRIVER_INTERNAL_H
#define STORE_DRIVER_INTERNAL_H

#include "base/err.h"
#include "base/span.h"

struct connection; /* the driver's own */
struct prepared;

enum value_kind { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB };

struct value {
    enum value_kind kind;
    int64_t number;
    struct span bytes;
};

struct store_driver {
    const char *scheme; /* "sqlite:" */
    fallible (*open)(const char *address, struct connection **out);
    void (*close)(struct connection *c);
    /* Several statements separated by semicolons, without parameters or rows. */
    fallible (*execute)(struct connection *c, const char *sql);
    bool (*in_transaction)(struct connection *c);
    int64_t (*changes)(struct connection *c);
    const char *begin; /* takes the write lock at once */

    fallible (*prepare)(struct connection *c, const char *sql, struct prepared **out);
    void (*finalize)(struct prepared *p);
    void (*rewind)(struct prepared *p); /* ends a read, forgets the parameters */
    fallible (*bind)(struct prepared *p, int at, const struct value *v);
    fallible (*step)(struct prepared *p, bool *row);
    struct value (*column)(struct prepared *p, int at, enum value_kind wanted);
};

extern const struct store_driver sqlite_driver;

#endif
