// SPDX-License-Identifier: Apache-2.0
/*
 * Every limit on what comes from outside: sizes in bytes, counts, depths. Each is refused one
 * above, before anything is allocated for it. Those of one function alone (what a field's own
 * structure bounds) stand beside it.
 */
#ifndef BASE_BOUNDS_H
#define BASE_BOUNDS_H

/* JSON texts and messages between our processes (src/base) */
#define IPC_BODY_MAX (2U << 20)
#define JSON_DEPTH_MAX 32
#define JSON_TEXT_MAX (4U << 20)

/* A request (src/http) */
#define CHUNK_LINE_MAX 256
#define CHUNK_TRAILERS_MAX 2048
#define QUERY_PAIRS_MAX 32
#define REQUEST_HEAD_MAX (32U << 10) /* attestation tokens and proofs come in fields */
#define REQUEST_FIELDS_MAX 64
#define REQUEST_METHOD_MAX 16
#define HTTP_PARAMS_MAX 4
#define REPLY_HEADERS_MAX (64U << 10) /* of a server that we ask */
#define REPLY_BODY_MAX (4U << 20)     /* where the caller has no smaller one */

/* Evidence (src/evidence) */
#define EVIDENCE_MAX (256U << 10)
#define SAMPLE_EVIDENCE_MAX 1024
#define GUEST_EVIDENCE_MAX (512U << 10) /* JSON of a guest of Confidential Containers */
#define BUNDLE_PIECES_MAX 4
#define EVENT_LOG_MAX (4U << 20)
#define EVENTS_MAX 4096
#define EVENT_BANKS_MAX 8
#define HCL_REPORT_MAX 16384
#define IMA_LOG_MAX (4U << 20)
#define IMA_ENTRIES_MAX 16384
#define IMA_LINE_MAX 16384
#define IMA_HASH_MAX 64
#define PEM_CERT_MAX (16U << 10)
#define QUOTE_MAX (64U << 10)
#define SNP_EVIDENCE_MAX (64U << 10)
#define SNP_CERTIFICATES_MAX 16 /* entries of a table */
#define TPM_EVIDENCE_MAX (192U << 10)
#define TPM_BANKS_MAX 8
#define TPM_ATTEST_MAX 2048
#define TPM_PUBLIC_MAX 2048
#define TPM_SIGNATURE_MAX 1024

/* Opaque secrets: bytes, and their JWE */
#define OPAQUE_SECRET_MAX (1U << 20)
#define SEALED_SECRET_MAX (OPAQUE_SECRET_MAX / 3 * 4 + (24U << 10))

/* Certificates, CRLs, keys and signed texts (src/crypto) */
#define CRL_DER_MAX (1U << 20)
#define JOSE_TEXT_MAX (SEALED_SECRET_MAX / 3 * 4 + (24U << 10)) /* a JWS around a JWE */
#define JWT_TEXT_MAX (256U << 10)
#define JOSE_PARTS_MAX 5
#define JOSE_HEADER_MAX (16U << 10)
#define RSA_BITS_MAX 4096 /* of anything from outside (lesson L16) */
#define CERT_DER_MAX (16U << 10)
#define CHAIN_MAX 4
#define CERT_EXTENSIONS_MAX 64
#define CERT_NAMES_MAX 32
#define JWKS_KEYS_MAX 64

/* Collateral (src/collateral) */
#define LEVELS_MAX 256
#define ADVISORIES_MAX 128 /* a level */
#define ADVISORY_LEN_MAX 64
#define COLLATERAL_PART_MAX (2U << 20)
#define ROOTS_MAX 12
#define ROOTS_FURTHER_MAX 7
#define SIGNED_JSON_DEPTH_MAX 32
#define TREE_DEPTH_MAX 32
#define TREE_VALUES_MAX (64U << 10)
#define TREE_TEXT_MAX (4U << 20)
#define TREE_MEMBERS_MAX 64 /* of an object; lists are bounded by the number of values */
#define TDX_MODULES_MAX 32
#define CSP_ID_MAX 128

/* Verification (src/verify) */
#define CHECKS_MAX 48
#define COMPOUND_MAX (2 * BUNDLE_PIECES_MAX)
#define CLAIM_EVENTS_MAX 512
#define PLATFORMS_MAX 256
#define QUOTING_ENCLAVES_MAX 4 /* of one platform: SGX's, TDX's, and one more of each */
#define CHAIN_TEXT_MAX (64U << 10)
#define TCB_ADVISORIES_MAX (3 * ADVISORIES_MAX)
#define TPM_CREDENTIAL_BLOB_MAX 2048
#define TPM_ROOTS_MAX 32
#define TPM_LISTS_MAX 32
#define TPM_KEYS_MAX 4096
#define TPM_NAME_MAX 66
#define TPM_LABEL_MAX 64

/* Policies (src/policy) */
#define ALTERNATIVES_MAX 64
#define GRACE_DAYS_MAX 365
#define OPERATOR_DAYS_MAX 36500
#define DENY_VALUE_MAX 128
#define DENY_REASON_MAX 512
#define DENY_ENTRIES_MAX 256 /* of one list */
#define DENY_NAME_MAX (DENY_VALUE_MAX + 16)
#define EVENT_MEMBERS_MAX 16
#define ADVICE_MAX 256
#define POLICY_DEPTH_MAX 8   /* nested anyOf/allOf */
#define POLICY_NODES_MAX 512 /* conditions and groups together */
#define POLICY_SET_MAX 256   /* values of one condition */
#define POLICY_TEXT_MAX (128U << 10)
#define WORDS_MAX 4096
#define POLICY_NAME_MAX 64

/* Keys (src/keys, src/broker) */
#define KEY_VERSIONS_MAX 16 /* of one key, kept at once */
#define SHARES_MAX 16       /* of a root key */

/* Requests of the key broker (src/broker) */
#define LEASES_ASKED_MAX 64
#define PENDING_CHANGES_MAX 200 /* of a tenant */

/* Tokens (src/token, src/access) */
#define ATTESTATION_AUDIENCE_MAX 256
#define PINNED_KEYS_FILE_MAX (64U << 10)
#define BEARER_TEXT_MAX (16U << 10)
#define BEARER_ROLES_MAX 256
#define REVOCATIONS_MAX 1500 /* of tokens, and of subjects, at once */
#define ISSUERS_MAX 8 /* of tokens other than aasd's */
#define ISSUERS_FILE_MAX (256U << 10)
#define MEASUREMENT_SETS_MAX 64
#define MEASUREMENT_NAME_MAX 128

/* The attestation service (programs/attestd) */
#define POLICIES_PER_REQUEST_MAX 16
#define RUNTIME_NONCE_MAX 88   /* of an EAT's nonce in JSON */
#define RUNTIME_BOUND_MAX 4096 /* of the attester's own data */
#define TCS_BODY_MAX (1U << 20)
#define TCS_CHAIN_MAX (16U << 10)
#define MANIFEST_MAX (64U << 10)
#define PCK_CERTS_MAX 64 /* of one platform */
#define UPLOAD_PLATFORMS_MAX 4096
#define REQUEST_BODY_MAX (256U << 10)
#define PLATFORM_TEXT_MAX (256U << 10)

#endif
