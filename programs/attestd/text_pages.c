// SPDX-License-Identifier: Apache-2.0
#include "attestd/text_pages.h"

#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE ((size_t)2 << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static uintptr_t huge_up(uintptr_t at)
{
    return (at + HUGE - 1) & ~(HUGE - 1);
}

/* A copy in huge pages takes the place of what was copied, in one call: the code that runs is the
 * same before it and after it. */
static void replace(uintptr_t at, size_t len, int protection)
{
    size_t size = huge_up(len), room = size + HUGE;
    uint8_t *area = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area == MAP_FAILED)
        return;
    uint8_t *copy = (uint8_t *)huge_up((uintptr_t)area);
    memcpy(copy, (const void *)at, len);
    bool joined = madvise(copy, size, MADV_COLLAPSE) == 0 &&
                  mprotect(copy, size, protection) == 0 &&
                  mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)at) != MAP_FAILED;
    uint8_t *end = area + room;
    if (!joined) {
        munmap(area, room);
        return;
    }
    if (copy > area)
        munmap(area, (size_t)(copy - area));
    if (end > copy + size)
        munmap(copy + size, (size_t)(end - copy - size));
}

static int visit(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + p->p_vaddr;
        if (p->p_type == PT_LOAD && !(p->p_flags & PF_W) && p->p_align >= HUGE && at % HUGE == 0)
            replace(at, p->p_memsz, PROT_READ | (p->p_flags & PF_X ? PROT_EXEC : 0));
    }
    return 0;
}

void text_pages_join(void)
{
    dl_iterate_phdr(visit, NULL);
}
