// SPDX-License-Identifier: Apache-2.0
#include "http/media_type_internal.h"

#include "http/request_head_internal.h"

bool media_type_is_json(struct span type)
{
    struct span media = span_head(type, span_find(type, SPAN(";")));

    while (media.len && (media.at[media.len - 1] == ' ' || media.at[media.len - 1] == '\t'))
        media = span_head(media, media.len - 1);
    if (span_equal_nocase(media, "application/json"))
        return true;
    return media.len > 5 && span_equal_nocase(span_tail(media, media.len - 5), "+json");
}
