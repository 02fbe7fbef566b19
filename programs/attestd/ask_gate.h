// SPDX-License-Identifier: Apache-2.0
/*
 * How often upstreams are asked about what strangers name: platforms and chips, which anybody can
 * make up. A budget for all of them together, and a memory of what an upstream had nothing for, so
 * that asking again costs nothing for a while. What is known is never asked about, so whoever is
 * known does not notice. For many threads; time is the caller's, in microseconds.
 */
#ifndef ATTESTD_ASK_GATE_H
#define ATTESTD_ASK_GATE_H

#include "crypto/digest.h"

#define ASK_GATE_SLOTS 4096

struct ask_gate;
/* So many questions a minute; as many at once after a quiet minute. */
fallible ask_gate_new(unsigned per_minute, struct ask_gate **out);
void ask_gate_free(struct ask_gate *g);
OWNED_TYPE(struct ask_gate, ask_gate_free)

/* True: ask, one question is taken off. Else `*seconds`, at least one, until the next may be. NULL
 * admits all. */
bool ask_gate_admits(struct ask_gate *g, int64_t now_us, unsigned *seconds);
/* What the answer about this was, if it is still remembered. */
bool ask_gate_recall(struct ask_gate *g, struct span about, int64_t now_us, int *answer);
void ask_gate_note(struct ask_gate *g, struct span about, int answer, unsigned seconds,
                   int64_t now_us);

#endif
