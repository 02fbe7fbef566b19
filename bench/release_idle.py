# SPDX-License-Identifier: Apache-2.0
"""What the key broker costs while it does nothing: memory of kbsd and keyd, and how soon their sockets answer."""
import pathlib
import socket
import statistics
import subprocess
import time

import dev_system

MEMORY_AIM_MIB, START_AIM_MS = 24, 15
STARTS = 20
SETTLE_S = 65  # keyd tidies up once a minute


def family(pid):
    return [pid, *dev_system.children(pid)]


def pss_mib(pid):
    """Its memory; what it shares with others counts in part."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def memory(system):
    found = {name: sum(pss_mib(pid) for pid in family(system.pid(name))) for name in ("kbsd", "keyd")}
    return {"total": sum(found.values()), **found}


def cpu_ms(pid):
    """Of all threads of a process and its children."""
    total = 0
    for one in family(pid):
        for task in pathlib.Path(f"/proc/{one}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total / 1e6


def answers(address):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        return s.connect_ex(address) == 0


def start_once(system, name, address):
    """Milliseconds until its socket answers, and the processor time until then."""
    program = dev_system.BUILD / "programs" / name / name
    since = time.perf_counter()
    process = subprocess.Popen([program, "--config", system.dir / f"etc/{name}.conf"], stderr=subprocess.DEVNULL)
    try:
        while not answers(address):
            time.sleep(0.0002)
        return (time.perf_counter() - since) * 1000, cpu_ms(process.pid)
    finally:
        process.terminate()
        process.wait()


def starts(system):
    """kbsd with a keyd that runs, keyd with a store that holds a key. The best, for what the machine does else only adds."""
    keyd, kbsd = str(system.dir / "run/keyd.sock"), ("127.0.0.1", system.port("kbs"))
    dev_system.stop(system.pid("kbsd"))
    found = {"kbsd": [start_once(system, "kbsd", kbsd) for _ in range(STARTS)]}
    dev_system.stop(system.pid("keyd"))
    found["keyd"] = [start_once(system, "keyd", keyd) for _ in range(STARTS)]
    return {name: {"best": min(ms for ms, _ in rows), "median": statistics.median(ms for ms, _ in rows),
                   "cpu": statistics.median(cpu for _, cpu in rows)} for name, rows in found.items()}
