// SPDX-License-Identifier: Apache-2.0
/* The words of a PCCS, and what the routes of tcs share. */
#ifndef ATTESTD_TCS_ANSWER_H
#define ATTESTD_TCS_ANSWER_H

#include "attestd/tcs_routes.h"

#define PCCS_TEXT_TYPE "text/html; charset=utf-8"
#define PCCS_JSON_TYPE "application/json; charset=utf-8"
#define PCCS_HEX_TYPE "application/x-pem-file; charset=utf-8"
#define DER_TYPE "application/pkix-crl"

/* Status with its fixed text. */
void pccs_answer(struct http_exchange *x, int status);
/* 503, and when to come again. */
void pccs_answer_later(struct http_exchange *x, unsigned seconds);
/* For a failure to get something: 404, or 503 and a line in the log. */
void pccs_answer_without(struct http_exchange *x, struct err e);
/* Headers that every answer of a PCCS has; on the paths of version 3 the warning. */
void pccs_begin(struct http_exchange *x);
bool pccs_is_v3(const struct http_exchange *x);

/* Answers 401 and returns false where the header does not carry the token. */
bool pccs_admit(struct http_exchange *x, const struct pccs_token *token, const char *header);
/* Answers 413 and returns false where the body is longer than a PCCS takes. */
bool pccs_body_fits(struct http_exchange *x);

/* The item, with its chain header; answers itself and returns false where there is none. */
bool tcs_find(struct http_exchange *x, struct tcs_service *s, const struct tcs_id *id,
              struct tcs_item *item);
bool equal_nocase(struct span s, const char *lower_case_word);

/* Handlers of other files. */
http_handler pck_certificate, platforms_register, platforms_list, platform_collateral;
http_handler pccs_refresh, appraisal_policy_get, appraisal_policy_put;
http_handler kds_vcek, kds_vcek_chain, kds_vcek_crl, kds_vlek_chain, kds_vlek_crl;
http_handler collateral_list, collateral_refresh, collateral_export, collateral_import;
http_handler collateral_forecast, tcs_metrics, tcs_health;

#endif
