// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of a verify worker. It lives for one request, so it takes memory in order from a room of
 * its own and gives hardly any back: no page that it shares with the zygote is written for the sake
 * of an allocation, and all it will need is found in one system call, before its request comes.
 */
#ifndef ATTESTD_WORKER_HEAP_H
#define ATTESTD_WORKER_HEAP_H

/* In a forked worker: all allocations from now on. What does not fit goes the usual way. */
void worker_heap_enter(void);

#endif
