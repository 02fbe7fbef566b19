// SPDX-License-Identifier: Apache-2.0
/* The agent's files from the original system: the first byte chooses keys file, one URI, or
 * skc_library.conf. */
#include <assert.h>

#include "client/keys_file.h"
#include "client/skc_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_uri(struct span in)
{
    struct key_line l owned(key_line_done) = { 0 };

    if (!failed(key_uri_parse(in, &l)))
        assert(strlen(l.id) == KEY_ID_SIZE && l.label[0] && l.pin && secret_len(l.pin) >= 4);
}

static void keys_file(struct span in)
{
    struct keys_file f owned(keys_file_done) = { 0 };
    unsigned line = 0;

    if (!failed(keys_file_parse(in, &f, &line)))
        assert(f.count >= 1 && f.count <= KEYS_MAX && line == 0);
}

static void conf(struct span in)
{
    struct skc_conf c owned(skc_conf_done) = { 0 };
    unsigned line = 0;

    if (failed(skc_conf_parse(in, &c, &line)))
        assert(!c.kbs_hostname && !c.token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct span in = span_tail(span_from(data, size), 1);
    if (data[0] == 'u')
        one_uri(in);
    else if (data[0] == 'k')
        keys_file(in);
    else
        conf(in);
    return 0;
}
