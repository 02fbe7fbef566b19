// SPDX-License-Identifier: Apache-2.0
#include "policy/claim.h"

#include <stdlib.h>

#define STATUSES                                                                                   \
    "UpToDate SWHardeningNeeded ConfigurationNeeded ConfigurationAndSWHardeningNeeded OutOfDate "  \
    "OutOfDateConfigurationNeeded TDRelaunchAdvised TDRelaunchAdvisedConfigurationNeeded Revoked"

const struct claim_row claim_table[] = {
    { "tee", CLAIM_TEXT, 0, "sgx tdx snp tpm azure-vtpm bundle sample",
      "sgx tdx snp tpm azure-vtpm bundle sample", "kind of trusted execution environment" },
    { "root", CLAIM_TEXT, 0, "vendor configured", "sgx tdx snp tpm azure-vtpm bundle sample",
      "the root of trust it rests on: the vendor's pinned one, or one that the configuration "
      "names" },
    { "debug", CLAIM_BOOL, 0, NULL, "sgx tdx snp azure-vtpm bundle sample",
      "the owner of the host can read it (SGX DEBUG; any TD attribute bit 0 to 7; SNP guest "
      "policy)" },
    { "report_data", CLAIM_HEX, 64, NULL, "sgx tdx snp azure-vtpm bundle sample",
      "what the workload had the hardware sign" },
    { "quote_version", CLAIM_NUMBER, 16, NULL, "sgx tdx", "version of the quote format" },

    { "tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx azure-vtpm bundle",
      "the vendor's word on the platform, converged over all components" },
    { "tcb_date", CLAIM_TIME, 0, NULL, "sgx tdx azure-vtpm bundle",
      "earliest date of the selected TCB levels" },
    { "advisory_ids", CLAIM_TEXT_LIST, 0, NULL, "sgx tdx azure-vtpm bundle",
      "security advisories that the selected TCB levels name" },
    { "tcb_evaluation_data_number", CLAIM_NUMBER, 32, NULL, "sgx tdx",
      "the smaller of the TCB info's and the QE identity's number" },
    { "platform_tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx",
      "status of the platform's own TCB level" },
    { "qe_tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx",
      "status of the quoting enclave's level" },
    { "module_tcb_status", CLAIM_TEXT, 0, STATUSES, "tdx",
      "status of the TDX module's level; absent where the module has none" },
    { "collateral_expires", CLAIM_TIME, 0, NULL, "sgx tdx snp azure-vtpm bundle",
      "earliest end of everything the verdict rests on" },
    { "collateral_issued", CLAIM_TIME, 0, NULL, "sgx tdx snp azure-vtpm bundle",
      "latest issue date among it" },
    { "collateral_oldest", CLAIM_TIME, 0, NULL, "sgx tdx azure-vtpm bundle",
      "earliest issue date of TCB info, QE identity and PCK CRL: the age of the collateral" },

    { "fmspc", CLAIM_HEX, 6, NULL, "sgx tdx",
      "family, model, stepping, platform type and custom SKU" },
    { "pce_id", CLAIM_HEX, 2, NULL, "sgx tdx", "provisioning certification enclave's id" },
    { "pce_svn", CLAIM_NUMBER, 16, NULL, "sgx tdx",
      "its security version, from the PCK certificate" },
    { "pck_tcb", CLAIM_HEX, 16, NULL, "sgx tdx",
      "the 16 SGX component SVNs of the PCK certificate" },
    { "pck_ca", CLAIM_TEXT, 0, "processor platform", "sgx tdx",
      "which CA issued the PCK certificate" },
    { "ppid", CLAIM_HEX, 16, NULL, "sgx tdx", "platform provisioning id: identifies one machine" },
    { "platform_instance_id", CLAIM_HEX, 16, NULL, "sgx tdx", "of platforms with several sockets" },
    { "dynamic_platform", CLAIM_BOOL, 0, NULL, "sgx tdx",
      "packages may be added; platform CA only" },
    { "cached_keys", CLAIM_BOOL, 0, NULL, "sgx tdx",
      "Intel holds the platform root keys; platform CA only" },
    { "smt_enabled", CLAIM_BOOL, 0, NULL, "sgx tdx", "hyper-threading is on; platform CA only" },
    { "qe_isvsvn", CLAIM_NUMBER, 16, NULL, "sgx tdx", "quoting enclave's security version" },

    { "mrenclave", CLAIM_HEX, 32, NULL, "sgx", "measurement of the enclave" },
    { "mrsigner", CLAIM_HEX, 32, NULL, "sgx", "hash of the key that signed the enclave" },
    { "isvprodid", CLAIM_NUMBER, 16, NULL, "sgx", "product id given by the signer" },
    { "isvsvn", CLAIM_NUMBER, 16, NULL, "sgx", "security version given by the signer" },
    { "cpusvn", CLAIM_HEX, 16, NULL, "sgx", "raw CPU security version; informational" },
    { "miscselect", CLAIM_HEX, 4, NULL, "sgx", "MISCSELECT in memory order" },
    { "attributes", CLAIM_HEX, 16, NULL, "sgx", "enclave attributes: flags, then XFRM" },
    { "isvextprodid", CLAIM_HEX, 16, NULL, "sgx", "extended product id (KSS)" },
    { "isvfamilyid", CLAIM_HEX, 16, NULL, "sgx", "family id (KSS)" },
    { "configid", CLAIM_HEX, 64, NULL, "sgx", "configuration id (KSS)" },
    { "configsvn", CLAIM_NUMBER, 16, NULL, "sgx", "configuration's security version (KSS)" },

    { "mrtd", CLAIM_HEX, 48, NULL, "tdx", "measurement of the TD's initial contents" },
    { "rtmr0", CLAIM_HEX, 48, NULL, "tdx", "run-time measurement register 0: firmware" },
    { "rtmr1", CLAIM_HEX, 48, NULL, "tdx",
      "run-time measurement register 1: boot loader and kernel" },
    { "rtmr2", CLAIM_HEX, 48, NULL, "tdx",
      "run-time measurement register 2: command line, initrd" },
    { "rtmr3", CLAIM_HEX, 48, NULL, "tdx", "run-time measurement register 3: the application's" },
    { "mrconfigid", CLAIM_HEX, 48, NULL, "tdx", "configuration id given by the host at launch" },
    { "mrowner", CLAIM_HEX, 48, NULL, "tdx", "owner id given at launch" },
    { "mrownerconfig", CLAIM_HEX, 48, NULL, "tdx", "owner's configuration id" },
    { "mrseam", CLAIM_HEX, 48, NULL, "tdx", "measurement of the TDX module" },
    { "mrsignerseam", CLAIM_HEX, 48, NULL, "tdx", "signer of the TDX module; zero for Intel's" },
    { "seam_attributes", CLAIM_HEX, 8, NULL, "tdx", "attributes of the TDX module" },
    { "seamsvn", CLAIM_NUMBER, 8, NULL, "tdx", "TDX module's security version: TEE_TCB_SVN[0]" },
    { "tee_tcb_svn", CLAIM_HEX, 16, NULL, "tdx", "TDX component SVNs at launch" },
    { "tee_tcb_svn_2", CLAIM_HEX, 16, NULL, "tdx", "TDX component SVNs now; TD 1.5 and later" },
    { "td_attributes", CLAIM_HEX, 8, NULL, "tdx", "attributes of the TD in memory order" },
    { "td_attributes_unknown", CLAIM_BOOL, 0, NULL, "tdx",
      "an attribute bit without a published meaning is set" },
    { "sept_ve_disable", CLAIM_BOOL, 0, NULL, "tdx",
      "the host cannot inject faults by unmapping pages" },
    { "migratable", CLAIM_BOOL, 0, NULL, "tdx", "the TD may be migrated" },
    { "perfmon", CLAIM_BOOL, 0, NULL, "tdx", "performance counters are on" },
    { "xfam", CLAIM_HEX, 8, NULL, "tdx", "extended features that are enabled" },
    { "mrservicetd", CLAIM_HEX, 48, NULL, "tdx", "service TDs bound at launch; TD 1.5 and later" },
    { "service_td", CLAIM_BOOL, 0, NULL, "tdx",
      "a service TD is or was bound (initial or current hash not zero)" },
    { "service_td_current", CLAIM_HEX, 48, NULL, "tdx", "service TDs bound now; body type 4" },
    { "td_id", CLAIM_HEX, 32, NULL, "tdx", "id of the TD; body type 4" },
    { "product", CLAIM_TEXT, 0, "Milan Genoa Turin", "snp",
      "processor line, which has a root of its own" },
    { "signing_key", CLAIM_TEXT, 0, "vcek vlek", "snp",
      "whose key signed the report: the chip's own, or one lent to a cloud provider" },
    { "csp_id", CLAIM_TEXT, 0, NULL, "snp", "cloud provider that the VLEK is lent to" },
    { "revocation_checked", CLAIM_BOOL, 0, NULL, "snp tpm",
      "revocation lists were there, valid, and name no certificate of the key's chain" },
    { "report_version", CLAIM_NUMBER, 32, NULL, "snp", "version of the report format" },
    { "guest_svn", CLAIM_NUMBER, 32, NULL, "snp", "security version given by the guest's owner" },
    { "vmpl", CLAIM_NUMBER, 32, NULL, "snp",
      "privilege level in the guest that asked for the report: 0 is the highest" },
    { "measurement", CLAIM_HEX, 48, NULL, "snp", "measurement of the guest's initial contents" },
    { "init_data_digest", CLAIM_HEX, 0, NULL, "sgx tdx snp",
      "digest of the init-data of a guest of Confidential Containers, which the TEE was launched "
      "with" },
    { "host_data", CLAIM_HEX, 32, NULL, "snp", "what the host gave at launch" },
    { "id_key_digest", CLAIM_HEX, 48, NULL, "snp",
      "hash of the key that signed the guest's ID block; zero: none" },
    { "author_key_enabled", CLAIM_BOOL, 0, NULL, "snp", "an author key vouches for the ID key" },
    { "author_key_digest", CLAIM_HEX, 48, NULL, "snp",
      "hash of that author key; only with author_key_enabled" },
    { "report_id", CLAIM_HEX, 32, NULL, "snp", "id of the guest while it runs" },
    { "report_id_ma", CLAIM_HEX, 32, NULL, "snp", "id of its migration agent; all ones: none" },
    { "family_id", CLAIM_HEX, 16, NULL, "snp", "family id of the ID block" },
    { "image_id", CLAIM_HEX, 16, NULL, "snp", "image id of the ID block" },
    { "policy_abi_major", CLAIM_NUMBER, 8, NULL, "snp",
      "least ABI version that the guest policy demands, major" },
    { "policy_abi_minor", CLAIM_NUMBER, 8, NULL, "snp", "the same, minor" },
    { "policy_smt", CLAIM_BOOL, 0, NULL, "snp", "the guest may run where SMT is on" },
    { "policy_migrate_ma", CLAIM_BOOL, 0, NULL, "snp",
      "a migration agent may be bound to the guest" },
    { "policy_single_socket", CLAIM_BOOL, 0, NULL, "snp", "the guest runs on one socket only" },
    { "policy_cxl", CLAIM_BOOL, 0, NULL, "snp", "the guest may run where CXL devices are" },
    { "policy_mem_aes_256_xts", CLAIM_BOOL, 0, NULL, "snp",
      "the guest demands memory encryption by AES-256-XTS" },
    { "policy_rapl_dis", CLAIM_BOOL, 0, NULL, "snp", "the guest demands that RAPL is off" },
    { "policy_ciphertext_hiding", CLAIM_BOOL, 0, NULL, "snp",
      "the guest demands that ciphertext is hidden from the host" },
    { "policy_page_swap_disable", CLAIM_BOOL, 0, NULL, "snp",
      "the guest's pages may not be swapped" },
    { "platform_smt", CLAIM_BOOL, 0, NULL, "snp", "SMT is on" },
    { "platform_tsme", CLAIM_BOOL, 0, NULL, "snp", "all memory is encrypted" },
    { "platform_ecc", CLAIM_BOOL, 0, NULL, "snp", "memory has error correction" },
    { "platform_rapl_dis", CLAIM_BOOL, 0, NULL, "snp", "RAPL is off" },
    { "platform_ciphertext_hiding", CLAIM_BOOL, 0, NULL, "snp",
      "ciphertext is hidden from the host" },
    { "platform_alias_check", CLAIM_BOOL, 0, NULL, "snp",
      "memory was checked for aliased addresses since the last reset" },
    { "chip_id", CLAIM_HEX, 64, NULL, "snp", "identifies one chip; absent where it is masked" },
    { "chip_key_masked", CLAIM_BOOL, 0, NULL, "snp", "the chip's own key may not be used" },
    { "cpuid_family", CLAIM_NUMBER, 8, NULL, "snp",
      "processor family; report version 3 and later" },
    { "cpuid_model", CLAIM_NUMBER, 8, NULL, "snp", "processor model; report version 3 and later" },
    { "cpuid_stepping", CLAIM_NUMBER, 8, NULL, "snp",
      "processor stepping; report version 3 and later" },
    { "reported_tcb", CLAIM_HEX, 8, NULL, "snp",
      "the TCB version that the signing key stands for" },
    { "reported_tcb_fmc", CLAIM_NUMBER, 8, NULL, "snp", "of reported_tcb: FMC; Turin" },
    { "reported_tcb_boot_loader", CLAIM_NUMBER, 8, NULL, "snp", "of reported_tcb: boot loader" },
    { "reported_tcb_tee", CLAIM_NUMBER, 8, NULL, "snp", "of reported_tcb: TEE" },
    { "reported_tcb_snp", CLAIM_NUMBER, 8, NULL, "snp", "of reported_tcb: SNP firmware" },
    { "reported_tcb_microcode", CLAIM_NUMBER, 8, NULL, "snp", "of reported_tcb: microcode" },
    { "committed_tcb", CLAIM_HEX, 8, NULL, "snp",
      "the TCB version that cannot be rolled back any more" },
    { "committed_tcb_fmc", CLAIM_NUMBER, 8, NULL, "snp", "of committed_tcb: FMC; Turin" },
    { "committed_tcb_boot_loader", CLAIM_NUMBER, 8, NULL, "snp", "of committed_tcb: boot loader" },
    { "committed_tcb_tee", CLAIM_NUMBER, 8, NULL, "snp", "of committed_tcb: TEE" },
    { "committed_tcb_snp", CLAIM_NUMBER, 8, NULL, "snp", "of committed_tcb: SNP firmware" },
    { "committed_tcb_microcode", CLAIM_NUMBER, 8, NULL, "snp", "of committed_tcb: microcode" },
    { "current_tcb", CLAIM_HEX, 8, NULL, "snp", "the TCB version that runs" },
    { "current_tcb_fmc", CLAIM_NUMBER, 8, NULL, "snp", "of current_tcb: FMC; Turin" },
    { "current_tcb_boot_loader", CLAIM_NUMBER, 8, NULL, "snp", "of current_tcb: boot loader" },
    { "current_tcb_tee", CLAIM_NUMBER, 8, NULL, "snp", "of current_tcb: TEE" },
    { "current_tcb_snp", CLAIM_NUMBER, 8, NULL, "snp", "of current_tcb: SNP firmware" },
    { "current_tcb_microcode", CLAIM_NUMBER, 8, NULL, "snp", "of current_tcb: microcode" },
    { "launch_tcb", CLAIM_HEX, 8, NULL, "snp",
      "the TCB version that ran when the guest was launched" },
    { "launch_tcb_fmc", CLAIM_NUMBER, 8, NULL, "snp", "of launch_tcb: FMC; Turin" },
    { "launch_tcb_boot_loader", CLAIM_NUMBER, 8, NULL, "snp", "of launch_tcb: boot loader" },
    { "launch_tcb_tee", CLAIM_NUMBER, 8, NULL, "snp", "of launch_tcb: TEE" },
    { "launch_tcb_snp", CLAIM_NUMBER, 8, NULL, "snp", "of launch_tcb: SNP firmware" },
    { "launch_tcb_microcode", CLAIM_NUMBER, 8, NULL, "snp", "of launch_tcb: microcode" },
    { "current_firmware", CLAIM_TEXT, 0, NULL, "snp", "SNP firmware that runs: major.minor.build" },
    { "committed_firmware", CLAIM_TEXT, 0, NULL, "snp",
      "SNP firmware that cannot be rolled back any more" },
    { "firmware_provisional", CLAIM_BOOL, 0, NULL, "snp",
      "what runs is not committed: the host can still go back" },
    { "launch_mitigation", CLAIM_HEX, 8, NULL, "snp",
      "mitigations verified at launch; report version 5" },
    { "current_mitigation", CLAIM_HEX, 8, NULL, "snp",
      "mitigations verified now; report version 5" },

    { "ak_trust", CLAIM_TEXT, 0, "enrolled ek_certificate ak_certificate hardware_report", "tpm",
      "why the TPM's attestation key is believed" },
    { "ak_name", CLAIM_HEX, 0, NULL, "tpm", "TPM name of the attestation key: identifies one TPM" },
    { "ak_label", CLAIM_TEXT, 0, NULL, "tpm", "what the operator called it when it was enrolled" },
    { "qualifying_data", CLAIM_HEX, 0, NULL, "tpm",
      "what the workload had the TPM sign: the SHA-256 of the report data" },
    { "tpm_firmware", CLAIM_HEX, 8, NULL, "tpm",
      "firmware version of the TPM, in its maker's form" },
    { "tpm_clock", CLAIM_NUMBER, 62, NULL, "tpm", "milliseconds that the TPM has been powered" },
    { "tpm_reset_count", CLAIM_NUMBER, 32, NULL, "tpm",
      "how often the TPM was reset: one for each boot" },
    { "tpm_restart_count", CLAIM_NUMBER, 32, NULL, "tpm", "how often it was resumed since" },
    { "tpm_clock_safe", CLAIM_BOOL, 0, NULL, "tpm",
      "no earlier value of the clock was ever higher" },
    { "pcr_sha1_*", CLAIM_HEX, 20, NULL, "tpm",
      "value of a PCR, 0 to 23, of the SHA-1 bank: a quoted one" },
    { "pcr_sha256_*", CLAIM_HEX, 32, NULL, "tpm", "the same of the SHA-256 bank" },
    { "pcr_sha384_*", CLAIM_HEX, 48, NULL, "tpm", "the same of the SHA-384 bank" },
    { "pcr_sha512_*", CLAIM_HEX, 64, NULL, "tpm", "the same of the SHA-512 bank" },

    { "event_bank", CLAIM_TEXT, 0, "sha1 sha256 sha384 sha512", "tdx tpm",
      "which bank the digests of the event log are of" },
    { "events", CLAIM_EVENT_LIST, 0, "register type digest", "tdx tpm",
      "what was measured into the registers at boot, in order; absent where there are more than "
      "512" },
    { "boot_applications", CLAIM_TEXT_LIST, 0, NULL, "tdx tpm",
      "digests of what the firmware started: boot loader, kernel" },
    { "secure_boot", CLAIM_BOOL, 0, NULL, "tdx tpm",
      "the firmware said so before it started anything" },
    { "ima_entries", CLAIM_NUMBER, 16, NULL, "tpm",
      "entries of IMA's list that the quoted register contains" },
    { "ima_violations", CLAIM_NUMBER, 16, NULL, "tpm",
      "files among them that changed while they were measured" },
    { "ima_files", CLAIM_EVENT_LIST, 0, "name digest", "tpm",
      "files that the kernel measured; absent where the hash of one is not that of its fields, or "
      "where there are more than 512" },

    { "hardware", CLAIM_TEXT, 0, "snp tdx", "azure-vtpm",
      "what the virtual machine of the vTPM runs in" },
    { "vm_unique_id", CLAIM_TEXT, 0, NULL, "azure-vtpm",
      "id of the virtual machine, by its paravisor" },
    { "vm_secure_boot", CLAIM_BOOL, 0, NULL, "azure-vtpm",
      "configured with secure boot, by its paravisor" },
    { "vm_user_data", CLAIM_HEX, 64, NULL, "azure-vtpm", "what the guest had put into the report" },
    { 0 },
};

