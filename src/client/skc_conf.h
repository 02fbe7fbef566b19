// SPDX-License-Identifier: Apache-2.0
/*
 * The original system's skc_library.conf: KEY=VALUE lines, values bare or in double quotes. It says
 * where the KBS is (KBS_HOSTNAME is the name verified in TLS, KBS_IP the address dialled) and holds
 * the client's bearer token, so that others must not be able to read it. CMS_*, CSP_CMS_* and
 * CSP_SCS_* are for `warder skc deploy`: which CMS certifies the KBS, which the cloud's SCS.
 */
#ifndef CLIENT_SKC_CONF_H
#define CLIENT_SKC_CONF_H

#include "base/err.h"
#include "base/span.h"
#include "crypto/secret.h"

struct skc_conf {
    char *kbs_hostname, *kbs_ip, *cms_ip, *csp_scs_ip, *csp_cms_ip,
        *skc_user;                                           /* owned; NULL when not given */
    uint16_t kbs_port, cms_port, csp_scs_port, csp_cms_port; /* 0 when not given */
    struct secret *token; /* SKC_TOKEN, NUL-terminated; NULL when not given */
};

void skc_conf_done(struct skc_conf *c);
static inline void skc_conf_donep(struct skc_conf *c)
{
    skc_conf_done(c);
}
/* On failure `*line` is the offending line, 0 where it is the whole file. */
fallible skc_conf_parse(struct span text, struct skc_conf *out, unsigned *line);
fallible skc_conf_load(const char *path, struct skc_conf *out, unsigned *line);

#endif
