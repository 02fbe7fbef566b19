// SPDX-License-Identifier: Apache-2.0
#include "teesim/evidence_socket.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/json.h"
#include "teesim/platform.h"

static fallible read_request(struct span line, uint8_t report_data[FORGE_REPORT_DATA_SIZE])
{
    static const char *const members[] = { "report_data", NULL };
    json_t *request owned(json_free) = NULL;
    struct span hex;

    TRY(json_parse_object(line, &request));
    TRY(json_only(request, members));
    TRY(json_get_str(request, "report_data", "report_data: 128 hexadecimal digits", &hex));
    return hex_parse_exact(hex, report_data, FORGE_REPORT_DATA_SIZE);
}

void evidence_answer(struct span line, struct buf *answer, void *context)
{
    struct platform *p = context;
    struct buf quote owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    uint8_t report_data[FORGE_REPORT_DATA_SIZE];

    struct err e = read_request(line, report_data);
    if (!failed(e))
        e = platform_quote(p, report_data, &quote);
    if (!failed(e))
        e = platform_auxiliary(p, &quote);
    if (failed(e)) {
        buf_addf(answer, "{\"error\":\"%s\"}", e.what);
        return;
    }
    const char *type = forge_tee_is_tdx(platform_tee(p)) ? "tdx-quote" : "sgx-quote";
    buf_addf(answer, "{\"type\":\"%s\",\"evidence\":\"", platform_snp(p) ? "snp-report" : type);
    base64url_add(answer, buf_span(&quote));
    buf_add_str(answer, "\"}");
}
