// SPDX-License-Identifier: Apache-2.0
/* Verbs that write files and end: quote, collateral, measurement. */
#include "base/file.h"
#include "base/hex.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "teesim/platform.h"
#include "teesim/run.h"

#define PATH_ROOM 4096
#define PART_MAX (1U << 20)
#define EXIT_USAGE 2

struct export_options {
    const char *dir, *tee, *measurement, *scenario, *report_data, *out;
};

static fallible open_platform(const struct export_options *o, struct platform **out)
{
    struct platform_config config = { .dir = o->dir,
                                      .measurement = o->measurement,
                                      .scenario = o->scenario };

    TRY(crypto_start(CRYPTO_MEMORY_PLAIN));
    TRY(platform_tee_parse(span_str(o->tee), &config));
    return platform_open(&config, out);
}

static int report(struct err e, const char *verb)
{
    if (failed(e))
        fprintf(stderr, "teesim %s: %s\n", verb, e.what);
    return failed(e) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int usage(const char *verb, const char *missing)
{
    fprintf(stderr, "teesim %s: %s is missing; see teesim %s --help\n", verb, missing, verb);
    return EXIT_USAGE;
}

static fallible write_quote(const struct export_options *o)
{
    struct platform *p owned(platform_close) = NULL;
    struct buf quote owned(buf_done) = buf_of(FORGE_QUOTE_MAX);
    uint8_t data[FORGE_REPORT_DATA_SIZE] = { 0 };

    if (o->report_data)
        TRY(hex_parse_exact(span_str(o->report_data), data, sizeof data));
    TRY(open_platform(o, &p));
    TRY(platform_quote(p, data, &quote));
    TRY(platform_auxiliary(p, &quote));
    return file_write(o->out, buf_span(&quote), 0644);
}

int verb_quote(int argc, char **argv)
{
    struct export_options o = { .tee = "tdx4" };
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the simulator; its PKI is in DIR/pki", &o.dir },
        { "tee", 0, OPTION_TEXT, "TEE", "tdx4 (default), tdx5, sgx3, snp, ...", &o.tee },
        { "measurement", 0, OPTION_TEXT, "FILE|HEX", "MRTD or MRENCLAVE", &o.measurement },
        { "scenario", 0, OPTION_TEXT, "LIST", "what is wrong, as in teesim run", &o.scenario },
        { "report-data", 0, OPTION_TEXT, "HEX", "64 bytes; default zero", &o.report_data },
        { "output", 'o', OPTION_TEXT, "FILE", "where the quote goes", &o.out },
        { 0 },
    };
    const struct command_help help = { "teesim quote", "--dir DIR -o FILE", "Write one quote.",
                                       NULL };
    int rest = 0;

    enum options_result result = options_parse(argc, argv, rows, &help, &rest);
    if (result != OPTIONS_GO)
        return result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (!o.dir || !o.out)
        return usage("quote", o.dir ? "-o" : "--dir");
    return report(write_quote(&o), "quote");
}

static fallible write_part(const char *folder, const char *name, const struct buf *content)
{
    char path[PATH_ROOM];
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);

    if (len < 0 || len >= (int)sizeof path)
        return FAIL(LIMIT, "path is too long");
    TRY(buf_check(content));
    return file_write(path, buf_span(content), 0644);
}

/* Of an SNP guest: as `report.bin`'s neighbours in a vector set. */
static fallible write_snp(const struct export_options *o, struct platform *p)
{
    struct forge_snp_set s owned(forge_snp_set_done);
    struct buf root owned(buf_done) = buf_of(PART_MAX);
    struct snp_platform *snp = platform_snp(p);
    struct span product = span_str(snp_platform_product(snp));
    bool vlek;

    forge_snp_set_init(&s);
    TRY(file_make_dir(o->out, 0755));
    TRY(snp_platform_key(snp, &vlek, &s.key));
    TRY(snp_platform_chain(snp, product, vlek, &s.chain));
    TRY(platform_snp_crl(p, product, &s.crl));
    TRY(snp_platform_root(snp, &root));
    TRY(write_part(o->out, vlek ? "vlek.der" : "vcek.der", &s.key));
    TRY(write_part(o->out, "cert_chain.pem", &s.chain));
    TRY(write_part(o->out, "root_ca.pem", &root));
    return write_part(o->out, "crl.der", &s.crl);
}

