"""All interfaces of the house, on one page: this file is the architecture.

Rules for every implementation: an outside call has a timeout; failures are TemporaryFailure (try again, same key) or
PermanentFailure (give up and say so); nothing else leaves. Implementations translate and decide nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.conversation import Answer as Answer  # noqa: PLC0414
from core.conversation import Ask as Ask  # noqa: PLC0414
from core.conversation import GivenFile as GivenFile  # noqa: PLC0414
from core.conversation import Handshake as Handshake  # noqa: PLC0414
from core.conversation import Opening as Opening  # noqa: PLC0414
from core.conversation import ToolServer as ToolServer  # noqa: PLC0414
from core.conversation import TurnEnd as TurnEnd  # noqa: PLC0414
from core.errand import Errand as Errand  # noqa: PLC0414
from core.errand import Flag as Flag  # noqa: PLC0414
from core.errand import LocalVerb as LocalVerb  # noqa: PLC0414
from core.errand import Office as Office  # noqa: PLC0414
from core.errand import Terminal as Terminal  # noqa: PLC0414
from core.launch import Exit as Exit  # noqa: PLC0414
from core.launch import Launch as Launch  # noqa: PLC0414
from core.messages import Button, Card, Message, Place, Reply
from core.offer import Check as Check  # noqa: PLC0414
from core.offer import Door as Door  # noqa: PLC0414
from core.offer import Kind as Kind  # noqa: PLC0414
from core.offer import Pace as Pace  # noqa: PLC0414
from core.offer import Plain as Plain  # noqa: PLC0414
from core.offer import Walls as Walls  # noqa: PLC0414
from core.offer import Watch as Watch  # noqa: PLC0414
from core.verbs import Verb as Verb  # noqa: PLC0414
from core.verbs import Word as Word  # noqa: PLC0414
from core.verbs import WordKind as WordKind  # noqa: PLC0414
from core.work import Stand as Stand  # noqa: PLC0414
from core.work import Survey as Survey  # noqa: PLC0414
from core.work import Taken as Taken  # noqa: PLC0414
from core.work import Work as Work  # noqa: PLC0414
from core.work import Workspace as Workspace  # noqa: PLC0414

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

# ---------------------------------------------------------------------------------------------------------- people


class Chat(Protocol):
    """Where people talk. `key` is the same on every retry; a platform that can, refuses the second."""

    async def post(self, place: Place, reply: Reply, key: str) -> str:
        """Say something new; returns the platform's reference of the message."""
        ...

    async def draw(self, place: Place, card: Card, reference: str, key: str) -> str:
        """Draw a living card: a new message when `reference` is empty, else edit that one. Returns its reference."""
        ...

    async def find(self, place: Place, key: str) -> str:
        """Look up a message after an ambiguous post, by its key; "" when it is not there or cannot be looked up."""
        ...


class Notifier(Protocol):
    """Sends one notice to one address and returns the receipt (a Message-ID, a dedup key)."""

    async def notify(self, address: str, reply: Reply, key: str) -> str: ...


class OnCall(Protocol):
    """Who is on call for a schedule at a time; identities (`pagerduty:PABC`), empty when nobody is."""

    async def find_responders(self, schedule: str, at: datetime) -> Sequence[str]: ...


# ---------------------------------------------------------------------------------------------------------- agents


class Listener(Protocol):
    """What a runtime tells of its agent. `hear` must not wait; `ask` waits for a person, for days if need be, and
    is cancelled when the agent goes away."""

    def hear(self, kind: str, data: Mapping[str, Any]) -> None: ...

    async def ask(self, ask: Ask) -> Answer: ...


class Session(Protocol):
    """An open conversation with one agent. `how` is new, loaded or rebuilt (the agent could not load it)."""

    @property
    def id(self) -> str: ...

    @property
    def how(self) -> str: ...

    async def prompt(self, text: str, files: Sequence[GivenFile] = ()) -> TurnEnd:
        """One turn, with each file in whatever way the agent takes it. Waits without a limit of its own; raises
        PermanentFailure when the agent breaks the protocol or goes away, with what it said."""
        ...

    async def cancel(self) -> None:
        """Ask the agent to end its turn; `prompt` then returns "cancelled"."""
        ...


