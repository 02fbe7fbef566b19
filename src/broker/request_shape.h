// SPDX-License-Identifier: Apache-2.0
/*
 * What the bodies and queries of the broker's operations look like, as tables: they say to a caller
 * which members of a refused request are wrong (outcome.h, errors).
 */
#ifndef BROKER_REQUEST_SHAPE_H
#define BROKER_REQUEST_SHAPE_H

#include "broker/outcome.h"
#include "broker/question.h"

/* After a refusal for what the request says: fills o->errors. Best effort, never a failure. */
void request_shape_explain(uint16_t operation, const struct broker_request *q, struct outcome *o);

#endif
