// SPDX-License-Identifier: Apache-2.0
/* The network side: HTTP of all enabled roles, the endorsement cache and its upstream, appraisal
 * policies. */
#ifndef ATTESTD_FRONT_H
#define ATTESTD_FRONT_H

#include "attestd/config.h"

/* Until SIGTERM; returns the exit status of the process. */
int front_main(const struct attestd_config *config);

#endif
