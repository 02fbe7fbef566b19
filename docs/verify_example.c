/* SPDX-License-Identifier: Apache-2.0 */
/* cc verify_example.c -lwarder-verify; ./a.out COLLATERAL_DIR TIME QUOTE: prints the JSON; exit status 0 verified. */
#include <stdio.h>
#include <stdlib.h>

#include <warder/verify.h>

static struct warder_bytes load(const char *folder, const char *name)
{
    char path[4096];
    struct warder_bytes bytes = { NULL, 0 };
    snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return bytes;
    char *at = malloc(1 << 20);
    bytes.at = at;
    bytes.len = at ? fread(at, 1, 1 << 20, f) : 0;
    fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: verify_example COLLATERAL_DIR TIME QUOTE\n");
        return 2;
    }
    const struct warder_collateral raw = {
        .tcb_info = load(argv[1], "tcb_info.json"),
        .qe_identity = load(argv[1], "qe_identity.json"),
        .tcb_signing_chain = load(argv[1], "tcb_signing_chain.pem"),
        .pck_crl = load(argv[1], "pck_crl.der"),
        .root_ca_crl = load(argv[1], "root_ca_crl.der"),
        .pck_crl_issuer_chain = load(argv[1], "pck_crl_issuer_chain.pem"),
    };
    struct warder_verifier *verifier = warder_verifier_new(NULL, 0);
    struct warder_collateral_set *collateral = warder_collateral_load(verifier, &raw);
    char *json = NULL;
    enum warder_verdict verdict = warder_verify(verifier, load("", argv[3]), collateral, atoll(argv[2]), NULL, &json);

    puts(json ? json : "could not decide");
    free(json);
    warder_collateral_free(collateral);
    warder_verifier_free(verifier);
    return verdict == WARDER_VERIFIED ? 0 : 1;
}
