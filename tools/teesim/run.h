// SPDX-License-Identifier: Apache-2.0
/* The verbs of teesim: argv[0] is the verb; each returns the exit status. */
#ifndef TEESIM_RUN_H
#define TEESIM_RUN_H

int verb_run(int argc, char **argv);
int verb_quote(int argc, char **argv);
int verb_collateral(int argc, char **argv);
int verb_scenario(int argc, char **argv);
int verb_control(int argc, char **argv);
int verb_measurement(int argc, char **argv);

#endif
