"""Shuts each child of a zygote in, by level; all levels but `none` need Linux.

entering.py makes the `Box`, once; the box readies each fork (`before_fork`), confines the child (`confine`), looks at
it (`processor_seconds`, `memory_held`) and clears up what it left (`clear`).
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from fgit_cli.executor import linux

_SCRATCH = {"pure": "64m", "open": "256m"}  # bytes a sample may write, in memory
_FILE_SIZE = 64 << 20
_OPEN_FILES = 256
_PROCESSES = {"pure": 64, "open": 256}  # threads and processes of one sample
# Stands in the filter for the child's own number; no system call, flag or command has this value.
PID = b"\xf3\xe7\xd5\x7a"
_HIGH = 64  # descriptors that a child keeps or needs for a moment lie above this


def high(fd: int) -> int:
    """Move a descriptor out of the way of those that the child is given."""
    import fcntl

    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    os.close(fd)
    return moved


@dataclass
class Box:
    """What the zygote holds of its confinement. Descriptors are -1 where the level has none."""

    level: str
    profile: str
    pid: int = 0  # the zygote's
    proc: int = -1  # /proc, as the zygote sees it
    pid_namespace: int = -1
    ruleset: int = -1
    filter: bytes = b""  # the seccomp program, PID standing for the child's process number
    kept: list[int] = field(default_factory=list)  # folders that the child imports from
    own_user: bool = False  # nobody else's processes count against this user's limit
    null: int = -1  # /dev/null
    aside: list[tuple[str, str]] = field(default_factory=list)  # import folders below /tmp, and where else they are
    shared_scratch: str = ""  # the zygote's directory, at container and none
    scratch: str = ""  # the sample's, in it

    @property
    def namespaces(self) -> bool:
        return self.level == "namespaces"

    @property
    def crowded(self) -> bool:
        """Whether a sample may have several processes, which are then counted together."""
        return self.namespaces and self.profile == "open"

    def before_fork(self) -> None:
        """Give the next child a PID namespace, or a directory, of its own."""
        self.pid = os.getpid()
        if self.namespaces:
            linux.setns(self.pid_namespace, linux.NEWPID)
            linux.unshare(linux.NEWPID)
        elif self.level in ("container", "none"):
            self.scratch = tempfile.mkdtemp(dir=self.shared_scratch)

    def confine(self, memory: int) -> None:
        """Shut in this process, a child whose descriptors are in place. Nothing undoes it."""
        os.setsid()
        if sys.platform == "linux":
            linux.die_with_parent(signal.SIGKILL)
            if not self.namespaces and os.getppid() != self.pid:  # it died before that
                os._exit(1)
        if self.namespaces:
            linux.unshare(linux.NEWNS | linux.NEWIPC)
            if self.profile == "open":
                linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
            options = f"mode=700,size={_SCRATCH[self.profile]},nr_inodes=4096"
            linux.mount("tmpfs", "/tmp", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
            for place, folder in self.aside:
                os.makedirs(folder)
                linux.mount(place, folder, flags=linux.MS_BIND | linux.MS_REC)
        os.chdir(self.scratch or ("/tmp" if self.namespaces else "/"))
        self._limit(memory)
        if self.level in ("container", "none"):
            return
        linux.no_new_privileges()
        if self.namespaces:
            linux.drop_capabilities()
        else:
            linux.landlock_enforce(self.ruleset)
            os.close(self.ruleset)
        linux.install_filter(self.filter.replace(PID, os.getpid().to_bytes(4, sys.byteorder)))
        if self.crowded:
            _leave_to_first_process()

    def _limit(self, memory: int) -> None:
        limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, _OPEN_FILES), (resource.RLIMIT_FSIZE, _FILE_SIZE)]
        if sys.platform == "linux":
            limits += [(resource.RLIMIT_AS, memory), (resource.RLIMIT_DATA, memory)]
        if self.namespaces or self.own_user:
            limits.append((resource.RLIMIT_NPROC, _PROCESSES[self.profile]))
        for what, wanted in limits:
            _, hard = resource.getrlimit(what)
            lowest = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(what, (lowest, lowest))
        _, hard = resource.getrlimit(resource.RLIMIT_STACK)
        resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))

    def sample_of(self, child: int) -> int:
        """The process that runs the sample: the child, or where several are allowed, the child's first child."""
        if not self.crowded:
            return child
        fd = os.open(f"{child}/task/{child}/children", os.O_RDONLY, dir_fd=self.proc)
        try:
            return int((os.read(fd, 100).split() or [b"%d" % child])[0])
        finally:
            os.close(fd)

    def is_ready(self, child: int) -> bool:
        """Whether the process that runs the sample runs, or would with a processor; False where that is unknown."""
        if self.proc < 0:
            return False
        try:
            fd = os.open(f"{self.sample_of(child)}/stat", os.O_RDONLY, dir_fd=self.proc)
        except OSError:
            return False
        try:
            return os.read(fd, 1000).rpartition(b")")[2].split()[0] == b"R"
        except (OSError, IndexError):
            return False
        finally:
            os.close(fd)

    def processor_seconds(self, child: int) -> float:
        """Processor time of the sample so far, all its threads and processes."""
        if self.crowded:
            ticks = sum(int(f[11]) + int(f[12]) for f in self._inside("stat"))
            return ticks / os.sysconf("SC_CLK_TCK")
        return linux.processor_seconds(child) if sys.platform == "linux" else 0.0

    def memory_held(self) -> int:
        """Bytes that the processes of the box hold for themselves, the zygote aside."""
        return sum(int(f[1]) - int(f[2]) for f in self._inside("statm")) * os.sysconf("SC_PAGE_SIZE")

    def _inside(self, name: str) -> Iterator[list[bytes]]:
        """The words of /proc/PID/NAME, after the command's name, of each process in the box but this."""
        for pid in os.listdir(self.proc):
            if pid.isdigit() and int(pid) != os.getpid():
                try:
                    fd = os.open(f"{pid}/{name}", os.O_RDONLY, dir_fd=self.proc)
                except OSError:
                    continue
                try:
                    words = os.read(fd, 1000).rpartition(b")")[2].split()
                except OSError:
                    continue
                finally:
                    os.close(fd)
                if len(words) > 2:
                    yield words

    def clear(self) -> None:
        """End what the dead child left running, and delete what it left on disk."""
        if self.level in ("container", "none"):
            if sys.platform == "linux":
                _kill_descendants()
            shutil.rmtree(self.scratch, ignore_errors=True)


def _leave_to_first_process() -> None:
    """Fork; the child runs the sample, this process stays the first of its namespace and reaps until the child ends."""
    sample = os.fork()
    if not sample:
        return
    for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(n, signal.SIG_DFL)  # which the kernel does not deliver to a first process
    os.closerange(0, 1 << 16)
    while True:
        pid, status = os.wait()
        if pid == sample:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def _kill_descendants() -> None:
    """Kill whatever was reparented to this process; each pass kills and reaps what the one before let appear."""
    me = os.getpid()
    while True:
        with open(f"/proc/{me}/task/{me}/children") as f:
            children = [int(p) for p in f.read().split()]
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)
