"""The way in for chats: what people do there becomes a stored call, or a stored answer to what made no sense."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from bot.admission import find_email, find_role, hide_addresses, read_facts
from bot.commands.completion import MOST, sort_names
from bot.commands.concealing import conceal_codes
from bot.commands.files import FILES
from bot.commands.line import read_line, read_mention
from bot.commands.offered import fill_in, list_verbs
from bot.commands.parser import Defaults, Invocation, parse_line
from bot.commands.registry import Registry
from bot.dispatcher import Call, Dispatcher, describe_error, name_call, say_error
from bot.hearing import Hearing
from bot.house import House
from bot.names import find_defaults, list_names
from bot.subjects import draw_subject
from core.actions import demand_offered, find_sent, open_action, use_action
from core.asks import ACCESS, ask_from_chat
from core.audit import write_audit
from core.delivery import name_delivery, queue_reply
from core.desk import SEND_LIMIT, limit_time
from core.errors import BadInput, PermanentFailure, TemporaryFailure, UserError
from core.identities import can_join, join_by_email
from core.interfaces import Chat, Verb
from core.messages import Action, Button, How, Message, Place, Reply
from core.model import Actor, Delivery, InboxItem, Lane, Role
from core.people import ensure_person, find_person
from core.permissions import demand_stranger
from core.store import Transaction, get
from core.tab import TURN, is_home
from core.tabs import open_tab, touch_tab, turn_tab

log = structlog.get_logger()
LONGEST_WORDS = 30_000
# What was said longer ago, and is heard only now, is not done: nobody expects it any more.
LATE = timedelta(days=1)


class HouseStreet:
    """The Street of this process. It is handed out before the rest of the house stands, and opened once it does."""

    def __init__(self) -> None:
        self._house: House | None = None
        self._dispatcher: Dispatcher
        self._registry: Registry
        self._chats: Mapping[str, Chat] = {}
        self._handing: set[asyncio.Task[None]] = set()
        self._hearing: Hearing

    def open(self, house: House, dispatcher: Dispatcher, registry: Registry, chats: Mapping[str, Chat]) -> None:
        """From now on what comes in is seen to."""
        self._house, self._dispatcher, self._registry, self._chats = house, dispatcher, registry, chats
        self._hearing = Hearing(house, self._see_to)

    async def run(self) -> None:
        """See to what is heard, as long as the bot runs."""
        await self._hearing.run()

    async def hear(self, message: Message) -> None:
        """Store what was said; it is seen to after that. Raises TemporaryFailure when it cannot be stored."""
        self._require_house()
        await self._hearing.keep(conceal_codes(self._registry, message))

    async def _see_to(self, message: Message) -> None:
        house = self._require_house()
        if message.at and house.now() - message.at > LATE:
            await self._tell_late(house, message)
            return
        defaults = await self._look_up(house, message)
        if defaults is None:
            return
        try:
            if message.how is How.OPENED:
                await self._open_tab(house, message)
                return
            action = await self._find_action(house, message) if message.how is How.BUTTON else None
            if action is None or not await self._do_here(house, message, action):
                await self._do_command(house, message, action, defaults)
        except UserError as error:
            await self._refuse(house, message, error)

    async def _do_here(self, house: House, message: Message, action: Action) -> bool:
        """What a button does that stands for no command; False when it stands for one."""
        if is_home(message.place):
            async with house.database.transaction() as tx:
                await touch_tab(tx, _hide_address(message), house.now())
                if action.command.startswith(TURN):
                    await turn_tab(tx, message.place, action.command)
                    return True
        if action.command == ACCESS:
            await self._ask_access(house, message)
        return action.command == ACCESS

    async def _open_tab(self, house: House, message: Message) -> None:
        await self._find_actor(house, message)
        async with house.database.transaction() as tx:
            await open_tab(tx, _hide_address(message), house.now())

    async def _do_command(self, house: House, message: Message, action: Action | None, defaults: Defaults) -> None:
        meaning = self._understand(message, action, defaults)
        if isinstance(meaning, Reply):
            await self._tell(house, message, meaning)
        else:
            await self._take(house, message, _add_files(meaning, message), action)

    async def suggest(self, place: Place, source: str, typed: str) -> Sequence[tuple[str, str]]:
        """Names of a kind that fit. Raises TemporaryFailure."""
        house = self._require_house()
        async with house.database.reading() as tx:
            names = await list_names(tx, house)
        return [(name.value, name.about) for name in sort_names(names.get(source, ()), typed)][:MOST]

    def list_verbs(self) -> Sequence[Verb]:
        """All that can be asked."""
        return list_verbs(self._registry)

    async def find_button(self, id: str) -> Button:
        """The button as it is offered now. Raises Conflict, and TemporaryFailure."""
        house = self._require_house()
        async with house.database.reading() as tx:
            return await self._find_button(tx, house, await open_action(tx, id, house.now()))

    def _require_house(self) -> House:
        if self._house is None:
            raise TemporaryFailure("The bot is still starting.", retry_after=1)
        return self._house

    async def _look_up(self, house: House, message: Message) -> Defaults | None:
        """What is meant where it was said; None when it was taken or answered before: by now it may mean something
        else."""
        async with house.database.reading() as tx:
            if await self._was_heard(tx, message):
                return None
            return await find_defaults(tx, house, str(message.place))

    async def _was_heard(self, tx: Transaction, message: Message) -> bool:
        if await get(tx, InboxItem, key=name_call(message.place.chat, message.identity, message.key)):
            return True
        return await get(tx, Delivery, id=name_delivery(_name_told(message))) is not None

    async def _tell_late(self, house: House, message: Message) -> None:
        """Once a day in each place, however much was said there."""
        if await self._look_up(house, message) is None:
            return
        words = (
            "What was said here more than a day ago reached Callboard only now: nothing was done with it. "
            "Say it again if it still matters."
        )
        now = house.now()
        key, stream = f"late:{message.place}:{now:%Y-%m-%d}", f"replies:{message.place}"
        async with house.database.transaction() as tx:
            await queue_reply(tx, message.place, Reply(text=words), stream=stream, lane=Lane.HUMAN, now=now, key=key)

    async def _find_action(self, house: House, message: Message) -> Action:
        """What a button stands for. A card is asked, as it is now, whether it still offers it."""
        async with house.database.reading() as tx:
            action = await open_action(tx, message.text, house.now())
            if action.subject:
                await self._find_button(tx, house, action)
        return action

    async def _find_button(self, tx: Transaction, house: House, action: Action) -> Button:
        if not action.subject:
            return demand_offered(action, await find_sent(tx, action))
        card = await draw_subject(tx, house, action.subject)
        return demand_offered(action, [card] if card else [])

    def _understand(self, message: Message, action: Action | None, defaults: Defaults) -> Invocation | Reply:
        if action:
            return parse_line(self._registry, _write_line(action, message.words), defaults)
        if message.arguments is not None:
            return fill_in(self._registry, message.text, message.arguments, defaults)
        if message.how is How.COMMAND:
            return parse_line(self._registry, message.text.strip() or "help", defaults)
        if message.how is How.MENTION:
            return read_mention(self._registry, message.text, defaults)
        return read_line(self._registry, message.text, defaults)

    async def _take(self, house: House, message: Message, meaning: Invocation, action: Action | None) -> None:
        actor = await self._find_actor(house, message)
        is_once = action is not None and not action.subject
        call = Call(
            key=action.id if action and is_once else message.key,
            door=message.place.chat,
            actor=actor,
            place=str(name_channel(message.place)),
            command=meaning.command.name,
            arguments=meaning.arguments,
            reply_to=str(_find_reply(message)),
            private=str(message.private),
            facts=hide_addresses(message.facts),
            identity=message.identity,
            name=message.name,
        )
        running = await self._dispatcher.take(call)
        if action and is_once:
            async with house.database.transaction() as tx:
                await use_action(tx, action, house.now())
        if running:
            self._hand_over(message, running)

    async def _ask_access(self, house: House, message: Message) -> None:
        """Admins are asked, here and in the console. Raises Conflict, as `ask_from_chat`, and Refused for strangers."""
        demand_stranger(read_facts(house.settings, message.place.chat, message.facts))
        # Nobody but themselves sees their own tab.
        here = () if is_home(message.place) else (name_channel(message.place),)
        places = (Place("console", "main"), *here)
        async with house.database.transaction() as tx:
            ask = await ask_from_chat(tx, message.identity, message.name, places, house.now())
            words = f"Admins are asked. Tell one of them your code word, “{ask.word}”: they let you in when it fits."
            await self._queue(tx, house, message, Reply(text=words))

    async def _find_actor(self, house: House, message: Message) -> Actor:
        """Whoever is in a group with a role, or is known by an address, is somebody from the first time on; nobody else
        is written down."""
        chat = message.place.chat
        if email := find_email(house.settings, chat, message.facts):
            await self._join_by_email(house, message, email)
        role = find_role(house.settings, chat, message.facts)
        async with house.database.transaction() if role else house.database.reading() as tx:
            person = await self._find_person(tx, house, message, role)
        return Actor(person, message.name, Role.ADMIN, chat)

    async def _join_by_email(self, house: House, message: Message, email: str) -> None:
        """Whom the settings name by an address that the platform vouches for is that person here too."""
        async with house.database.reading() as tx:
            if not await can_join(tx, message.identity, email):
                return
        async with house.database.transaction() as tx:
            await join_by_email(tx, message.place.chat, message.identity, email, house.now())

    async def _find_person(self, tx: Transaction, house: House, message: Message, role: Role) -> str:
        if known := await find_person(tx, message.identity):
            return known.id
        if not role:
            return ""
        return (await ensure_person(tx, message.identity, message.name, Role.NOBODY, house.now())).id

    async def _tell(self, house: House, message: Message, reply: Reply) -> None:
        """What only the one who said it is told."""
        async with house.database.transaction() as tx:
            await self._queue(tx, house, message, reply)

    async def _refuse(self, house: House, message: Message, error: UserError) -> None:
        """What made no sense is answered; a button that is of no use any more is written down as well."""
        async with house.database.transaction() as tx:
            await self._queue(tx, house, message, say_error(describe_error(error)))
            if message.how is How.BUTTON:
                known = await find_person(tx, message.identity)
                person = known.id if known else message.identity
                actor = Actor(person, message.name, Role.NOBODY, message.place.chat)
                action = await get(tx, Action, id=message.text)
                what = (action.command, action.subject) if action else ("button", message.text[:80])
                await write_audit(tx, actor, *what, False, error.message, house.now())

    async def _queue(self, tx: Transaction, house: House, message: Message, reply: Reply) -> None:
        place = message.private
        stream = f"replies:{place}"
        await queue_reply(tx, place, reply, stream=stream, lane=Lane.HUMAN, now=house.now(), key=_name_told(message))

    def _hand_over(self, message: Message, running: asyncio.Task[Mapping[str, Any]]) -> None:
        task = asyncio.create_task(self._show_secret(message, running))
        self._handing.add(task)
        task.add_done_callback(self._handing.discard)

    async def _show_secret(self, message: Message, running: asyncio.Task[Mapping[str, Any]]) -> None:
        """A secret is never stored: it is shown once, to the one who asked, or not at all."""
        answer = await asyncio.shield(running)
        place = message.private
        if "secret" not in answer or place.chat not in self._chats:
            return
        try:
            post = self._chats[place.chat].post(place, Reply(text=answer["secret"]), f"secret:{message.key}")
            await limit_time(post, SEND_LIMIT, place)
        except (TemporaryFailure, PermanentFailure) as failure:
            log.error("a secret was not handed over: it has to be made again", place=str(place), reason=str(failure))


def _name_told(message: Message) -> str:
    """The key of an answer that came without a command."""
    return f"told:{message.place.chat}:{message.key}"


def _hide_address(message: Message) -> Message:
    """What of it may be stored."""
    return replace(message, facts=hide_addresses(message.facts))


def _find_reply(message: Message) -> Place:
    """Where an answer goes that is not for the one who asked alone."""
    is_private = message.how in (How.COMMAND, How.BUTTON) and not is_home(message.place)
    return message.private if is_private else message.place


def name_channel(place: Place) -> Place:
    """The channel of a thread; any other place as it is."""
    return replace(place, address=place.address.partition("/")[0])


def _write_line(action: Action, words: str) -> str:
    """The command as somebody would have typed it, with what they said to its prompt as its text. Raises BadInput."""
    said = words.strip()
    if not action.prompted or not said:
        return action.command
    if len(said) > LONGEST_WORDS:
        raise BadInput(f"{len(said):,} characters are too many ({LONGEST_WORDS:,} at most).")
    return f"{action.command} -- {said}"


def _add_files(meaning: Invocation, message: Message) -> Invocation:
    """The same with the files that came along. Raises BadInput where nothing takes them."""
    if not message.files:
        return meaning
    taker = next((item for item in meaning.command.parameters if item.type.name == FILES), None)
    if taker is None:
        raise BadInput(f"{meaning.command.name} takes no files.", remedy="`spawn` and `send` take them.")
    files = [{"name": file.name, "base64": base64.b64encode(file.content).decode()} for file in message.files]
    return replace(meaning, arguments={**meaning.arguments, taker.name: files})
