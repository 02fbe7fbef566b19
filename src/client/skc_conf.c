// SPDX-License-Identifier: Apache-2.0
#include "client/skc_conf.h"

#include "base/env_file.h"
#include "base/owned.h"

void skc_conf_done(struct skc_conf *c)
{
    free(c->kbs_hostname);
    free(c->kbs_ip);
    free(c->cms_ip);
    free(c->csp_scs_ip);
    free(c->csp_cms_ip);
    free(c->skc_user);
    secret_free(c->token);
    *c = (struct skc_conf){ 0 };
}

static fallible take_token(struct span value, void *to)
{
    if (span_find(value, SPAN(" ")) < value.len)
        return FAIL(INPUT, "a token with a blank in it");
    return secret_take(value, to);
}

static const struct env_key conf_keys[] = {
    { "KBS_HOSTNAME", offsetof(struct skc_conf, kbs_hostname), env_take_name },
    { "KBS_IP", offsetof(struct skc_conf, kbs_ip), env_take_name },
    { "KBS_PORT", offsetof(struct skc_conf, kbs_port), env_take_port },
    { "CMS_IP", offsetof(struct skc_conf, cms_ip), env_take_name },
    { "CMS_PORT", offsetof(struct skc_conf, cms_port), env_take_port },
    { "CSP_SCS_IP", offsetof(struct skc_conf, csp_scs_ip), env_take_name },
    { "CSP_SCS_PORT", offsetof(struct skc_conf, csp_scs_port), env_take_port },
    { "CSP_CMS_IP", offsetof(struct skc_conf, csp_cms_ip), env_take_name },
    { "CSP_CMS_PORT", offsetof(struct skc_conf, csp_cms_port), env_take_port },
    { "SKC_USER", offsetof(struct skc_conf, skc_user), env_take_name },
    { "SKC_TOKEN", offsetof(struct skc_conf, token), take_token },
};

fallible skc_conf_parse(struct span text, struct skc_conf *out, unsigned *line)
{
    struct skc_conf c owned(skc_conf_done) = { 0 };

    TRY(env_file_parse(text, conf_keys, sizeof(conf_keys) / sizeof(conf_keys[0]), &c, line));
    *out = c;
    c = (struct skc_conf){ 0 };
    return OK;
}

fallible skc_conf_load(const char *path, struct skc_conf *out, unsigned *line)
{
    struct secret *text owned(secret_free) = NULL;

    *line = 0;
    TRY(secret_load(path, &text));
    return skc_conf_parse(secret_expose(text), out, line);
}
