// SPDX-License-Identifier: Apache-2.0
/* Claims of genuine evidence of every kind, as the verifier makes them from tests/vectors. */
#ifndef TESTS_REAL_CLAIMS_H
#define TESTS_REAL_CLAIMS_H

#include "base/json.h"

/* By number; false past the last. *claims is a new reference, NULL where the set is not there. */
bool real_claims(size_t at, const char **name, json_t **claims);

#endif
