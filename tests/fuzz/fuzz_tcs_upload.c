// SPDX-License-Identifier: Apache-2.0
/* What administrators of platforms bring: tcs_upload_read; and names of things, of archives. First
 * byte: which of them. */
#include "attestd/tcs_upload.h"
#include "base/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_name(struct span text)
{
    struct tcs_id id;
    char key[TCS_KEY_MAX];
    if (failed(tcs_id_parse(text, &id)))
        return;
    tcs_id_key(&id, key);
    if (!span_equal_str(text, key))
        __builtin_trap(); /* one thing, one name */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(span_from(data, size));
    const struct root_set none = { 0 };
    struct tcs_upload u owned(tcs_upload_done) = { 0 };
    uint8_t which = reader_u8(&r);
    struct span text = reader_rest(&r);
    if (which & 1)
        read_name(text);
    else if (!failed(tcs_upload_read(text, &none, &u)) && u.arrival_count && u.arrivals[0].certs.count)
        __builtin_trap(); /* without a root no certificate is good */
    return 0;
}
