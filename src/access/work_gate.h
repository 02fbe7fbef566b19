// SPDX-License-Identifier: Apache-2.0
/*
 * At most `running` threads at once inside a costly piece of work that strangers can ask for, at
 * most `waiting` more in front of it; whoever comes then is told to come later, so that the rest of
 * the program keeps its threads.
 */
#ifndef ACCESS_WORK_GATE_H
#define ACCESS_WORK_GATE_H

#include "base/err.h"
#include "base/owned.h"

struct work_gate;
fallible work_gate_new(unsigned running, unsigned waiting, struct work_gate **out);
void work_gate_free(struct work_gate *g);
OWNED_TYPE(struct work_gate, work_gate_free)

bool work_gate_enter(struct work_gate *g); /* false: full */
void work_gate_leave(struct work_gate *g);

#endif
