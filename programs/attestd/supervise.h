// SPDX-License-Identifier: Apache-2.0
/*
 * The parent: no network, no parsing. It makes the channels, starts three children, each a program
 * started anew in an address space of its own, and starts one again when it ends. The front is this
 * binary; the zygote and the issuer are another, without any network code, beside it or in
 * ../libexec/warder. Because it keeps both ends of every channel, a child that is started again
 * finds the messages that waited for it.
 */
#ifndef ATTESTD_SUPERVISE_H
#define ATTESTD_SUPERVISE_H

#include "attestd/config.h"

/* Until SIGTERM or SIGINT; at SIGUSR1 the issuer announces a next signing key. Returns the exit
 * status. */
int supervise(const struct attestd_config *config);

#endif
