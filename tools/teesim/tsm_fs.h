// SPDX-License-Identifier: Apache-2.0
/*
 * The configfs-tsm tree of Linux (Documentation/ABI/testing/configfs-tsm) as a FUSE file system:
 * what /sys/kernel/config/tsm is on a TDX guest, PATH is here: mkdir PATH/report/NAME, 64 bytes
 * into inblob, the quote out of outblob. TDX platforms only.
 */
#ifndef TEESIM_TSM_FS_H
#define TEESIM_TSM_FS_H

#include "teesim/platform.h"

struct tsm_fs;

/* FAIL_UPSTREAM: no /dev/fuse, or built without FUSE, or the mount is refused. */
fallible tsm_fs_start(struct platform *platform, const char *path, struct tsm_fs **out);
void tsm_fs_stop(struct tsm_fs *fs); /* unmounts */
OWNED_TYPE(struct tsm_fs, tsm_fs_stop)

#endif
