// SPDX-License-Identifier: Apache-2.0
/* Inside the Vault key manager: one request (vault_wire.c), which node (vault_nodes.c), the token
 * (vault_login.c, vault_tend.c), calls with patience (vault_call.c), names (vault_path.c), contents
 * of answers and writes (vault_value.c, vault_write.c). */
#ifndef KEYS_VAULT_INTERNAL_H
#define KEYS_VAULT_INTERNAL_H

#include <stdatomic.h>

#include "http/client.h"
#include "keys/keystore.h"
#include "keys/vault.h"

#define VAULT_PATH_MAX 2048
#define VAULT_FIELD_MAX 128
#define VAULT_DEPTH_MAX 16
#define VAULT_REPLY_MAX (SEALED_SECRET_MAX + (64U << 10))
#define VAULT_NODES_MAX 9
#define VAULT_TENANT_UNBOUND "default" /* may leave the folder that is named like the tenant */
#define VAULT_TOKEN_MAX 8192

struct vault_nodes;
struct vault_login;

struct vault {
    struct keystore face; /* first: a keystore pointer is one to this */
    struct http_client *http, *hasty;
    struct vault_nodes *nodes;
    struct vault_login *login;
    char *mount, *prefix, *transit; /* transit: NULL: none */
    char *namespace_header;         /* NULL: none */
    atomic_uint kv_version;         /* 0: not known yet */
    _Atomic int64_t gave_up_at;     /* monotonic microseconds */
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

/* One request to one address. */
struct vault_request {
    const char *base, *method, *path; /* after /v1/ */
    struct span body;
    const struct secret *token; /* NUL-terminated; NULL: none */
    bool everywhere;            /* a path outside of all namespaces */
    bool hasty;                 /* with a short deadline */
};
/* Any status is OK. `passing`: a failure that is worth another try. */
fallible vault_send(struct vault *v, const struct vault_request *q, struct http_reply *reply,
                    bool *passing);
/* A status that says "not now" or "not here": 429, 502, 503, 504, redirects. */
bool vault_status_passes(int status);

/* Addresses, between blanks or commas (vault_nodes.c). */
fallible vault_nodes_new(struct span urls, struct vault_nodes **out);
void vault_nodes_free(struct vault_nodes *n);
OWNED_TYPE(struct vault_nodes, vault_nodes_free)
size_t vault_nodes_count(const struct vault_nodes *n);
const char *vault_nodes_url(const struct vault_nodes *n, size_t i);
/* The active node's address. FAIL_UPSTREAM, in words for operators: none is. */
fallible vault_active(struct vault *v, const char **url, bool *passing);
/* It may not be any more: look before the next call. */
void vault_active_doubt(struct vault *v);

/* The token (vault_login.c, vault_tend.c). */
fallible vault_login_new(const struct vault_config *config, struct vault_login **out);
void vault_login_free(struct vault_login *l);
OWNED_TYPE(struct vault_login, vault_login_free)
/* The files are there and may be used. */
fallible vault_login_check(const struct vault_login *l);
/* A copy, NUL-terminated, and which one it is; with AppRole logs in where there is none. */
fallible vault_token(struct vault *v, struct secret **out, uint64_t *generation);
/* The token of that generation is not good; `other`: there is another now. */
fallible vault_login_anew(struct vault *v, uint64_t generation, bool *other);
/* That did not help either: no new login for a while. */
void vault_login_in_vain(struct vault *v);
enum vault_token_state { TOKEN_UNKNOWN, TOKEN_GOOD, TOKEN_REFUSED };
enum vault_token_state vault_token_look(struct vault *v, const struct secret *token,
                                        struct http_reply *reply);

struct vault_ask {
    const char *method, *path; /* after /v1/ */
    struct span body;
    bool impatient; /* asked once only */
    bool repeated;  /* out: an earlier try may have been carried out although its answer was lost */
    bool fresh;     /* out: with a token of a new login */
    const char *node; /* out: who answered */
};
/* FAIL_ABSENT: 404. FAIL_CONFLICT: a check-and-set did not match. All else that is not 2xx is
 * FAIL_UPSTREAM. */
fallible vault_ask(struct vault *v, struct vault_ask *ask, struct http_reply *reply);
/* GET; a 404 counts when the node that gave it still is the active one. */
fallible vault_get(struct vault *v, const char *path, struct http_reply *reply);
/* The mount's KV version, asked once. */
fallible vault_version(struct vault *v, unsigned *out);
fallible vault_health(struct vault *v);
fallible vault_tend(struct vault *v, struct keystore_chore *out);

/* For buffers that hold secrets for a moment: owned(vault_buf_wipe). */
static inline void vault_buf_wipep(struct buf *b)
{
    if (b->at)
        wipe(b->at, b->room);
    buf_done(b);
}

#define VAULT_NAME_FIELD "name"
/* The secret's field out of the answer to a read; `level`: how many members "data" are around the
 * fields, which is the KV version. FAIL_UPSTREAM: not the JSON of an answer. FAIL_ABSENT: no such
 * field. FAIL_INPUT: not text. */
fallible vault_value_parse(struct span reply, unsigned level, struct span field,
                           struct secret **out);
/* A field of an answer's member `folder`, "data" or "auth". FAIL_ABSENT: it is not there.
 * FAIL_UPSTREAM: not such an answer. The raw one is as it stands there, a text without its quotes.
 */
fallible vault_text_parse(struct span reply, const char *folder, const char *field,
                          struct secret **out);
fallible vault_raw_find(struct span reply, const char *folder, const char *field, struct span *out);
bool vault_number_find(struct span reply, const char *folder, const char *field, uint64_t *out);
/* Of an opaque secret of ours: base64 to bytes. */
fallible vault_value_bytes(struct span text, struct secret **out);
/* The body of a write; with KV version 2 it creates only. */
fallible vault_value_write(const struct secret *material, const struct key_spec *spec,
                           struct span name, unsigned version, struct secret **out);

#endif
