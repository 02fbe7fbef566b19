// SPDX-License-Identifier: Apache-2.0
#include "attestd/worker_heap.h"

void worker_heap_enter(void)
{
}