class AgentRuntime(Protocol):
    """Speaks a protocol with an agent over two streams. Knows nothing of processes, folders or git."""

    async def open(
        self, reader: StreamReader, writer: StreamWriter, opening: Opening, listener: Listener
    ) -> Session: ...

    async def greet(self, reader: StreamReader, writer: StreamWriter, folder: str = "") -> Handshake:
        """The handshake, for `doctor`; with a folder also a session there, which says whether somebody signed in."""
        ...


# ----------------------------------------------------------------------------------------------------------- places


class Process(Protocol):
    """A started agent with all its descendants."""

    @property
    def reader(self) -> StreamReader: ...

    @property
    def writer(self) -> StreamWriter: ...

    async def wait(self) -> Exit: ...

    async def kill(self) -> Exit:
        """End the agent and every descendant; returns when none is left. Never raises when it is gone already."""
        ...


class Host(Protocol):
    """Where agents run: prepares the worktree, starts a command, ends what is left over."""

    async def prepare(self, agent: str, repository: str, base: str, title: str | None) -> Workspace:
        """Make worktree and branch, or find those that an earlier, interrupted call made. Without a title a worktree on
        no branch, made once: a spare. PermanentFailure with git's words when it cannot be done."""
        ...

    async def furnish(self, workspace: Workspace, names: Sequence[str]) -> None:
        """Copy files that git does not keep from the repository's folder. PermanentFailure for what is no such file."""
        ...

    async def start(self, launch: Launch) -> Process:
        """Start under a guard. PermanentFailure when the command is missing or cannot run."""
        ...

    async def reclaim(self, agent: str, folder: str = "") -> Exit | None:
        """After a crash: wait until the former guard let go and nothing of the agent runs, also in its worktree
        `folder` ("" when there is none on record); returns how it ended."""
        ...


class Spares(Protocol):
    """Worktrees that a Host prepared before an agent asked for one. A spare's Workspace has its name as `agent`."""

    async def look(self, repository: str, base: str, names: Sequence[str]) -> Stand:
        """What a worktree would begin with now. PermanentFailure when none could be made."""
        ...

    async def seal(self, spare: Workspace) -> str:
        """A digest of what is in it that git does not ignore: another one when anything was changed. Conflict when it
        is gone, or stands on another commit than its base."""
        ...

    async def hand_over(self, spare: Workspace, agent: str, title: str) -> Workspace:
        """Make it an agent's, on a branch of the agent's own, with what its set-up left in the agent's folder; the same
        again after an interrupted call. Conflict when it is not as it was left."""
        ...

    async def drop(self, spare: Workspace) -> None:
        """Remove all of it, whatever is in it, and an empty branch that an agent got with it. Nothing may run in it."""
        ...


class Sandbox(Protocol):
    """Shuts agents in: turns what is to be started into the same behind walls, for a Host to start."""

    async def wrap(self, launch: Launch, workspace: Workspace, tools: Sequence[ToolServer], walls: Walls) -> Launch:
        """`tools` are the servers that the agent will start by itself. PermanentFailure with a remedy where this
        machine cannot do it; never the launch as it was."""
        ...


class Repositories(Protocol):
    """What is done with an agent's work. Git only; no agent runs here."""

    async def collect(self, workspace: Workspace, message: str) -> Work:
        """Commit what the agent left uncommitted (with `message`; "" commits nothing) and say what is there."""
        ...

    async def diff(self, workspace: Workspace, limit: int) -> str:
        """Everything beyond the base as a patch, cut at `limit` bytes with a line that says how much is missing."""
        ...

    async def accept(self, workspace: Workspace, how: str) -> Taken:
        """`how` is merge (into the base branch), rebase (onto it, which then has it) or push (the branch to its
        remote). Conflict with the files when that cannot be; nothing is half-done."""
        ...

    async def remove(self, workspace: Workspace, force: bool) -> Sequence[str]:
        """Remove worktree and branch. Conflict naming what would be lost unless `force`; returns what was lost."""
        ...


class Surveyor(Protocol):
    """Looks at repositories that are to become projects."""

    async def survey(self, folder: str, reach: bool) -> Survey:
        """What is there; with `reach` its remote is asked as well. PermanentFailure for what is no repository with a
        commit."""
        ...

    async def clone(self, url: str, folder: Path) -> None:
        """Fetch a checked address into `folder`; what an earlier call fetched is used. Conflict when something else is
        there; PermanentFailure with git's words, without credentials."""
        ...


