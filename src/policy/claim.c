// SPDX-License-Identifier: Apache-2.0
#include "policy/claim.h"

#define STATUSES                                                                                   \
    "UpToDate SWHardeningNeeded ConfigurationNeeded ConfigurationAndSWHardeningNeeded OutOfDate "  \
    "OutOfDateConfigurationNeeded TDRelaunchAdvised TDRelaunchAdvisedConfigurationNeeded Revoked"

const struct claim_row claim_table[] = {
    { "tee", CLAIM_TEXT, 0, "sgx tdx", "sgx tdx", "kind of trusted execution environment" },
    { "root", CLAIM_TEXT, 0, "vendor configured", "sgx tdx",
      "the root of trust it rests on: the vendor's pinned one, or one that the configuration names" },
    { "debug", CLAIM_BOOL, 0, NULL, "sgx tdx", "the owner of the host can read it (SGX DEBUG; any TD attribute bit 0 to 7)" },
    { "report_data", CLAIM_HEX, 64, NULL, "sgx tdx", "what the workload had the hardware sign" },
    { "quote_version", CLAIM_NUMBER, 16, NULL, "sgx tdx", "version of the quote format" },

    { "tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx", "the vendor's word on the platform, converged over all components" },
    { "tcb_date", CLAIM_TIME, 0, NULL, "sgx tdx", "earliest date of the selected TCB levels" },
    { "advisory_ids", CLAIM_TEXT_LIST, 0, NULL, "sgx tdx", "security advisories that the selected TCB levels name" },
    { "tcb_evaluation_data_number", CLAIM_NUMBER, 32, NULL, "sgx tdx", "the smaller of the TCB info's and the QE identity's number" },
    { "platform_tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx", "status of the platform's own TCB level" },
    { "qe_tcb_status", CLAIM_TEXT, 0, STATUSES, "sgx tdx", "status of the quoting enclave's level" },
    { "module_tcb_status", CLAIM_TEXT, 0, STATUSES, "tdx", "status of the TDX module's level; absent where the module has none" },
    { "collateral_expires", CLAIM_TIME, 0, NULL, "sgx tdx", "earliest end of everything the verdict rests on" },
    { "collateral_issued", CLAIM_TIME, 0, NULL, "sgx tdx", "latest issue date among it" },

    { "fmspc", CLAIM_HEX, 6, NULL, "sgx tdx", "family, model, stepping, platform type and custom SKU" },
    { "pce_id", CLAIM_HEX, 2, NULL, "sgx tdx", "provisioning certification enclave's id" },
    { "pce_svn", CLAIM_NUMBER, 16, NULL, "sgx tdx", "its security version, from the PCK certificate" },
    { "pck_tcb", CLAIM_HEX, 16, NULL, "sgx tdx", "the 16 SGX component SVNs of the PCK certificate" },
    { "pck_ca", CLAIM_TEXT, 0, "processor platform", "sgx tdx", "which CA issued the PCK certificate" },
    { "ppid", CLAIM_HEX, 16, NULL, "sgx tdx", "platform provisioning id: identifies one machine" },
    { "platform_instance_id", CLAIM_HEX, 16, NULL, "sgx tdx", "of platforms with several sockets" },
    { "dynamic_platform", CLAIM_BOOL, 0, NULL, "sgx tdx", "packages may be added; platform CA only" },
    { "cached_keys", CLAIM_BOOL, 0, NULL, "sgx tdx", "Intel holds the platform root keys; platform CA only" },
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
    { "rtmr1", CLAIM_HEX, 48, NULL, "tdx", "run-time measurement register 1: boot loader and kernel" },
    { "rtmr2", CLAIM_HEX, 48, NULL, "tdx", "run-time measurement register 2: command line, initrd" },
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
    { "td_attributes_unknown", CLAIM_BOOL, 0, NULL, "tdx", "an attribute bit without a published meaning is set" },
    { "sept_ve_disable", CLAIM_BOOL, 0, NULL, "tdx", "the host cannot inject faults by unmapping pages" },
    { "migratable", CLAIM_BOOL, 0, NULL, "tdx", "the TD may be migrated" },
    { "perfmon", CLAIM_BOOL, 0, NULL, "tdx", "performance counters are on" },
    { "xfam", CLAIM_HEX, 8, NULL, "tdx", "extended features that are enabled" },
    { "mrservicetd", CLAIM_HEX, 48, NULL, "tdx", "service TDs bound at launch; TD 1.5 and later" },
    { "service_td", CLAIM_BOOL, 0, NULL, "tdx", "a service TD is or was bound (initial or current hash not zero)" },
    { "service_td_current", CLAIM_HEX, 48, NULL, "tdx", "service TDs bound now; body type 4" },
    { "td_id", CLAIM_HEX, 32, NULL, "tdx", "id of the TD; body type 4" },
    { 0 },
};

const struct claim_row *claim_find(struct span name)
{
    for (const struct claim_row *row = claim_table; row->name; row++)
        if (span_equal_str(name, row->name))
            return row;
    return NULL;
}
