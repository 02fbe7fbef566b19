// SPDX-License-Identifier: Apache-2.0
/*
 * The secret of a service account: 32 random bytes as base64url, shown once. There is nothing to
 * guess, so the store has its SHA-256 and no lock-out stands before it: who knows a service's name
 * cannot keep it out.
 */
#ifndef ACCESS_SERVICE_SECRET_H
#define ACCESS_SERVICE_SECRET_H

#include "access/user.h"

fallible service_secret_new(struct secret **out, char hash[PASSWORD_HASH_SIZE]);
/* Of nobody: the hash that no secret has. */
void service_secret_none(char hash[PASSWORD_HASH_SIZE]);
/* The user is a service and this is its secret. Takes as long whoever it is. */
fallible service_secret_check(const struct user *u, const struct secret *given, bool *good);

#endif
