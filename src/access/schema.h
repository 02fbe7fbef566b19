// SPDX-License-Identifier: Apache-2.0
/* The tables of aasd. Every row has its tenant and version. */
#ifndef ACCESS_SCHEMA_H
#define ACCESS_SCHEMA_H

#include "store/store.h"

#define TENANT_DEFAULT "default"
#define TENANT_NAME_MAX 64

fallible access_schema_apply(struct store *s);
/* 1 to 64 of [a-z0-9-]. */
bool tenant_name_valid(struct span name);

#endif
