// SPDX-License-Identifier: Apache-2.0
/* What the routes of /as/v1/policies and /as/v1/decisions share. Each answers and returns false
 * where the request ends there. */
#ifndef ATTESTD_POLICY_REQUEST_H
#define ATTESTD_POLICY_REQUEST_H

#include "attestd/attest_routes.h"
#include "policy/policy.h"

/* The document is without errors; a 400 lists them. `p` may be NULL. */
bool policy_document_good(struct http_exchange *x, const json_t *document, struct policy **p);
/* A policy in a request: a document, or the name or id of a stored one, "NAME@VERSION" for an
 * earlier version of it. New reference in *document. */
bool policy_meant(struct http_exchange *x, const struct as_service *s, struct span tenant,
                  const json_t *given, json_t **document);
/* The row of the policy in the path, of its "?version=" where there is one. New reference. */
bool policy_row_asked(struct http_exchange *x, const struct as_service *s, struct span tenant,
                      json_t **row);
void policy_answer_row(struct http_exchange *x, struct err e, int status, json_t *row);

#endif
