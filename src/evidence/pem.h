// SPDX-License-Identifier: Apache-2.0
/* The first certificate of a PEM text, decoded: for a look at evidence before its chain is verified. */
#ifndef EVIDENCE_PEM_H
#define EVIDENCE_PEM_H

#include "base/buf.h"

#define PEM_CERT_MAX (16U << 10)

fallible pem_first_certificate(struct span text, struct buf *der);

#endif
