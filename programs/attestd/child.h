// SPDX-License-Identifier: Apache-2.0
/* What attestd's processes are called: how a started program knows what it is to be. */
#ifndef ATTESTD_CHILD_H
#define ATTESTD_CHILD_H

enum child_kind { CHILD_ISSUER, CHILD_ZYGOTE, CHILD_FRONT, CHILD_COUNT };

/* argv[0] of each child. */
extern const char *const child_names[CHILD_COUNT];
/* CHILD_COUNT for any other name. */
enum child_kind child_of(const char *name);

/* A child that exits with this cannot work at all: the whole service stops. */
#define CHILD_EXIT_USELESS 78
/* One that exits with this wants to be started again at once: nothing is wrong. */
#define CHILD_EXIT_AGAIN 79
/* What the front says to its parent, a byte each: that it listens, and that a next signing key is
 * asked for. */
#define FRONT_READY 'r'
#define FRONT_ROTATE 'k'
/* Argument of the issuer: announce a next signing key. */
#define CHILD_ROTATE "--rotate"

#endif
