// SPDX-License-Identifier: Apache-2.0
/* warder: the command line for administrators, auditors and policy authors. */
#include "cli/cli.h"
#include "cli/tpm.h"
#include "cli/verify.h"

#include "crypto/crypto.h"

static const struct verb verbs[] = {
    { "key", cli_key,
      "keys of the broker: create, import, register, enroll, list, show, rotate, disable, delete" },
    { "secret", cli_secret,
      "opaque secrets of the broker: put, rotate, get-metadata, list, destroy" },
    { "keyd", cli_keyd, "the seal of the embedded key manager: init, unseal, seal, rekey, rotate" },
    { "policy", cli_policy, "transfer policies: who may have a key" },
    { "appraisal", cli_appraisal, "appraisal policies: what evidence must say" },
    { "audit", cli_audit, "the record of every decision" },
    { "certificate", cli_certificate,
      "certificates: list, show, revoke, and keep this machine's renewed" },
    { "collateral", cli_collateral,
      "the endorsement cache: list, refresh, forecast, export, import" },
    { "deny", cli_deny,
      "what is refused although its vendor vouches for it: add, list, remove, affected" },
    { "kbs", cli_kbs, "a key broker on this machine, from a kbs.env: setup, start, stop, status" },
    { "aas", cli_aas,
      "an authentication service on this machine, from its env file; users from theirs" },
    { "cms", cli_cms, "a certification authority on this machine, from a cms.env" },
    { "dev", cli_dev, "run the whole system on this machine, for development" },
    { "skc", cli_skc, "the PKCS#11 module and the agent on a workload's machine" },
    { "status", cli_status, "health of every service" },
    { "tenant", cli_tenant, "tenants of the whole system: create, list, show, delete" },
    { "user", cli_user, "accounts" },
    { "role", cli_role, "roles, and who has them" },
    { "token", cli_token, "log in, and what one may do" },
    { "tpm", cli_tpm, "attestation keys of TPMs that are believed" },
    { "verify", cli_verify, "verify a quote or an evidence bundle" },
    { 0 },
};

int main(int argc, char **argv)
{
    json_start();
    struct err e = crypto_start(CRYPTO_MEMORY_PLAIN);
    if (failed(e))
        return print_failure(e, "start", NULL);
    return verb_dispatch("warder", "attested key release for confidential computing", verbs, argc,
                         argv);
}
