// SPDX-License-Identifier: Apache-2.0
/*
 * When each thing in the cache, and each platform known by it, stops being good by what is known
 * today: ends of documents, CRLs and certificates; and a worse status that the early TCB info
 * already gives and the standard one will follow.
 */
#ifndef ATTESTD_TCS_FORECAST_H
#define ATTESTD_TCS_FORECAST_H

#include "attestd/tcs_pck.h"

/* {"time", "items": [{"item", "ends", "because"}], "platforms": [{"source", "fmspc", "ends",
 * "because", "status": {"sgx": ...}, "worsens"?: [{"tee", "to", "number", "from"}]}]}, the earliest
 * first. Early TCB info of known families is fetched on the way. */
fallible tcs_forecast(struct tcs_cache *c, int64_t now, json_t **out);

#endif