static fallible write_collateral(const struct export_options *o)
{
    struct platform *p owned(platform_close) = NULL;
    struct forge_set s owned(forge_set_done);
    uint8_t fmspc[6];

    forge_set_init(&s);
    TRY(open_platform(o, &p));
    if (platform_snp(p))
        return write_snp(o, p);
    bool tdx = forge_tee_is_tdx(platform_tee(p));
    platform_fmspc(p, fmspc);
    TRY(file_make_dir(o->out, 0755));
    TRY(platform_tcb_info(p, tdx, fmspc, &s.tcb_info));
    TRY(platform_identity(p, tdx, &s.qe_identity));
    TRY(platform_signing_chain(p, &s.tcb_signing_chain));
    TRY(platform_crl_chain(p, platform_ca(p), &s.pck_crl_issuer_chain));
    TRY(platform_root_crl(p, &s.root_ca_crl));
    TRY(platform_pck_crl(p, platform_ca(p), &s.pck_crl));
    forge_certificate_pem(buf_span(&platform_pki(p)->root.der), &s.root_ca);
    TRY(write_part(o->out, "tcb_info.json", &s.tcb_info));
    TRY(write_part(o->out, "qe_identity.json", &s.qe_identity));
    TRY(write_part(o->out, "tcb_signing_chain.pem", &s.tcb_signing_chain));
    TRY(write_part(o->out, "pck_crl_issuer_chain.pem", &s.pck_crl_issuer_chain));
    TRY(write_part(o->out, "root_ca.pem", &s.root_ca));
    TRY(write_part(o->out, "root_ca_crl.der", &s.root_ca_crl));
    return write_part(o->out, "pck_crl.der", &s.pck_crl);
}

int verb_collateral(int argc, char **argv)
{
    struct export_options o = { .tee = "tdx4" };
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the simulator; its PKI is in DIR/pki", &o.dir },
        { "tee", 0, OPTION_TEXT, "TEE", "tdx4 (default), tdx5, sgx3, snp, ...", &o.tee },
        { "scenario", 0, OPTION_TEXT, "LIST", "for the platform of this scenario", &o.scenario },
        { "output", 'o', OPTION_TEXT, "OUTDIR", "folder for the files", &o.out },
        { 0 },
    };
    const struct command_help help = {
        "teesim collateral", "--dir DIR -o OUTDIR",
        "Write the collateral of a platform, for warder verify --collateral.", NULL
    };
    int rest = 0;

    enum options_result result = options_parse(argc, argv, rows, &help, &rest);
    if (result != OPTIONS_GO)
        return result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (!o.dir || !o.out)
        return usage("collateral", o.dir ? "-o" : "--dir");
    return report(write_collateral(&o), "collateral");
}

int verb_measurement(int argc, char **argv)
{
    const char *name = "tdx4";
    const struct option_row rows[] = {
        { "tee", 0, OPTION_TEXT, "TEE", "tdx4 (default), tdx5, sgx3, snp, ...", &name }, { 0 }
    };
    const struct command_help help = { "teesim measurement", "",
                                       "Print the default measurement (MRTD or MRENCLAVE).", NULL };
    uint8_t measurement[48];
    char text[97];
    struct platform_config config = { 0 };
    int rest = 0;

    enum options_result result = options_parse(argc, argv, rows, &help, &rest);
    if (result != OPTIONS_GO)
        return result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    struct err e = platform_tee_parse(span_str(name), &config);
    if (failed(e))
        return report(e, "measurement");
    forge_default_measurement(config.tee, measurement);
    puts(hex_str(span_from(measurement, forge_measurement_size(config.tee)), text));
    return EXIT_SUCCESS;
}
