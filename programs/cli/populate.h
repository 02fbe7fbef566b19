// SPDX-License-Identifier: Apache-2.0
/* warder aas populate and warder aas skc-user: the users and roles that the original system's
 * populate-users and skc_library_create_roles.sh make, from their files. */
#ifndef CLI_POPULATE_H
#define CLI_POPULATE_H

int aas_populate(int argc, char **argv);
int aas_skc_user(int argc, char **argv);

#endif
