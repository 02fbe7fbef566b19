// SPDX-License-Identifier: Apache-2.0
#include "teesim/tsm_fs.h"

fallible tsm_fs_start(struct platform *platform, const char *path, struct tsm_fs **out)
{
    (void)platform;
    (void)path;
    (void)out;
    return FAIL(UPSTREAM,
                "built without FUSE: install libfuse3-dev and build again, or use --socket");
}

void tsm_fs_stop(struct tsm_fs *fs)
{
    (void)fs;
}
