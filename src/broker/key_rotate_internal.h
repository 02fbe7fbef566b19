// SPDX-License-Identifier: Apache-2.0
/* Rotation: what is asked for (key_rotate_request.c), doing it (key_rotate.c), and old versions
 * that go by their date (key_retire.c). */
#ifndef BROKER_KEY_ROTATE_INTERNAL_H
#define BROKER_KEY_ROTATE_INTERNAL_H

#include "broker/commit.h"
#include "broker/entry.h"

struct rotate_request {
    json_t *body; /* owned: spans borrow from it */
    struct span key_string, external;
    bool sealed, has_keep_old;
    uint64_t keep_old;
    int64_t keep_until; /* 0: no date */
};
/* Wipes key_string. */
void rotate_request_done(struct rotate_request *r);
static inline void rotate_request_donep(struct rotate_request *r)
{
    rotate_request_done(r);
}
fallible rotate_request_parse(struct span text, struct rotate_request *out);

/* A row by which the key manager is told to remove these; nothing for none. */
fallible key_remove_versions(struct transaction *t, const struct secret *integrity,
                             const struct key_entry *key, const struct key_versions *gone);
/* Has the key's versions looked at again when the first of them is due. */
fallible key_set_date(struct transaction *t, const struct key_entry *key);
void key_record_removed(json_t *record, const struct key_versions *gone);

#endif
