// SPDX-License-Identifier: Apache-2.0
/* The first certificate of a PEM text, decoded: for a look at evidence before its chain is
 * verified. */
#ifndef EVIDENCE_PEM_H
#define EVIDENCE_PEM_H

#include "base/bounds.h"
#include "base/buf.h"

fallible pem_first_certificate(struct span text, struct buf *der);

#endif
