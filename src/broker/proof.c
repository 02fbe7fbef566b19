// SPDX-License-Identifier: Apache-2.0
#include "broker/proof.h"

#include "base/base64.h"
#include "base/writer.h"
#include "crypto/signature.h"

#define PROOF_SIZE 64

fallible proof_check(const struct key *signing, struct span path, struct span challenge,
                     const uint8_t body_hash[SHA256_SIZE], struct span proof, bool *good)
{
    struct buf signed_text owned(buf_done) = buf_of(4096);
    uint8_t raw[PROOF_SIZE];

    write_part(&signed_text, SPAN("warder-proof-v1"));
    write_part(&signed_text, SPAN("POST"));
    write_part(&signed_text, path);
    write_part(&signed_text, challenge);
    write_part(&signed_text, span_from(body_hash, SHA256_SIZE));
    TRY(buf_check(&signed_text));
    TRY(base64url_parse_exact(proof, raw, sizeof raw));
    return signature_verify(signing, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&signed_text),
                            SPAN_OF(raw), good);
}
