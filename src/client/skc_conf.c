// SPDX-License-Identifier: Apache-2.0
#include "client/skc_conf.h"

#include "base/owned.h"
#include "base/reader.h"

#define VALUE_MAX 8192 /* a token */
#define NAME_MAX_SIZE 253

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

static bool printable(struct span s)
{
    struct reader r = reader_of(s);

    while (r.rest.len) {
        uint8_t c = reader_u8(&r);
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\'')
            return false;
    }
    return true;
}

static fallible take_name(struct span value, void *to)
{
    if (value.len > NAME_MAX_SIZE)
        return FAIL(LIMIT, "name or address is too long");
    *(char **)to = span_dup(value);
    return *(char **)to ? OK : FAIL(SYSTEM, "out of memory");
}

static fallible take_port(struct span value, void *to)
{
    struct reader r = reader_of(value);
    uint32_t port = 0;

    while (r.rest.len && port <= UINT16_MAX) {
        uint8_t c = reader_u8(&r);
        if (c < '0' || c > '9')
            return FAIL(INPUT, "port is not a number");
        port = port * 10 + (uint32_t)(c - '0');
    }
    if (!port || port > UINT16_MAX)
        return FAIL(INPUT, "port is not within 1 and 65535");
    *(uint16_t *)to = (uint16_t)port;
    return OK;
}

static fallible take_token(struct span value, void *to)
{
    struct secret *token = secret_new(value.len + 1);

    if (!token)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(token), value.at, value.len);
    *(struct secret **)to = token;
    return OK;
}

static const struct conf_key {
    const char *name;
    size_t at;
    fallible (*take)(struct span value, void *to);
} conf_keys[] = {
    { "KBS_HOSTNAME", offsetof(struct skc_conf, kbs_hostname), take_name },
    { "KBS_IP", offsetof(struct skc_conf, kbs_ip), take_name },
    { "KBS_PORT", offsetof(struct skc_conf, kbs_port), take_port },
    { "CMS_IP", offsetof(struct skc_conf, cms_ip), take_name },
    { "CMS_PORT", offsetof(struct skc_conf, cms_port), take_port },
    { "CSP_SCS_IP", offsetof(struct skc_conf, csp_scs_ip), take_name },
    { "CSP_SCS_PORT", offsetof(struct skc_conf, csp_scs_port), take_port },
    { "CSP_CMS_IP", offsetof(struct skc_conf, csp_cms_ip), take_name },
    { "CSP_CMS_PORT", offsetof(struct skc_conf, csp_cms_port), take_port },
    { "SKC_USER", offsetof(struct skc_conf, skc_user), take_name },
    { "SKC_TOKEN", offsetof(struct skc_conf, token), take_token },
};
#define CONF_KEYS (sizeof(conf_keys) / sizeof(conf_keys[0]))

static struct span trim(struct span s)
{
    while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t' || s.at[s.len - 1] == '\r'))
        s = span_head(s, s.len - 1);
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_tail(s, 1);
    return s;
}

static fallible take_line(struct span line, unsigned *seen, struct skc_conf *c)
{
    size_t equals = span_find(line, SPAN("="));

    if (equals == line.len)
        return FAIL(INPUT, "line is not KEY=VALUE");
    struct span name = trim(span_head(line, equals));
    struct span value = trim(span_tail(line, equals + 1));
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        value = span_head(span_tail(value, 1), value.len - 2);
    if (!value.len || value.len > VALUE_MAX || !printable(value))
        return FAIL(INPUT, "value is empty, too long or holds characters that do not belong there");
    for (size_t i = 0; i < CONF_KEYS; i++) {
        if (!span_equal_str(name, conf_keys[i].name))
            continue;
        if (*seen & 1U << i)
            return FAIL(INPUT, "key given twice");
        *seen |= 1U << i;
        return conf_keys[i].take(value, (char *)c + conf_keys[i].at);
    }
    return FAIL(INPUT, "unknown key");
}

fallible skc_conf_parse(struct span text, struct skc_conf *out, unsigned *line)
{
    struct skc_conf c owned(skc_conf_done) = { 0 };
    unsigned seen = 0;

    *line = 0;
    for (struct span rest = text; rest.len;) {
        size_t end = span_find(rest, SPAN("\n"));
        struct span text_line = trim(span_head(rest, end));
        rest = span_tail(rest, end + 1);
        ++*line;
        if (text_line.len && text_line.at[0] != '#')
            TRY(take_line(text_line, &seen, &c));
    }
    *line = 0;
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
