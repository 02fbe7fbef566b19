// SPDX-License-Identifier: Apache-2.0
/*
 * The control socket: one JSON object a line, any of these members, all applied or an {"error"}
 * answered; the answer is the state afterwards.
 *
 *     {"scenario":"debug,out-of-date"}     {"measurement":"<hex>"}
 *     {"collateral":{"issued_ago":3600,"lifetime":2592000,"evaluation_number":21}}    seconds
 *     {"pcs":{"status":503,"delay_ms":0}}   status 0: answers again
 *     {}                                    changes nothing
 */
#ifndef TEESIM_CONTROL_H
#define TEESIM_CONTROL_H

#include "teesim/lines.h"
#include "teesim/pcs.h"

struct control {
    struct platform *platform;
    struct pcs *pcs; /* NULL: none */
};
/* `context`: a struct control. */
line_handler control_answer;

#endif
