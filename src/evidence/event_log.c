// SPDX-License-Identifier: Apache-2.0
#include "evidence/event_log.h"

#include "evidence/tpm_structures.h"

#define SPEC_ID SPAN("Spec ID Event03\0")
#define STARTUP_LOCALITY SPAN("StartupLocality\0")
#define SHA1_SIZE 20
#define GUID_SIZE 16
#define TRIM_BLOCK 64
#define VARIABLE_NAME_MAX 512 /* UTF-16 units */

static const struct {
    uint32_t type;
    const char *name;
} type_names[] = {
    { 0x00, "preboot_cert" },
    { 0x01, "post_code" },
    { EV_NO_ACTION, "no_action" },
    { EV_SEPARATOR, "separator" },
    { 0x05, "action" },
    { 0x06, "event_tag" },
    { 0x07, "s_crtm_contents" },
    { 0x08, "s_crtm_version" },
    { 0x09, "cpu_microcode" },
    { 0x0a, "platform_config_flags" },
    { 0x0b, "table_of_devices" },
    { 0x0c, "compact_hash" },
    { 0x0d, "ipl" },
    { 0x0e, "ipl_partition_data" },
    { 0x0f, "nonhost_code" },
    { 0x10, "nonhost_config" },
    { 0x11, "nonhost_info" },
    { 0x12, "omit_boot_device_events" },
    { 0x13, "post_code2" },
    { EV_EFI_VARIABLE_DRIVER_CONFIG, "efi_variable_driver_config" },
    { 0x80000002, "efi_variable_boot" },
    { EV_EFI_BOOT_SERVICES_APPLICATION, "efi_boot_services_application" },
    { 0x80000004, "efi_boot_services_driver" },
    { 0x80000005, "efi_runtime_services_driver" },
    { 0x80000006, "efi_gpt_event" },
    { 0x80000007, "efi_action" },
    { 0x80000008, "efi_platform_firmware_blob" },
    { 0x80000009, "efi_handoff_tables" },
    { 0x8000000a, "efi_platform_firmware_blob2" },
    { 0x8000000b, "efi_handoff_tables2" },
    { 0x8000000c, "efi_variable_boot2" },
    { 0x8000000d, "efi_gpt_event2" },
    { 0x80000010, "efi_hcrtm_event" },
    { 0x800000e0, "efi_variable_authority" },
    { 0x800000e1, "efi_spdm_firmware_blob" },
    { 0x800000e2, "efi_spdm_firmware_config" },
};

const char *event_type_name(uint32_t type)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(*type_names); i++)
        if (type_names[i].type == type)
            return type_names[i].name;
    return NULL;
}

/* Windows writes EV_NO_ACTION events that belong to no register. */
static bool index_allowed(const struct event *e)
{
    return e->index < EVENT_REGISTERS ||
           (e->index == EVENT_REGISTER_NONE && e->type == EV_NO_ACTION);
}

static void legacy_take(struct reader *r, struct event *e)
{
    e->index = reader_u32le(r);
    e->type = reader_u32le(r);
    e->digests[0].alg = TPM_ALG_SHA1;
    e->digests[0].value = reader_take(r, SHA1_SIZE);
    e->digest_count = 1;
    e->data = reader_take(r, reader_u32le(r));
    reader_require(r, index_allowed(e));
}

static uint16_t bank_size(const struct event_log *log, uint16_t alg)
{
    for (size_t i = 0; i < log->bank_count; i++)
        if (log->banks[i].alg == alg)
            return log->banks[i].size;
    return 0;
}

static void agile_take(struct reader *r, const struct event_log *log, struct event *e)
{
    e->index = reader_u32le(r);
    e->type = reader_u32le(r);
    uint32_t count = reader_u32le(r);
    reader_require(r, count <= log->bank_count);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        uint16_t alg = reader_u16le(r);
        uint16_t size = bank_size(log, alg);
        reader_require(r, size && !event_digest_of(e, alg).len);
        e->digests[e->digest_count].alg = alg;
        e->digests[e->digest_count++].value = reader_take(r, size);
    }
    e->data = reader_take(r, reader_u32le(r));
    reader_require(r, index_allowed(e));
}

struct span event_digest_of(const struct event *e, uint16_t alg)
{
    for (size_t i = 0; i < e->digest_count; i++)
        if (e->digests[i].alg == alg)
            return e->digests[i].value;
    return (struct span){ 0 };
}

