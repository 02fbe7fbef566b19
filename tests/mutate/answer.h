// SPDX-License-Identifier: Apache-2.0
/*
 * Two answers to evidence whose signed bytes agree. They are the same but for what a log says
 * beside the digests that were extended: types of events may differ, and where bytes that were
 * hashed are spoiled, a claim may be missing and a program more be listed, but none less. The
 * version of Azure's frame is nobody's signed word either.
 */
#ifndef TESTS_ANSWER_H
#define TESTS_ANSWER_H

#include "base/json.h"

bool answers_agree(const json_t *genuine, const json_t *changed);

#endif
