// SPDX-License-Identifier: Apache-2.0
/* The one place where questions are carried out: what an operation leaves open is refused and
 * recorded here. */
#ifndef BROKER_OPERATION_H
#define BROKER_OPERATION_H

#include "broker/broker.h"

/* Carries it out; failures become refusals of their own. *failure (FAIL_NONE when there was none)
 * is for the log. */
void operation_run(struct broker *b, uint16_t operation, const struct broker_request *q,
                   struct outcome *o, struct err *failure);
const char *operation_name(uint16_t operation);

#endif
