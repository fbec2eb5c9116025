"""A SLURM of the tests' own: real daemons on this machine that play several nodes; needs root, no systemd.

python slurm.py FOLDER          # start one and keep it until Ctrl-C or kill, to try things by hand
"""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
ETC = Path("/etc/slurm/slurm.conf")
CPU_NODES, GPU_NODES, GPUS = ("cpu1", "cpu2"), ("gpu1",), 2
CONFIG = """\
ClusterName=aisi
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=defer_batch,bf_interval=2,sched_interval=2,batch_sched_delay=0
SlurmctldTimeout=30
SlurmdTimeout=5
KillWait=3
InactiveLimit=0
MinJobAge=3600
JobRequeue=0
GresTypes=gpu
AccountingStorageType=accounting_storage/none
"""


def lacking():
    """Why no cluster can run here, or None."""
    missing = [name for name in DAEMONS if not shutil.which(name)]
    if os.geteuid():
        return "root, which SLURM's daemons need"
    if missing:
        return f"{', '.join(missing)} (Debian's munge, slurmctld, slurmd and slurm-client)"
    if ETC.exists():
        return f"a free {ETC}: this machine belongs to a cluster"
    return None


def wait(condition, what, seconds=120):
    """Wait until ``condition()`` is true and return what it gave; TimeoutError names ``what``."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} seconds.")
        time.sleep(0.2)
    return result


class Slurm:
    """Two CPU nodes and a GPU node with stand-in GPUs; ``with Slurm(folder) as slurm``, and all is gone again."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._pid("slurmctld"):
            with suppress(subprocess.SubprocessError):
                self.run("scancel", "--user=root", check=False, timeout=10)
                wait(lambda: not self.run("squeue", "--noheader").strip(), "an empty queue", 20)
        for daemon in (*(f"slurmd-{node}" for node in (*CPU_NODES, *GPU_NODES)), "slurmctld", "munged"):
            if pid := self._pid(daemon):
                end([psutil.Process(pid)])
        for name in ("slurm.conf", "gres.conf"):
            link = ETC.with_name(name)
            if link.is_symlink() and link.readlink() == self.folder / name:
                link.unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        self.folder.mkdir(mode=0o755, parents=True)
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        munged = ["munged", "--force", f"--key-file={key}"]  # --force: below a /tmp that all may write
        for option, name in (("socket", "munge.socket"), ("pid-file", "munged.pid"), ("log-file", "munged.log")):
            munged.append(f"--{option}={self.folder / name}")
        self.run(*munged, f"--seed-file={self.folder / 'munge.seed'}")
        self._configure()
        self.run("slurmctld", "-f", self.folder / "slurm.conf")
        wait(lambda: "UP" in self.run("scontrol", "ping", check=False), "slurmctld")
        for node in (*CPU_NODES, *GPU_NODES):
            self.start_node(node)
        wait(lambda: set(self.run("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"}, "idle nodes")

    def _configure(self):
        port, *ports = free_ports(1 + len(CPU_NODES) + len(GPU_NODES))
        host = socket.gethostname().partition(".")[0]
        lines, gres = [CONFIG.format(host=host, port=port, folder=self.folder)], []
        for node, port in zip((*CPU_NODES, *GPU_NODES), ports, strict=True):
            (self.folder / f"spool-{node}").mkdir()
            devices = f" Gres=gpu:standin:{GPUS}" if node in GPU_NODES else ""
            lines.append(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=100000"
                         f"{devices} State=UNKNOWN\n")  # fmt: skip
        for node in GPU_NODES:
            for gpu in range(GPUS):  # SLURM hands out indices of character devices only: /dev/null by another name
                os.mknod(self.folder / f"{node}-{gpu}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            gres.append(f"NodeName={node} Name=gpu Type=standin File={self.folder}/{node}-[0-{GPUS - 1}]\n")
        lines.append(f"PartitionName=cpu Nodes={','.join(CPU_NODES)} Default=YES MaxTime=2-0 State=UP\n")
        lines.append(f"PartitionName=gpu Nodes={','.join(GPU_NODES)} MaxTime=2-0 State=UP\n")
        (self.folder / "slurm.conf").write_text("".join(lines))
        (self.folder / "gres.conf").write_text("".join(gres))
        # Snakemake's plugin takes all SLURM_* out of a job's environment, so its srun looks here.
        ETC.parent.mkdir(exist_ok=True)
        for name in ("slurm.conf", "gres.conf"):
            ETC.with_name(name).unlink(missing_ok=True)
            ETC.with_name(name).symlink_to(self.folder / name)

    def run(self, *command, check=True, timeout=60):
        """Run one of SLURM's commands and return what it prints."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=check, timeout=timeout
        ).stdout

    def start_node(self, node):
        """Start a node's daemon, and take the node back if it was down."""
        self.run("slurmd", "-N", node, "-f", self.folder / "slurm.conf")

    def kill_node(self, node):
        """As if the power failed: the node's daemon and all that runs on it are gone."""
        titles = tuple(f"slurmstepd: [{number}." for number in self.jobs(f"--nodelist={node}"))
        found = psutil.process_iter(["cmdline"])  # cmdline is None where it is not to be had
        steps = [step for step in found if " ".join(step.info["cmdline"] or ()).startswith(titles)]
        if pid := self._pid(f"slurmd-{node}"):
            steps.append(psutil.Process(pid))
        end([*steps, *(child for step in steps for child in step.children(recursive=True))])

    def jobs(self, *options):
        """Jobs that wait or run, as {id: (state, what Snakemake says of it)}; options are squeue's."""
        lines = self.run("squeue", "--noheader", "--format=%A %T %k", *options).splitlines()
        return {number: (state, comment) for number, state, comment in map(str.split, lines)}

    def job(self, number):
        """What SLURM knows of a job, {field: value}."""
        text = self.run("scontrol", "show", "job", number)
        return dict(field.split("=", 1) for field in text.split() if "=" in field)

    def _pid(self, name):
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            pid = int((self.folder / f"{name}.pid").read_text())
            if psutil.Process(pid).name() == name.partition("-")[0]:
                return pid
        return None


def end(processes):
    """Kill processes at once."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def free_ports(n):
    """Numbers of ports on which nothing listens."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background ignores the first
        signal.signal(number, lambda *_: sys.exit())
    with Slurm(sys.argv[1]) as cluster:
        print(cluster.run("sinfo"), f"export SLURM_CONF={cluster.folder}/slurm.conf", sep="")
        signal.pause()
