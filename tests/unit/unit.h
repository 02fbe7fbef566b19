// SPDX-License-Identifier: Apache-2.0
/* What every unit test includes: cmocka in its order, and assertions on our failures. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err ok_ = (call);                                                                   \
        if (failed(ok_))                                                                           \
            fail_msg("%s: %s: %s", #call, fail_kind_name(ok_.kind), ok_.what);                     \
    } while (0)

#define assert_fails(call, wanted)                                                                 \
    do {                                                                                           \
        struct err fails_ = (call);                                                                \
        if (fails_.kind != (wanted))                                                               \
            fail_msg("%s: %s (%s), not %s", #call, fail_kind_name(fails_.kind),                    \
                     fails_.what ? fails_.what : "", fail_kind_name(wanted));                      \
    } while (0)

#endif
