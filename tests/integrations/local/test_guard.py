from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from core.errors import PermanentFailure, TemporaryFailure
from core.interfaces import Exit, Launch, Process
from integrations.local.host import LocalHost, is_guarded, read_run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the guard adopts descendants on Linux only")

Start = Callable[..., Awaitable[Process]]
Alive = Callable[[int], bool]
Gone = Callable[[Iterable[int]], Awaitable[None]]

ROOT = Path(__file__).parents[3]

# Five ways to get away from one's parent; prints the pids of all that must be ended, its own first.
FAMILY = """
import os, signal, sys, time
def child(*, session=False, twice=False, bare=False, deaf=False):
    ready, tell = os.pipe()
    if os.fork():
        os.close(tell)
        pid = os.read(ready, 20).decode()
        os.close(ready)
        if twice:
            os.wait()
        return pid
    if twice and os.fork():
        os._exit(0)
    if session:
        os.setsid()
    if deaf:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
    os.write(tell, str(os.getpid()).encode())
    os.close(tell)
    os.close(1)
    os.execve("/bin/sleep", ["sleep", "300"], {} if bare else dict(os.environ))
pids = [str(os.getpid()), child(), child(session=True), child(twice=True, deaf=True),
        child(twice=True, session=True), child(twice=True, session=True, bare=True, deaf=True)]
print(*pids, flush=True)
"""
STAY = "sys.stdin.read()\ntime.sleep(300)\n"


async def read_pids(process: Process) -> list[int]:
    async with asyncio.timeout(20):
        pids = [int(word) for word in (await process.reader.readline()).split()]
    assert len(pids) == 6
    return pids


def guard_of(home: Path, agent: str = "web-1") -> int:
    run = read_run(home / "agents" / agent / "guard.lock")
    assert run
    return run.guard


# ------------------------------------------------------------------------------------------------------ a normal life


async def test_words_go_both_ways_in_long_lines(start: Start) -> None:
    process = await start("import sys\nfor line in sys.stdin: print(line[::-1].strip(), flush=True)")
    line = "ab" * 2_500_000
    process.writer.write(line.encode() + b"\n")
    await process.writer.drain()
    assert (await process.reader.readline()).decode().strip() == line[::-1]
    process.writer.close()
    assert await process.wait() == Exit(0)
    assert await process.reader.read() == b""


@pytest.mark.parametrize(
    ("program", "ended"),
    [
        ("raise SystemExit(0)", Exit(0)),
        ("raise SystemExit(7)", Exit(7)),
        ("import os; os.kill(os.getpid(), 11)", Exit(11, "signal")),
        ("import os; os.kill(os.getpid(), 9)", Exit(9, "signal")),
    ],
)
async def test_the_end_is_told_and_written(start: Start, home: Path, program: str, ended: Exit) -> None:
    process = await start(program)
    assert await process.wait() == ended
    written = json.loads((home / "agents/web-1/exit.json").read_text())
    assert (written["code"], written["by"], written["left"]) == (ended.code, ended.by, 0)
    assert not is_guarded(home, "web-1")


async def test_last_words_are_read_after_the_end(start: Start) -> None:
    process = await start("print('x' * 50_000); print('last')")
    assert await process.wait() == Exit(0)
    assert (await process.reader.read()).endswith(b"last\n")


async def test_the_agent_has_what_it_was_given_and_nothing_else(start: Start) -> None:
    inherited, _ = os.pipe()
    os.set_inheritable(inherited, True)
    program = """
import os
print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:-1])
print(sorted(os.environ))
print(os.getsid(0) == os.getpid())
"""
    environment = {"PATH": os.environ["PATH"], "A": "ü = \n", "GIT_AUTHOR_NAME": "x"}
    process = await start(program, env=environment, command=[sys.executable, "-c", program])
    descriptors, names, leads = (await process.reader.read()).decode().splitlines()
    assert descriptors == "[0, 1, 2]"
    assert set(environment) | {"CALLBOARD_AGENT"} <= set(eval(names))
    assert "HOME" not in names
    assert leads == "True"
    os.close(inherited)
    os.close(_)


async def test_the_agent_has_every_signal_as_usual(start: Start) -> None:
    process = await start("", command=["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"])
    masks = (await process.reader.read()).decode().split()[1::2]
    usual = sum(1 << (number - 1) for number in signal.Signals if number < 32)
    assert [int(mask, 16) & usual for mask in masks] == [0, 0]


