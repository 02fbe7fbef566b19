// SPDX-License-Identifier: Apache-2.0
/* Verbs of `warder appraisal`, one file for each kind. */
#ifndef CLI_APPRAISAL_H
#define CLI_APPRAISAL_H

/* appraisal_look.c */
int appraisal_lint(int argc, char **argv);
int appraisal_explain(int argc, char **argv);
int appraisal_diff(int argc, char **argv);
/* appraisal_test.c */
int appraisal_test(int argc, char **argv);
int appraisal_decisions(int argc, char **argv);
/* appraisal_keys.c */
int appraisal_rotate_keys(int argc, char **argv);
/* appraisal_from.c */
int appraisal_from_evidence(int argc, char **argv);
int appraisal_from_sigstruct(int argc, char **argv);
int appraisal_from_bundle(int argc, char **argv);

#endif
