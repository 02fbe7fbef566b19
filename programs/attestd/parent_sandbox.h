// SPDX-License-Identifier: Apache-2.0
/*
 * The parent's sandbox, which its children inherit and narrow. It starts programs and gives the
 * front its network, so what it may do is wider than what any of them keeps: programs from its own
 * folders and the system's libraries, writing where databases and signing keys are, and no system
 * call that none of our programs has a use for.
 */
#ifndef ATTESTD_PARENT_SANDBOX_H
#define ATTESTD_PARENT_SANDBOX_H

#include "attestd/config.h"

/* `programs`: folders, ending with NULL. */
fallible parent_confine(const struct attestd_config *c, const char *const *programs);

#endif
