// SPDX-License-Identifier: Apache-2.0
#include "base/harden.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

fallible harden_process(void)
{
    const struct rlimit none = { 0, 0 };

    umask(077);
    tzset(); /* else the first use of a calendar reads a file, which a sandbox kills for */
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return FAIL(SYSTEM, "core dumps cannot be forbidden");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return FAIL(SYSTEM, "tracing cannot be forbidden");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return FAIL(SYSTEM, "new privileges cannot be forbidden");
    return OK;
}
