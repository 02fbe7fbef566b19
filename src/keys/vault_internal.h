// SPDX-License-Identifier: Apache-2.0
/* Inside the Vault key manager: calls (vault_call.c), names (vault_path.c), the content of a secret
 * (vault_value.c). */
#ifndef KEYS_VAULT_INTERNAL_H
#define KEYS_VAULT_INTERNAL_H

#include <stdatomic.h>

#include "http/client.h"
#include "keys/keystore.h"
#include "keys/vault.h"

#define VAULT_PATH_MAX 2048
#define VAULT_FIELD_MAX 128
#define VAULT_DEPTH_MAX 16
#define VAULT_REPLY_MAX (64U << 10)

struct vault {
    struct keystore face; /* first: a keystore pointer is one to this */
    struct http_client *http;
    char *url, *token_file, *mount, *prefix;
    atomic_uint kv_version;     /* 0: not known yet */
    _Atomic int64_t gave_up_at; /* monotonic microseconds */
};

/* The functions of the interface (vault.c), without a server yet. */
extern const struct keystore vault_face;
void vault_close(struct keystore *self);

/* Where a secret is: a path below the mount, and the field in it (empty: a usual one, or the only
 * one). Keys of ours carry TENANT/ID/VERSION inside too, so that one moved to another path does not
 * pass for that one. */
struct vault_place {
    struct buf path;
    struct span field;
    struct buf name; /* empty: not ours */
};
static inline void vault_place_donep(struct vault_place *p)
{
    buf_done(&p->path);
    buf_done(&p->name);
}

/* Letters, digits and -_.~@:= in segments that are neither empty nor "." or ".." (lesson L19). */
fallible vault_path_check(struct span path);
/* An external reference may not point into our own folder, and only the default tenant's may leave
 * the folder that is named like the tenant. */
fallible vault_place_of(const struct vault *v, const struct key_ref *ref, struct vault_place *out);

struct vault_ask {
    const char *method, *path; /* after /v1/ */
    struct span body;
    bool impatient; /* asked once only */
    bool repeated;  /* out: an earlier try may have been carried out although its answer was lost */
};
/* FAIL_ABSENT: 404. FAIL_CONFLICT: a check-and-set did not match. All else that is not 2xx is
 * FAIL_UPSTREAM. */
fallible vault_ask(struct vault *v, struct vault_ask *ask, struct http_reply *reply);
/* GET; a 404 of a standby, which may be late, is asked of the leader again. */
fallible vault_get(struct vault *v, const char *path, struct http_reply *reply);
/* The mount's KV version, asked once. */
fallible vault_version(struct vault *v, unsigned *out);
/* There is a token to send. */
fallible vault_token_check(const struct vault *v);
fallible vault_health(struct vault *v);

#define VAULT_NAME_FIELD "name"
/* The secret's field out of the answer to a read; `level`: how many members "data" are around the
 * fields, which is the KV version. FAIL_UPSTREAM: not the JSON of an answer. FAIL_ABSENT: no such
 * field. FAIL_INPUT: not text. */
fallible vault_value_parse(struct span reply, unsigned level, struct span field,
                           struct secret **out);
/* The body of a write; with KV version 2 it creates only. */
fallible vault_value_write(const struct secret *material, const struct key_spec *spec,
                           struct span name, unsigned version, struct secret **out);

#endif
