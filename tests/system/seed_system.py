# SPDX-License-Identifier: Apache-2.0
"""A system set up from the original system's env files, one `warder ... setup` after another."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import dev_system
from openbao_fixture import free_port

WARDER = dev_system.WARDER
NAMES = "127.0.0.1,localhost"
ADMIN, INSTALLER = ("admin@aas", "zq-admin-Secret.1"), ("installer@aas", "zq-install-Secret.2")


def write_env(path, **lines):
    path.touch(0o600)
    path.write_text("".join(f"{k}={v}\n" for k, v in lines.items() if v is not None))
    path.chmod(0o600)
    return path


class Seed:
    """CMS and AAS, each under its own folder, listening on loopback."""

    def __init__(self, folder=None):
        self.made = pathlib.Path(folder or tempfile.mkdtemp(prefix="warder-seed."))
        self.ports = {"cms": free_port(), "aas": free_port()}
        self.env = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": str(self.made),
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        self.cms_env = {"AAS_TLS_SAN": NAMES, "AAS_API_URL": f"https://localhost:{self.ports['aas']}/aas/v1", "SAN_LIST": NAMES,
                        "CMS_PORT": self.ports["cms"], "LOG_LEVEL": "info", "TOKEN_DURATION_MINS": 240, "CMS_CA_CERT_VALIDITY": 5,
                        "CMS_CA_ORGANIZATION": "INTEL", "CMS_NOSETUP": "false"}

    def place(self, name):
        return self.made / name

    @property
    def ca(self):
        return self.place("cms") / "etc/tls/ca.pem"

    def run(self, *arguments, status=0):
        done = subprocess.run([str(a) for a in (WARDER, *arguments)], env=self.env, text=True, capture_output=True, timeout=90)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}{self.logs()}"
        return done.stdout if status == 0 else done.stderr

    def logs(self):
        return "".join(f"--- {p}\n" + "\n".join(p.read_text(errors="replace").splitlines()[-15:]) + "\n" for p in self.made.glob("*/log/*.log"))

    def setup(self, name, *arguments, status=0, **lines):
        file = write_env(self.made / f"{name}.env", **lines)
        more = () if name == "kbs" else ("--address", "127.0.0.1")
        return self.run(name, "setup", "--env", file, "--dir", self.place(name), *more, *arguments, status=status)

    def cms(self):
        said = self.setup("cms", **self.cms_env)
        self.sha384 = self.run("cms", "tlscertsha384", "--dir", self.place("cms")).strip()
        return said

    @property
    def of_cms(self):
        return {"CMS_BASE_URL": f"https://localhost:{self.ports['cms']}/cms/v1/", "CMS_TLS_CERT_SHA384": self.sha384}

    def aas_env(self):
        return {**self.of_cms, "BEARER_TOKEN": self.run("cms", "authtoken", "--dir", self.place("cms")).strip(),
                "SAN_LIST": NAMES, "AAS_PORT": self.ports["aas"], "AAS_ADMIN_USERNAME": ADMIN[0], "AAS_ADMIN_PASSWORD": ADMIN[1],
                "AAS_JWT_TOKEN_DURATION_MINS": 120, "AAS_DB_HOSTNAME": "localhost", "AAS_DB_NAME": "aas_db",
                "AUTH_DEFENDER_MAX_ATTEMPTS": 4, "AUTH_DEFENDER_INTERVAL_MINS": 5, "AUTH_DEFENDER_LOCKOUT_DURATION_MINS": 15}

    def aas(self, **changes):
        said = self.setup("aas", **{**self.aas_env(), **changes})
        self.run("cms", "trust-aas", "--dir", self.place("cms"))
        return said

    def users_env(self):
        return {"ISECL_INSTALL_COMPONENTS": "AAS,KBS,SKC-LIBRARY", "AAS_API_URL": self.cms_env["AAS_API_URL"],
                "AAS_ADMIN_USERNAME": ADMIN[0], "AAS_ADMIN_PASSWORD": ADMIN[1],
                "INSTALL_ADMIN_USERNAME": INSTALLER[0], "INSTALL_ADMIN_PASSWORD": INSTALLER[1],
                "GLOBAL_ADMIN_USERNAME": "global@aas", "GLOBAL_ADMIN_PASSWORD": "zq-global-Secret.3",
                "KBS_SERVICE_USERNAME": "kbs_service@kbs", "KBS_SERVICE_PASSWORD": "zq-kbs-Secret.4", "KBS_CERT_SAN_LIST": NAMES,
                "KBS_CERT_COMMON_NAME": '"KBS TLS Certificate"', "SKC_LIBRARY_USERNAME": "skc_library",
                "SKC_LIBRARY_PASSWORD": "zq-skc-Secret.5", "SKC_LIBRARY_CERT_COMMON_NAME": "skcuser",
                "SKC_LIBRARY_KEY_TRANSFER_CONTEXT": '"permissions=nginx,USA"', "CCC_ADMIN_USERNAME": "ccc", "CCC_ADMIN_PASSWORD": "zq"}

    def down(self):
        for name in ("kbs", "aas", "cms"):
            for place in self.made.glob(f"{name}*/etc"):
                subprocess.run([WARDER, name, "stop", "--dir", place.parent], capture_output=True, timeout=60)
        shutil.rmtree(self.made, ignore_errors=True)
