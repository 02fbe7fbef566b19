// SPDX-License-Identifier: Apache-2.0
/*
 * JSON, strict, with jansson's values: duplicate members, trailing bytes, NULs in strings, nesting
 * deeper than JSON_DEPTH_MAX and texts above JSON_TEXT_MAX are refused (RFC 8259; lesson: one text,
 * one meaning). A json_t is owned(json_free). Getters return FAIL_INPUT with `what` naming the
 * member's use.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>

#include "base/bounds.h"
#include "base/buf.h"

void json_free(json_t *j);
OWNED_TYPE(json_t, json_free)

/* Seeds jansson's hash; call once before entering a sandbox or starting threads. */
void json_start(void);

fallible json_parse(struct span text, json_t **out);
/* The same, and the root must be an object. */
fallible json_parse_object(struct span text, json_t **out);
/* Compact, members sorted: our canonical form for digests of our own documents. */
fallible json_canonical(const json_t *j, struct buf *out);
/* Compact in member order; malloc'ed, NULL when memory is short. */
char *json_text(const json_t *j);

/* Members of an object. The span borrows from `j`. Missing or wrongly typed: FAIL_INPUT, `what`. */
fallible json_get_str(const json_t *j, const char *name, const char *what, struct span *out);
fallible json_get_u64(const json_t *j, const char *name, uint64_t max, const char *what,
                      uint64_t *out);
fallible json_get_bool(const json_t *j, const char *name, const char *what, bool *out);
fallible json_get_object(const json_t *j, const char *name, const char *what, const json_t **out);
fallible json_get_array(const json_t *j, const char *name, const char *what, const json_t **out);
/* Absent is fine (out keeps its value); present with the wrong type fails. */
fallible json_opt_str(const json_t *j, const char *name, const char *what, struct span *out);
fallible json_opt_u64(const json_t *j, const char *name, uint64_t max, const char *what,
                      uint64_t *out);
fallible json_opt_bool(const json_t *j, const char *name, const char *what, bool *out);
/* Every member's name is in the NULL-terminated list, else FAIL_INPUT "unknown member". */
fallible json_only(const json_t *j, const char *const *names);

/* Setters for building; they tolerate NULL objects so that memory is checked once, at json_text. */
void json_set_span(json_t *j, const char *name, struct span s);
void json_set_str(json_t *j, const char *name, const char *s); /* NULL: no member */
void json_set_int(json_t *j, const char *name, int64_t v);
void json_set_bool(json_t *j, const char *name, bool v);
void json_set_hex(json_t *j, const char *name, struct span bytes);
void json_set_base64url(json_t *j, const char *name, struct span bytes);

#endif
