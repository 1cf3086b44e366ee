"""The guard: one small process per agent. It outlives neither its agent nor its owner, and lets nothing else do so.

It holds the agent's lock, adopts whatever the agent starts, ends every descendant when it is told to or when its owner
is gone for good, writes the exit file and lets the lock go last. The agent's words never pass through here: descriptors
0 and 1 are the agent's own pipes, 2 is the guard's complaints, 3 is the control socket to the owner.

Control, from the owner: a length (4 bytes), the launch (fields joined by NUL), then "k" to end the agent. The end of
the stream means that the owner is gone. To the owner, one line each: `started PID`, `failed STAGE ERRNO`,
`exit CODE BY`.

Started as `python -I -S -E guard.py`, standard library only: `signal` would cost 5 ms (it imports enum), `json` 8 ms,
and pathlib and contextlib are not free either.
Where there is no /proc (macOS) there is no adopting either: the agent's process group is ended, and what left the group
is not found.
"""

# ruff: noqa: PTH105, PTH110, PTH123, PTH202, PTH208, S606
from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import ctypes
import fcntl
import os
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

CONTROL = 3
GRACE_SECONDS = 2.0
REFUSED_SECONDS = 5.0
TAIL_BYTES = 32_768
NOTE_BYTES = 200
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform == "linux"
LIBRARY = ctypes.CDLL(None)


