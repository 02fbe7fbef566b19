# SPDX-License-Identifier: Apache-2.0
"""The main job on other hardware and by the evidence socket: SGX quote v3, TDX quote v5."""
import pytest

import dev_system

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))


@pytest.mark.parametrize("tee, kind, claim, options", [("sgx3", "sgx", "mrenclave", ()), ("tdx5", "tdx", "mrtd", ("--no-fuse",))])
def test_main_job(tee, kind, claim, options, tmp_path):
    system = dev_system.System(tee=tee, options=options)
    try:
        system.main_job(tee, kind, claim, tmp_path)
    finally:
        system.down()
