// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_ENROLL_H
#define CLI_ENROLL_H

int key_enroll(int argc, char **argv);

#endif
