"""A private Slurm of a few nodes on this machine, for tests: no service of the system, nothing outside one folder.

Needs root and slurm-wlm and munge of Debian: python tests/loopback_slurm.py start FOLDER (or stop, or kill FOLDER n1).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

NODES = 2
FIRST_PORT = 17830
TOOLS = ("sbatch", "srun", "squeue", "sinfo", "scontrol", "scancel", "sacct", "sacctmgr", "sshare")
CONFIG = """ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={first}
SlurmctldParameters=enable_configless
AuthType=auth/munge
AuthInfo=socket={place}/munge.sock
SlurmUser=root
SlurmdUser=root
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool/%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
SlurmdParameters=config_overrides
SlurmctldTimeout=30
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{node}-{last}] CPUs=2 RealMemory=4000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def start(folder: Path) -> dict[str, str]:
    """Start it; the variables of the environment under which `sbatch` finds it."""
    place = folder.resolve()
    for part in ("state", "spool", "bin"):
        (place / part).mkdir(parents=True, exist_ok=True)
    key = place / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    host, node = socket.gethostname().split(".")[0], FIRST_PORT + 1
    ports = {"first": FIRST_PORT, "node": node, "last": node + NODES - 1}
    config = place / "slurm.conf"
    config.write_text(CONFIG.format(host=host, place=place, nodes=NODES, **ports))
    (place / "cgroup.conf").write_text("ConstrainCores=no\nConstrainRAMSpace=no\n")
    for tool in TOOLS:  # inside a job the variables of Slurm are not passed on
        path = place / "bin" / tool
        path.write_text(f'#!/bin/sh\nSLURM_CONF={config} exec {shutil.which(tool) or "/usr/bin/" + tool} "$@"\n')
        path.chmod(0o755)
    variables = {"SLURM_CONF": str(config), "PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    files = {name: f"{place}/munge{ending}" for name, ending in
             (("socket", ".sock"), ("pid-file", ".pid"), ("log-file", ".log"), ("seed-file", ".seed"))}  # fmt: skip
    options = [f"--{name}={path}" for name, path in files.items()]
    environment = os.environ | variables
    subprocess.run(["munged", "--force", f"--key-file={key}", *options], check=True)
    subprocess.run(["slurmctld"], check=True, env=environment)
    for number in range(1, NODES + 1):
        (place / f"spool/n{number}").mkdir(exist_ok=True)
        subprocess.run(["slurmd", "-N", f"n{number}"], check=True, env=environment)
    for _ in range(120):
        idle = subprocess.run(
            ["sinfo", "-h", "-t", "idle", "-o", "%D"], capture_output=True, text=True, env=environment, check=False
        ).stdout
        if idle.strip() == str(NODES):
            return variables
        time.sleep(0.5)
    raise RuntimeError(f"Slurm did not start; see {place}/slurmctld.log")


def stop(folder: Path) -> None:
    """Stop what was started there."""
    for path in [*folder.glob("slurmd.*.pid"), folder / "slurmctld.pid", folder / "munge.pid"]:
        _kill(path, signal.SIGTERM)


def kill_node(folder: Path, node: str) -> None:
    """Take a node away at once, with everything that runs on it."""
    _kill(folder / f"slurmd.{node}.pid", signal.SIGKILL)
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            if f"SLURMD_NODENAME={node}\0".encode() in (process / "environ").read_bytes():
                parent = Path("/proc", (process / "stat").read_text().rpartition(")")[2].split()[1])
                if (parent / "comm").read_text().startswith("slurmstepd"):
                    _end(int(parent.name), signal.SIGKILL)
                _end(int(process.name), signal.SIGKILL)


def _kill(path: Path, how: signal.Signals) -> None:
    if path.exists() and path.read_text().strip():
        _end(int(path.read_text()), how)


def _end(number: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, how)


if __name__ == "__main__":
    command, place, *node = sys.argv[1:]
    {"start": start, "stop": stop, "kill": kill_node}[command](Path(place), *node)
