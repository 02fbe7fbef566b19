// SPDX-License-Identifier: Apache-2.0
/*
 * The zygote's program text in huge pages. A fork leaves out the page tables of file mappings, so
 * that each worker finds its text again by some fifty page faults and drops as many mappings at its
 * end; a huge page is one entry that the fork copies.
 */
#ifndef ATTESTD_TEXT_PAGES_H
#define ATTESTD_TEXT_PAGES_H

/* For a program whose segments are aligned to huge pages; one that is not, or a kernel without huge
 * pages, is left as it is. Before threads, and before the sandbox, which forbids it. */
void text_pages_join(void);

#endif
