/* SPDX-License-Identifier: Apache-2.0 */
/* cc verify.c $(pkg-config --cflags --libs warder-verify); ./a.out COLLATERAL_DIR TIME EVIDENCE:
 * prints the JSON; exit status 0: verified. */
#include <stdio.h>
#include <stdlib.h>

#include <warder/verify.h>

#define FILE_MAX (2 << 20)

static struct warder_bytes load(const char *folder, const char *name)
{
    char path[4096];
    struct warder_bytes bytes = { NULL, 0 };
    snprintf(path, sizeof(path), "%s%s%s", folder, *folder ? "/" : "", name);
    FILE *f = fopen(path, "rb");
    if (f && (bytes.at = malloc(FILE_MAX)))
        bytes.len = fread((void *)bytes.at, 1, FILE_MAX, f);
    if (f)
        fclose(f);
    return bytes;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        "tcb_info.json", "qe_identity.json",         "tcb_signing_chain.pem",
        "pck_crl.der",   "pck_crl_issuer_chain.pem", "root_ca_crl.der"
    };
    enum { COUNT = sizeof(names) / sizeof(*names) };
    struct warder_item items[COUNT];
    struct warder_verifier *verifier = NULL;
    struct warder_collateral *collateral = NULL;
    char *json = NULL;

    if (argc != 4) {
        fprintf(stderr, "usage: verify COLLATERAL_DIR TIME EVIDENCE\n");
        return 2;
    }
    for (int i = 0; i < COUNT; i++)
        items[i] = (struct warder_item){ names[i], load(argv[1], names[i]) };
    struct warder_bytes evidence = load("", argv[3]);
    if (warder_verifier_new(NULL, 0, &verifier) ||
        warder_collateral_load(verifier, items, COUNT, &collateral))
        return 2;
    enum warder_verdict verdict =
        warder_verify(verifier, evidence, collateral, atoll(argv[2]), NULL, &json);
    puts(json ? json : "could not decide");
    free(json);
    warder_collateral_free(collateral);
    warder_verifier_free(verifier);
    for (int i = 0; i < COUNT; i++)
        free((void *)items[i].bytes.at);
    free((void *)evidence.at);
    return verdict == WARDER_VERIFIED ? 0 : 1;
}
