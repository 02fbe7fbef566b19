// SPDX-License-Identifier: Apache-2.0
/* Random changes to bytes, each made from a number: the same number makes the same change. */
#ifndef TESTS_MUTATION_H
#define TESTS_MUTATION_H

#include "base/buf.h"

struct dice {
    uint64_t state;
};

struct dice dice_of(uint64_t seed, uint64_t number);
uint64_t dice_roll(struct dice *d);
size_t dice_below(struct dice *d, size_t limit); /* limit > 0 */

/* One to four changes of `from`: bits, bytes, lengths, blocks, cuts; `other` is material of the
 * same kind to splice in. */
bool mutate(struct dice *d, struct span from, struct span other, struct buf *out);

#endif
