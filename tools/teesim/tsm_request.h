// SPDX-License-Identifier: Apache-2.0
/*
 * The requests under report/: what the kernel keeps for each folder. A quote is made on reading and
 * kept until the next write. Results are errno values, 0 is good: this is the kernel's side of the
 * interface.
 */
#ifndef TEESIM_TSM_REQUEST_H
#define TEESIM_TSM_REQUEST_H

#include "teesim/platform.h"

#define TSM_NAME_MAX 128
#define TSM_REQUESTS_MAX 256

struct tsm_requests;

struct tsm_requests *tsm_requests_new(struct platform *platform); /* NULL: memory */
void tsm_requests_free(struct tsm_requests *all);

enum tsm_attribute {
    TSM_INBLOB,
    TSM_OUTBLOB,
    TSM_AUXBLOB,
    TSM_PROVIDER,
    TSM_GENERATION,
    TSM_PRIVLEVEL,
    TSM_ATTRIBUTES
};
extern const struct tsm_attribute_row {
    const char *name;
    unsigned mode;
} tsm_attribute_rows[TSM_ATTRIBUTES];

int tsm_request_make(struct tsm_requests *all, const char *name);
int tsm_request_remove(struct tsm_requests *all, const char *name);
bool tsm_request_exists(struct tsm_requests *all, const char *name);
/* Calls `each` with every name. */
void tsm_requests_each(struct tsm_requests *all, void (*each)(const char *name, void *context),
                       void *context);

int tsm_request_write(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                      struct span bytes, size_t offset);
/* The attribute's whole content. */
int tsm_request_read(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                     struct buf *out);

#endif
