// SPDX-License-Identifier: Apache-2.0
#ifndef SKC_AGENT_FETCH_SECRET_H
#define SKC_AGENT_FETCH_SECRET_H

/* `skc-agent fetch`: an opaque secret, to a file or the standard output. argv[0] is the verb. */
int fetch_secret(int argc, char **argv);

#endif