class Launch:
    """What to start, as the owner told it. `stage` is how far that got."""

    stage = "lock"

    def __init__(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        self.lock, self.exit, self.log, limit, merged, self.nonce, self.path, self.folder, count = fields[:9]
        self.limit, self.merged = int(limit), merged == b"1"
        words = fields[9:]
        self.command = words[: int(count)]
        self.env = dict(pair.split(b"=", 1) for pair in words[int(count) :])


def open_log(path: bytes, limit: int) -> int:
    """Appends to what former runs left, unless that is much."""
    if os.path.exists(path) and os.path.getsize(path) > limit // 2:
        os.replace(path, path + b".old")
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Log:
    """The agent's stderr on disk: the first part, how much was cut, and the last part. Never fails, never waits."""

    def __init__(self, path: bytes, limit: int) -> None:
        self.file = open_log(path, limit)
        self.room = max(limit - os.fstat(self.file).st_size - TAIL_BYTES - NOTE_BYTES, 0)
        self.cut = 0
        self.tail = b""

    def take(self, chunk: bytes) -> None:
        kept, rest = chunk[: self.room], chunk[self.room :]
        if kept:
            self.room -= len(kept)
            self.put(kept)
        if rest:
            self.cut += len(rest)
            self.tail = (self.tail + rest)[-TAIL_BYTES:]

    def put(self, data: bytes) -> None:
        if not try_call(os.write, self.file, data):
            self.cut += len(data)

    def close(self) -> None:
        if missing := self.cut - len(self.tail):
            self.put(b"\n[callboard: %d bytes of the log were cut here]\n" % missing)
        self.put(self.tail)
        os.close(self.file)


def read_bytes(count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = os.read(CONTROL, count - len(data))
        if not chunk:
            os._exit(0)
        data += chunk
    return data


def take_lock(path: bytes, nonce: bytes) -> int:
    """Only this process holds it: the descriptor is closed in every child. The record in it says that a run began."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    record = b"%d %s %d\n" % (os.getpid(), nonce, read_stat(os.getpid(), 19))
    os.ftruncate(lock, 0)
    os.pwrite(lock, record, 0)
    return lock


def call_prctl(option: int, value: int) -> None:
    if LINUX:
        LIBRARY.prctl(option, value, 0, 0, 0)


def start_agent(launch: Launch) -> tuple[int, int]:
    """Returns the agent's pid and the reading end of its stderr."""
    heard, said = os.pipe()
    told, tell = os.pipe()
    guard = os.getpid()
    pid = os.fork()
    if pid == 0:
        run_agent(launch, guard, said, tell)
    os.close(said)
    os.close(tell)
    # The guard keeps no end of the agent's pipes, so that both sides see the other's end.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    failure = os.read(told, 100)
    os.close(told)
    if failure:
        os.waitpid(pid, 0)
        stage, number = failure.split()
        launch.stage = stage.decode()
        raise OSError(int(number), launch.stage)
    return pid, heard


def run_agent(launch: Launch, guard: int, stderr: int, tell: int) -> None:
    """In the child: becomes the agent, or says at which stage that failed."""
    stage = b"start"
    try:
        os.setsid()
        call_prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(127)
        os.dup2(stderr, 2)
        if launch.merged:
            os.dup2(stderr, 1)
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGHUP):
            _signal.signal(number, _signal.SIG_DFL)
        stage = b"folder"
        os.chdir(launch.folder)
        stage = b"command"
        os.execve(launch.path, launch.command, launch.env)
    except OSError as error:
        os.write(tell, b"%s %d" % (stage, error.errno or 0))
    finally:
        os._exit(127)


def close_others() -> None:
    """Descriptors that the owner had inherited itself and never closed are not the agent's business."""
    for name in os.listdir("/proc/self/fd" if LINUX else "/dev/fd"):
        if int(name) > CONTROL:
            try_call(os.close, int(name))


def find_descendants(parent: int) -> list[int]:
    """Every process below `parent`. May miss one that moves meanwhile: the caller repeats until no child is left."""
    look = read_children if os.path.exists(f"/proc/{parent}/task/{parent}/children") else scan_children()
    found: list[int] = []
    waiting = [parent]
    while waiting:
        children = look(waiting.pop())
        found += children
        waiting += children
    return found


def read_children(parent: int) -> list[int]:
    children: list[int] = []
    folder = f"/proc/{parent}/task"
    try:
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/children", "rb") as file:
                children += map(int, file.read().split())
    except OSError:
        pass
    return children


def scan_children() -> Callable[[int], list[int]]:
    """The same from all of /proc, for kernels that do not list children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            children.setdefault(read_stat(int(name), 1), []).append(int(name))
    return lambda parent: children.get(parent, [])


def read_stat(pid: int, field: int) -> int:
    """1 is the parent, 19 the start in clock ticks since boot; 0 when it is gone or there is no /proc."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[field])
    except OSError:
        return 0


def kill_quietly(pid: int, number: int) -> bool:
    """False when we may not."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError:
        return False
    return True


def try_call(call: Callable[..., object], *arguments: object) -> bool:
    try:
        call(*arguments)
    except OSError:
        return False
    return True


class Watch:
    """From the agent's start until nothing of it is left."""

    def __init__(self, agent: int, stderr: int, wake: int, log: Log) -> None:
        self.agent = agent
        self.stderr = stderr
        self.wake = wake
        self.log = log
        self.status: int | None = None
        self.told = False
        self.silent = False
        self.left = 0
        self.poll = select.poll()
        for source in (CONTROL, stderr, wake):
            self.poll.register(source, select.POLLIN)
        os.set_blocking(stderr, False)

    def run(self) -> tuple[int, str]:
        """Returns the exit code or signal, and what ended the agent."""
        while self.status is None and not self.told:
            self.listen(None)
        told = self.told
        if self.status is None:
            self.end_gently()
        self.end_rest()
        while self.drain():
            pass
        self.log.close()
        return name_end(self.status or 0, told)

    def listen(self, seconds: float | None) -> None:
        for source, _ in self.poll.poll(None if seconds is None else max(seconds, 0) * 1000):
            if source == CONTROL:
                self.told = True
                self.poll.unregister(CONTROL)
            elif source == self.stderr:
                self.drain()
            else:
                self.hear_signals()
        self.reap()

    def drain(self) -> bool:
        """One read of the agent's stderr; False when there is nothing now."""
        try:
            chunk = os.read(self.stderr, 65_536)
        except BlockingIOError:
            return False
        if chunk:
            self.log.take(chunk)
        elif not self.silent:
            self.silent = True
            self.poll.unregister(self.stderr)
        return bool(chunk)

    def hear_signals(self) -> None:
        numbers = os.read(self.wake, 1000)
        if any(number != _signal.SIGCHLD for number in numbers):
            self.told = True

    def reap(self) -> bool:
        """Collect the dead, adopted ones too; False when no child is left, living or dead."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.agent:
                self.status = status

    def end_gently(self) -> None:
        kill_quietly(self.agent, _signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while self.status is None and (left := deadline - time.monotonic()) > 0:
            self.listen(left)

    def end_rest(self) -> None:
        """SIGKILL everything below, again and again: what dies hands its children to us. Gives up on processes of
        another user alone."""
        pause = 0.001
        deadline = time.monotonic() + REFUSED_SECONDS
        while self.reap():
            if not LINUX:
                try_call(os.killpg, self.agent, _signal.SIGKILL)
            found = find_descendants(os.getpid())
            refused = [pid for pid in found if not kill_quietly(pid, _signal.SIGKILL)]
            if found and len(refused) == len(found) and time.monotonic() > deadline:
                self.left = len(refused)
                return
            self.listen(pause)
            pause = min(pause * 2, 0.1)


def name_end(status: int, told: bool) -> tuple[int, str]:
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), "killed" if told else "signal"
    return os.WEXITSTATUS(status), "killed" if told else "exited"


def write_exit(launch: Launch, code: int, by: str, left: int) -> None:
    """Without it the next owner reads "lost": a full disk must not keep the lock."""
    text = '{"code": %d, "by": "%s", "at": %.3f, "nonce": "%s", "left": %d}\n'
    data = (text % (code, by, time.time(), launch.nonce.decode(), left)).encode()
    draft = launch.exit + b".new"
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(file, data)
        os.fsync(file)
        os.close(file)
        os.replace(draft, launch.exit)
    except OSError as error:
        print(f"{os.fsdecode(launch.exit)}: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201


def tell_owner(line: str) -> None:
    try_call(os.write, CONTROL, line.encode() + b"\n")


def catch_signals() -> int:
    """Returns the descriptor that wakes the poll; each byte is a signal's number."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    _signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
        _signal.signal(number, lambda *_: None)
    return wake


def open_session() -> None:
    os.setsid()
    os.set_inheritable(CONTROL, False)
    close_others()
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_IGN)
    call_prctl(PR_SET_CHILD_SUBREAPER, 1)


def begin_run(launch: Launch) -> Watch:
    """Lock, log, agent, in this order. Raises OSError; `launch.stage` says where."""
    take_lock(launch.lock, launch.nonce)
    launch.stage = "log"
    log = Log(launch.log, launch.limit)
    launch.stage = "fork"
    wake = catch_signals()
    agent, stderr = start_agent(launch)
    return Watch(agent, stderr, wake, log)


def main() -> None:
    open_session()
    launch = Launch(read_bytes(int.from_bytes(read_bytes(4), "big")))
    try:
        watch = begin_run(launch)
    except OSError as error:
        if launch.stage != "lock":
            write_exit(launch, 127, "exited", 0)
        tell_owner(f"failed {launch.stage} {error.errno}")
        os._exit(1)
    tell_owner(f"started {watch.agent}")
    code, by = watch.run()
    write_exit(launch, code, by, watch.left)
    tell_owner(f"exit {code} {by}")
    os._exit(0)


if __name__ == "__main__":
    main()
