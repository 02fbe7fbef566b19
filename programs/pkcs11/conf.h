// SPDX-License-Identifier: Apache-2.0
/*
 * The module's configuration, read once, at the first C_Initialize: web servers empty their
 * workers' environment. WARDER_MODULE_CONF names the file, else it is ../etc/pkcs11.conf beside the
 * module's own folder, else /etc/warder/pkcs11.conf, which may be absent:
 *
 *   [module]
 *   agent_socket = /run/warder/agent.sock
 *   agent_uid = 991                  user that the agent must run as; without it root or our own
 *   find_timeout = 75                seconds that a search may wait for attestation and the KBS
 *   agent_start = /usr/sbin/skc-agent   for development: start this agent where none answers
 *   agent_config = FILE              its --config
 *   agent_log = FILE                 its log; without it /dev/null
 */
#ifndef PKCS11_CONF_H
#define PKCS11_CONF_H

#include "transport.h"

struct module_conf {
    struct transport_config transport;
    char *agent_start, *agent_config, *agent_log; /* owned; NULL when not given */
};

void module_conf_done(struct module_conf *c);
fallible module_conf_load(struct module_conf *out);
/* Starts the agent where the configuration says so and none answers; waits until it serves, or has
 * failed. */
void module_conf_start_agent(const struct module_conf *c);

#endif