# ------------------------------------------------------------------------------------------------------- the record


class Notebook(Protocol):
    """Stored, namespaced key and value of one integration: cursors, hashes, counts."""

    async def read(self, key: str) -> str | None: ...

    async def write(self, key: str, value: str) -> None: ...


class Board(Protocol):
    """What stands in the places of a chat that no other company keeps, for pages to show. TemporaryFailure when the
    store cannot be used, PermanentFailure for a place of another chat."""

    async def put(self, place: Place, shown: Reply | Card, key: str) -> str:
        """Put something there, once for every key; returns its reference."""
        ...

    async def edit(self, reference: str, card: Card) -> bool:
        """Show another card in its place; False when it is gone. The same one again changes nothing."""
        ...

    async def find(self, place: Place, key: str) -> str:
        """The reference of what was put there with a key, "" when nothing was."""
        ...


class Street(Protocol):
    """The way in for what people do in a chat. TemporaryFailure when the store cannot be used."""

    async def hear(self, message: Message) -> None:
        """Store it, once for every key, and have it seen to. When this returns, and not before, it is acknowledged."""
        ...

    async def suggest(self, place: Place, source: str, typed: str) -> Sequence[tuple[str, str]]:
        """What there is now of a kind of thing (agents, projects, kinds, …) that fits what was typed, each with what it
        is, the likeliest first, at most 25."""
        ...

    def list_verbs(self) -> Sequence[Verb]:
        """All that can be asked, in the order in which help shows it."""
        ...

    async def find_button(self, id: str) -> Button:
        """The button with this id as it is offered now, with what it asks for; its command is not for the chat to run.
        Conflict when it is of no use any more."""
        ...


class Anchors(Protocol):
    """Which message shows what: a card that others are put below. TemporaryFailure when the store cannot be used."""

    async def find_reference(self, place: Place, subject: str) -> str:
        """The platform's reference of the subject's card (`agent:web-12`) in a place, "" while there is none."""
        ...

    async def find_subject(self, place: Place, reference: str) -> str:
        """What the card with this reference shows, "" when it is none of ours."""
        ...

    async def list_cards(self, chat: str, kind: str) -> Sequence[tuple[str, str]]:
        """The cards of a chat that show things of a kind (`agent:`) and stand somewhere: subject and reference."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What an integration's factory is given. `settings` is an instance of its own settings class, or None. `shared` is
    for what its parts have in common, for as long as these settings hold."""

    home: Path
    settings: Any
    notebook: Notebook
    board: Board
    street: Street
    anchors: Anchors
    shared: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Integration:
    """One folder of integrations/. Every factory is lazy: nothing of the platform is imported before it is called.
    `always`: it is on without a section in the settings. `listen` hears a platform until it is cancelled; a
    TemporaryFailure of it is tried again, a PermanentFailure is told to people. `sealed`: its buttons carry ids of
    stored actions instead of commands. `threads`: what is said of an agent goes below its card, to `place/AGENT`.
    `verbs` are words of the command line after its name. `watches` says, by its settings, which places of it hear of
    all agents."""

    name: str
    about: str
    settings: Callable[[], type[Any]] | None = None
    chat: Callable[[Setup], Chat] | None = None
    notifier: Callable[[Setup], Notifier] | None = None
    oncall: Callable[[Setup], OnCall] | None = None
    runtime: Callable[[Setup], AgentRuntime] | None = None
    host: Callable[[Setup], Host] | None = None
    sandbox: Callable[[Setup], Sandbox] | None = None
    repositories: Callable[[Setup], Repositories] | None = None
    surveyor: Callable[[Setup], Surveyor] | None = None
    spares: Callable[[Setup], Spares] | None = None
    kinds: Sequence[Kind] = ()
    doors: Callable[[Setup], Sequence[Door]] | None = None
    checks: Callable[[Setup], Awaitable[Sequence[Check]]] | None = None
    listen: Callable[[Setup], Coroutine[Any, Any, None]] | None = None
    verbs: Sequence[LocalVerb] = ()
    watches: Callable[[Any], Sequence[Watch]] | None = None
    pace: Pace = field(default_factory=Pace)
    always: bool = False
    sealed: bool = False
    threads: bool = False
