// SPDX-License-Identifier: Apache-2.0
#include "teesim/pck_extension.h"

#include <stdio.h>

#include "teesim/der.h"

#define ARC "1.2.840.113741.1.13.1."

static size_t open_entry(struct buf *b, unsigned number, unsigned sub)
{
    char oid[48];
    size_t mark = forge_der_open(b, DER_SEQUENCE);

    if (sub)
        snprintf(oid, sizeof oid, ARC "%u.%u", number, sub);
    else
        snprintf(oid, sizeof oid, ARC "%u", number);
    forge_der_oid(b, oid);
    return mark;
}

static void add_octets(struct buf *b, unsigned number, unsigned sub, struct span value)
{
    size_t mark = open_entry(b, number, sub);
    forge_der_add(b, DER_OCTETS, value);
    forge_der_close(b, mark);
}

static void add_number(struct buf *b, unsigned number, unsigned sub, uint64_t value)
{
    size_t mark = open_entry(b, number, sub);
    forge_der_number(b, DER_INTEGER, value);
    forge_der_close(b, mark);
}

static void add_flag(struct buf *b, unsigned sub, bool value)
{
    size_t mark = open_entry(b, 7, sub);
    forge_der_boolean(b, value);
    forge_der_close(b, mark);
}

static void add_tcb(struct buf *b, const struct forge_pck *p)
{
    size_t mark = open_entry(b, 2, 0), list = forge_der_open(b, DER_SEQUENCE);

    for (unsigned i = 0; i < p->component_count; i++)
        add_number(b, 2, i + 1, i == 0 && p->wide_component ? 256 : p->components[i % 16]);
    add_number(b, 2, 17, p->pce_svn);
    add_octets(b, 2, 18, SPAN_OF(p->cpu_svn));
    forge_der_close(b, list);
    forge_der_close(b, mark);
}

static void add_configuration(struct buf *b, const struct forge_pck *p)
{
    size_t mark = open_entry(b, 7, 0), list = forge_der_open(b, DER_SEQUENCE);

    add_flag(b, 1, p->dynamic_platform);
    add_flag(b, 2, p->cached_keys);
    add_flag(b, 3, p->smt_enabled);
    forge_der_close(b, list);
    forge_der_close(b, mark);
}

static void add_sgx_type(struct buf *b, const struct forge_pck *p)
{
    size_t mark = open_entry(b, 5, 0);
    forge_der_number(b, DER_ENUMERATED, p->sgx_type);
    forge_der_close(b, mark);
}

static void add_entry(struct buf *b, const struct forge_pck *p, unsigned number)
{
    if (number == 1)
        add_octets(b, 1, 0, SPAN_OF(p->ppid));
    if (number == 2)
        add_tcb(b, p);
    if (number == 3)
        add_octets(b, 3, 0, SPAN_OF(p->pce_id));
    if (number == 4)
        add_octets(b, 4, 0, SPAN_OF(p->fmspc));
    if (number == 5)
        add_sgx_type(b, p);
    if (number == 6)
        add_octets(b, 6, 0, SPAN_OF(p->instance_id));
    if (number == 7)
        add_configuration(b, p);
}

fallible forge_pck_extension(const struct forge_pck *p, struct buf *out)
{
    size_t list = forge_der_open(out, DER_SEQUENCE);

    for (unsigned number = 1; number <= (p->platform_ca ? 7U : 5U); number++) {
        if (number != p->without_entry)
            add_entry(out, p, number);
        if (number == p->twice_entry)
            add_entry(out, p, number);
    }
    forge_der_close(out, list);
    return buf_check(out);
}
