// SPDX-License-Identifier: Apache-2.0
/* The evidence socket of docs/protocol.md: {"report_data":"<128 hex>"} in, a quote out. */
#ifndef TEESIM_EVIDENCE_SOCKET_H
#define TEESIM_EVIDENCE_SOCKET_H

#include "teesim/lines.h"

/* `platform`: a struct platform. */
line_handler evidence_answer;

#endif