/* The banks of TCG_EfiSpecIdEvent. */
static fallible spec_id_parse(struct span data, struct event_log *log)
{
    struct reader r = reader_of(data);

    reader_take(&r, SPEC_ID.len + 4 + 4); /* platform class; version, errata, size of UINTN */
    uint32_t count = reader_u32le(&r);
    reader_require(&r, count && count <= EVENT_BANKS_MAX);
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        uint16_t alg = reader_u16le(&r);
        uint16_t size = reader_u16le(&r);
        size_t known = tpm_hash_size(alg);
        reader_require(&r, size && size <= 64 && !bank_size(log, alg) && (!known || known == size));
        log->banks[log->bank_count++] = (struct event_bank){ alg, size };
    }
    reader_take(&r, reader_u8(&r)); /* vendor information */
    return reader_end(&r, "the header of the event log is malformed");
}

/* How much of a block is left without the padding at its end. */
static size_t block_trimmed(struct span block)
{
    struct reader r = reader_of(block);
    size_t len = 0;

    for (size_t i = 1; i <= block.len; i++) {
        uint8_t byte = reader_u8(&r);
        if (byte != 0 && byte != 0xff)
            len = i;
    }
    return len;
}

/* Firmware keeps a log in an area that it has filled with FF or with zeros: the length without
 * those. */
static size_t length_trimmed(struct span in)
{
    size_t end = in.len, kept = 0;

    while (end && !kept) {
        size_t start = (end - 1) / TRIM_BLOCK * TRIM_BLOCK;
        kept = block_trimmed(span_head(span_tail(in, start), end - start));
        end = start;
    }
    return kept ? end + kept : 0;
}

static void record_take(struct reader *r, const struct event_log *log, struct event *e)
{
    *e = (struct event){ 0 };
    if (log->agile)
        agile_take(r, log, e);
    else
        legacy_take(r, e);
}

/* Walks the records up to the padding. None begins there: it would consist of zeros or FF alone. */
static fallible records_check(struct reader r, size_t end, struct event_log *log)
{
    struct span all = r.rest;

    while (r.pos < end) {
        struct event e;
        record_take(&r, log, &e);
        TRY(reader_good(&r, "a record of the event log is malformed"));
        if (log->count++ == EVENTS_MAX)
            return FAIL(LIMIT, "event log has more than 4096 events");
    }
    log->records = span_head(all, all.len - r.rest.len);
    return OK;
}

fallible event_log_parse(struct span in, struct event_log *out)
{
    struct event_log log = { .bank_count = 0 };
    struct reader r = reader_of(in);
    struct event first = { 0 };

    if (in.len > EVENT_LOG_MAX)
        return FAIL(LIMIT, "event log is larger than 4 MiB");
    struct reader start = r;
    legacy_take(&r, &first);
    TRY(reader_good(&r, "the first record of the event log is malformed"));
    log.agile = first.type == EV_NO_ACTION && span_starts(first.data, SPEC_ID);
    if (log.agile) {
        TRY(spec_id_parse(first.data, &log));
    } else {
        log.banks[log.bank_count++] = (struct event_bank){ TPM_ALG_SHA1, SHA1_SIZE };
        r = start;
    }
    TRY(records_check(r, length_trimmed(in), &log));
    if (!log.agile && !log.count)
        return FAIL(INPUT, "event log is empty");
    *out = log;
    return OK;
}

struct event_cursor event_log_events(const struct event_log *log)
{
    return (struct event_cursor){ .r = reader_of(log->records), .log = log, .left = log->count };
}

bool event_next(struct event_cursor *c, struct event *out)
{
    if (!c->left)
        return false;
    c->left--;
    record_take(&c->r, c->log, out);
    return !c->r.failed;
}

uint8_t event_startup_locality(const struct event *e)
{
    struct reader r = reader_of(e->data);

    if (e->type != EV_NO_ACTION || e->index != 0 || !span_starts(e->data, STARTUP_LOCALITY))
        return 0;
    reader_take(&r, STARTUP_LOCALITY.len);
    uint8_t locality = reader_u8(&r);
    return failed(reader_end(&r, "startup locality")) ? 0 : locality;
}

fallible event_variable_parse(struct span data, struct event_variable *out)
{
    struct reader r = reader_of(data);
    struct event_variable v = { 0 };

    v.guid = reader_take(&r, GUID_SIZE);
    uint64_t units = reader_u64le(&r);
    uint64_t size = reader_u64le(&r);
    reader_require(&r, units <= VARIABLE_NAME_MAX && size <= data.len);
    v.name = reader_take(&r, (size_t)(2 * units));
    v.value = reader_take(&r, (size_t)size);
    TRY(reader_end(&r, "EFI variable of an event is malformed"));
    *out = v;
    return OK;
}
