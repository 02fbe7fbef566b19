// SPDX-License-Identifier: Apache-2.0
#ifndef HTTP_MEDIA_TYPE_INTERNAL_H
#define HTTP_MEDIA_TYPE_INTERNAL_H

#include "base/span.h"

/* "application/json" or "...+json", with or without parameters. */
bool media_type_is_json(struct span type);

#endif