static bool among(const char *words, struct span word)
{
    struct span rest = span_str(words);

    while (rest.len) {
        size_t at = span_find(rest, SPAN(" "));
        if (span_equal(span_head(rest, at), word))
            return true;
        rest = span_tail(rest, at < rest.len ? at + 1 : at);
    }
    return false;
}

/* "pcr_sha256_*" stands for the names that end in a number from 0 to 23 in its place. */
static bool name_matches(struct span name, const char *row)
{
    size_t star = strlen(row) - 1;

    if (row[star] != '*')
        return span_equal_str(name, row);
    if (!span_starts(name, span_from(row, star)))
        return false;
    return among("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
                 span_tail(name, star));
}

static const struct claim_row *row_find(struct span name, struct span tee)
{
    for (const struct claim_row *row = claim_table; row->name; row++)
        if (name_matches(name, row->name) && (!tee.len || among(row->tees, tee)))
            return row;
    return NULL;
}

const struct claim_row *claim_find(struct span name)
{
    size_t dot = span_find(name, SPAN("."));

    if (dot == name.len)
        return row_find(name, (struct span){ 0 });
    return dot ? row_find(span_tail(name, dot + 1), span_head(name, dot)) : NULL;
}

struct claim_row *claim_named(struct span name)
{
    const struct claim_row *base = claim_find(name);
    struct claim_row *row = base ? malloc(sizeof(*row)) : NULL;

    if (!row)
        return NULL;
    *row = *base;
    row->name = span_dup(name);
    if (span_find(name, SPAN(".")) < name.len)
        row->tees = "azure-vtpm bundle";
    if (row->name)
        return row;
    free(row);
    return NULL;
}

void claim_named_free(struct claim_row *row)
{
    if (!row)
        return;
    free((char *)row->name);
    free(row);
}