async def test_a_fresh_machine_gets_an_author(start: Start) -> None:
    program = "import os; print(os.environ.get('GIT_AUTHOR_EMAIL'))"
    process = await start(program)
    assert await process.reader.read() == b"web-1@callboard.invalid\n"


async def test_a_configured_author_is_kept(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\temail = alice@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    process = await start("import os; print(os.environ.get('GIT_AUTHOR_EMAIL'))")
    assert await process.reader.read() == b"None\n"


async def test_a_waiting_guard_is_used_or_replaced(start: Start, host: LocalHost, home: Path) -> None:
    host._make_folders()
    host._spare = spare = host._spawn_guard()
    assert await (await start("", "web-1")).wait() == Exit(0)
    assert guard_of(home) == spare.pid
    host._spare = spare = host._spawn_guard()
    os.kill(spare.pid, signal.SIGKILL)
    assert await (await start("", "web-2")).wait() == Exit(0)
    assert guard_of(home, "web-2") != spare.pid


async def test_the_next_guard_waits_soon(start: Start, host: LocalHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.local.host.REFILL_SECONDS", 0.0)
    await (await start("")).wait()
    assert host._spare


async def test_a_waiting_guard_goes_with_its_host(host: LocalHost, wait_gone: Gone) -> None:
    host._make_folders()
    host._spare = spare = host._spawn_guard()
    host.close()
    await spare.reap()
    await wait_gone([spare.pid])


# ---------------------------------------------------------------------------------------------------------------- end


async def test_kill_ends_every_descendant(start: Start, is_alive: Alive) -> None:
    process = await start(FAMILY + STAY)
    pids = await read_pids(process)
    assert all(map(is_alive, pids))
    ended = await process.kill()
    assert not any(map(is_alive, pids))
    assert ended == Exit(15, "killed")
    assert await process.kill() == await process.wait() == ended


async def test_kill_ends_an_agent_that_does_not_listen(start: Start, is_alive: Alive) -> None:
    deaf = "signal.signal(15, signal.SIG_IGN)\n"
    process = await start(FAMILY.replace("print(*pids", deaf + "print(*pids") + STAY)
    pids = await read_pids(process)
    assert await process.kill() == Exit(9, "killed")
    assert not any(map(is_alive, pids))


async def test_what_an_agent_leaves_is_ended_too(start: Start, is_alive: Alive) -> None:
    process = await start(FAMILY + "sys.exit(3)")
    pids = await read_pids(process)
    assert await process.wait() == Exit(3)
    assert not any(map(is_alive, pids))


async def test_kill_ends_a_family_that_keeps_growing(start: Start, is_alive: Alive) -> None:
    program = """
import os, sys, time
print(os.getpid(), flush=True)
os.close(1)
for _ in range(5):
    os.fork()
while True:
    if os.fork():
        os._exit(0)
    time.sleep(0.002)
"""
    process = await start(program)
    await process.reader.readline()
    await asyncio.wait_for(process.wait(), 20)
    assert not any(b"time.sleep(0.002)" in read_command(place) for place in Path("/proc").iterdir())


def read_command(place: Path) -> bytes:
    try:
        return (place / "cmdline").read_bytes()
    except OSError:
        return b""


async def test_a_signal_to_the_guard_ends_all(start: Start, home: Path, is_alive: Alive) -> None:
    process = await start(FAMILY + STAY)
    pids = await read_pids(process)
    os.kill(guard_of(home), signal.SIGTERM)
    assert await process.wait() == Exit(15, "killed")
    assert not any(map(is_alive, pids))


# ------------------------------------------------------------------------------------------------------------- crashes

OWNER = """
import asyncio, sys
from pathlib import Path
from core.interfaces import Launch
from integrations.local.host import LocalHost
async def main():
    home = Path(sys.argv[1])
    folder = home / "worktrees" / "web-1"
    folder.mkdir(parents=True)
    command = [sys.executable, "-I", "-S", "-c", sys.argv[2]]
    launch = Launch("web-1", command, {"PATH": "/usr/bin:/bin"}, str(folder), home / "log")
    process = await LocalHost(home).start(launch)
    sys.stdout.write((await process.reader.readline()).decode())
    sys.stdout.flush()
    await process.wait()
asyncio.run(main())
"""


def run_owner(home: Path, program: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Another bot on this home, with one agent."""
    command = [sys.executable, "-c", OWNER, str(home), program]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert owner.stdout
    with owner.stdout:
        pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 6
    return owner, pids


async def test_owner_killed(host: LocalHost, home: Path, is_alive: Alive) -> None:
    owner, pids = run_owner(home, FAMILY + STAY)
    owner.kill()
    owner.wait()
    assert await host.reclaim("web-1") == Exit(15, "killed")
    assert not any(map(is_alive, pids))
    assert not is_guarded(home, "web-1")


async def test_owner_and_guard_killed(host: LocalHost, home: Path, is_alive: Alive) -> None:
    owner, pids = run_owner(home, FAMILY + STAY)
    os.kill(guard_of(home), signal.SIGKILL)
    owner.kill()
    owner.wait()
    assert await host.reclaim("web-1") == Exit(-1, "lost")
    assert not any(map(is_alive, pids))


async def test_a_killed_guard_takes_its_agent_along(home: Path, wait_gone: Gone) -> None:
    """Before anybody reclaims anything."""
    owner, pids = run_owner(home, FAMILY + STAY)
    owner.send_signal(signal.SIGSTOP)
    os.kill(guard_of(home), signal.SIGKILL)
    await wait_gone(pids[:1])
    owner.kill()
    owner.wait()
    assert await LocalHost(home).reclaim("web-1") == Exit(-1, "lost")


async def test_guard_killed(start: Start, home: Path, is_alive: Alive) -> None:
    process = await start(FAMILY + STAY)
    pids = await read_pids(process)
    os.kill(guard_of(home), signal.SIGKILL)
    assert await process.wait() == Exit(-1, "lost")
    assert not any(map(is_alive, pids))


async def test_guard_that_hangs_is_ended_by_force(
    start: Start, home: Path, is_alive: Alive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.local.processes.KILL_SECONDS", 3.0)
    process = await start(FAMILY + STAY)
    pids = await read_pids(process)
    os.kill(guard_of(home), signal.SIGSTOP)
    assert await process.kill() == Exit(-1, "killed")
    assert not any(map(is_alive, pids))


async def test_reclaim_ends_a_guard_that_hangs(
    host: LocalHost, home: Path, is_alive: Alive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.local.host.RECLAIM_SECONDS", 0.2)
    owner, pids = run_owner(home, FAMILY + STAY)
    os.kill(guard_of(home), signal.SIGSTOP)
    owner.kill()
    owner.wait()
    assert await host.reclaim("web-1") == Exit(-1, "lost")
    assert not any(map(is_alive, pids))


def run_sleeper(**how: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], start_new_session=True, **how)


async def test_a_bystander_is_left_alone(host: LocalHost, home: Path, is_alive: Alive) -> None:
    """Another agent's process, and one that was in the folder before the agent began."""
    folder = home / "worktrees" / "web-1"
    folder.mkdir(parents=True)
    before = run_sleeper(cwd=folder)
    other = run_sleeper(env={"CALLBOARD_AGENT": "other:web-1"})
    folder.rename(home / "moved")
    owner, _ = run_owner(home, FAMILY + STAY)
    os.kill(guard_of(home), signal.SIGKILL)
    owner.kill()
    owner.wait()
    await host.reclaim("web-1")
    assert [before.poll(), other.poll()] == [None, None]
    for process in (before, other):
        process.kill()
        process.wait()


async def test_reclaim_of_what_never_ran(host: LocalHost, home: Path) -> None:
    assert await host.reclaim("web-1") is None
    (home / "agents/web-1").mkdir(parents=True)
    (home / "agents/web-1/guard.lock").touch()
    assert await host.reclaim("web-1") is None


async def test_reclaim_tells_how_the_last_run_ended(start: Start, host: LocalHost) -> None:
    for code in (4, 5):
        await (await start(f"raise SystemExit({code})")).wait()
        assert await host.reclaim("web-1") == Exit(code)
    process = await start("import time; time.sleep(300)")
    await process.kill()
    assert await host.reclaim("web-1") == Exit(15, "killed")


async def test_never_two_of_one_agent(start: Start) -> None:
    process = await start("import time; time.sleep(300)")
    with pytest.raises(TemporaryFailure, match="web-1 has a process already"):
        await start("")
    await process.kill()
    assert await (await start("")).wait() == Exit(0)


async def test_a_cancelled_start_leaves_nothing(host: LocalHost, home: Path, is_alive: Alive) -> None:
    launch = Launch("web-1", ["sleep", "300"], {"PATH": "/usr/bin:/bin"}, str(home), home / "log")
    for pause in (0.0, 0.005, 0.01, 0.015, 0.02, 0.03):
        task = asyncio.create_task(host.start(launch))
        done, _ = await asyncio.wait({task}, timeout=pause)
        task.cancel()
        if done:
            await task.result().kill()
        await asyncio.gather(task, return_exceptions=True)
        assert not is_guarded(home, "web-1")
        run = read_run(home / "agents/web-1/guard.lock") if (home / "agents/web-1/guard.lock").exists() else None
        assert run is None or not is_alive(run.guard)


# ---------------------------------------------------------------------------------------------------------- complaints


async def test_missing_command(start: Start) -> None:
    with pytest.raises(PermanentFailure, match="claude is not on the PATH"):
        await start("", command=["claude", "--acp"])
    with pytest.raises(PermanentFailure, match="No command is given"):
        await start("", command=[])


async def test_command_that_cannot_run(start: Start, home: Path) -> None:
    script = home / "agent"
    script.write_text("#!/no/such/interpreter\n")
    with pytest.raises(PermanentFailure, match="cannot be run: Permission denied"):
        await start("", command=[str(script)])
    script.chmod(0o755)
    with pytest.raises(PermanentFailure, match="cannot be run: No such file"):
        await start("", command=[str(script)])
    script.write_bytes(b"\x00\x01")
    with pytest.raises(PermanentFailure, match="Exec format error"):
        await start("", command=[str(script)])


async def test_folder_that_is_gone(start: Start, host: LocalHost, home: Path) -> None:
    with pytest.raises(PermanentFailure, match="cannot be entered: No such file"):
        await start("", folder=str(home / "gone"))
    assert await host.reclaim("web-1") == Exit(127)


async def test_log_that_cannot_be_written(start: Start, home: Path) -> None:
    with pytest.raises(PermanentFailure, match=r"log .* cannot be written: Is a directory"):
        await start("", log=home)


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-rf", "A b", "x\n", "a..b", "x.lock", ".git"])
async def test_hostile_names_are_refused(start: Start, host: LocalHost, home: Path, name: str) -> None:
    launch = Launch(name, ["true"], {"PATH": "/usr/bin:/bin"}, str(home), home / "log")
    with pytest.raises(PermanentFailure):
        await host.start(launch)
    with pytest.raises(PermanentFailure):
        await host.reclaim(name)


# ----------------------------------------------------------------------------------------------------------------- log


async def test_a_flood_of_stderr_does_not_hold_the_agent(start: Start, home: Path) -> None:
    program = textwrap.dedent("""
        import sys
        sys.stderr.write("first\\n")
        for _ in range(160): sys.stderr.write("x" * 65_535 + "\\n")
        sys.stderr.write("last\\n")
        sys.stderr.flush()
        print("done", flush=True)
    """)
    process = await start(program, log_limit=200_000)
    async with asyncio.timeout(20):
        assert await process.reader.readline() == b"done\n"
        assert await process.wait() == Exit(0)
    log = (home / "agents/web-1/stderr.log").read_bytes()
    assert len(log) <= 200_000
    assert log.startswith(b"first\n")
    assert log.endswith(b"last\n")
    written = 160 * 65_536 + len("first\nlast\n")
    note = log[log.index(b"\n[callboard: ") : log.index(b"cut here]\n") + len(b"cut here]\n")]
    assert int(note.split()[1]) == written - (len(log) - len(note))


async def test_a_log_goes_on_and_is_put_aside_when_it_is_long(start: Start, home: Path) -> None:
    log = home / "agents/web-1/stderr.log"
    for word in ("one", "two"):
        await (await start(f"import sys; sys.stderr.write('{word}\\n')")).wait()
    assert log.read_text() == "one\ntwo\n"
    log.write_text("y" * 600)
    await (await start("import sys; sys.stderr.write('three\\n')", log_limit=1_000)).wait()
    assert log.read_text().endswith("three\n")
    assert log.with_name("stderr.log.old").read_text() == "y" * 600
