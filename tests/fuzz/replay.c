// SPDX-License-Identifier: Apache-2.0
/* Runs a fuzz target over every file of the given folders, so that each crash ever found is a test. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d) {
        printf("no corpus: %s\n", folder);
        return 77; /* meson: skipped */
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        struct buf path owned(buf_done) = buf_of(4096);
        struct buf bytes owned(buf_done) = buf_of(16U << 20);
        buf_addf(&path, "%s/%s", folder, e->d_name);
        if (failed(file_read(buf_str(&path), &bytes))) {
            fprintf(stderr, "cannot read %s\n", buf_str(&path));
            exit(1);
        }
        LLVMFuzzerTestOneInput(bytes.at, bytes.len);
    }
    closedir(d);
    return 0;
}

int main(int argc, char **argv)
{
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        int rc = replay_folder(argv[i]);
        if (rc)
            return rc;
    }
    return 0;
}
