"""Codes that somebody says are stored as what cannot be said: before anybody knows whether they are any."""

from __future__ import annotations

from dataclasses import replace

from bot.commands.line import find_command_start
from bot.commands.parameters import CODE
from bot.commands.parser import find_command
from bot.commands.registry import Command, Registry
from core.errors import UserError
from core.ids import conceal_code
from core.messages import Message


def conceal_codes(registry: Registry, message: Message) -> Message:
    """The same message, with nothing in it that only the one who said it should know."""
    begin = find_command_start(message.text) or 0
    try:
        command, end = find_command(registry, message.text[begin:])
    except UserError:
        return message
    names = _list_codes(command)
    if not names:
        return message
    head, said = message.text[: begin + end], message.text[begin + end :].strip()
    arguments = message.arguments
    if arguments is not None:
        arguments = {name: conceal_code(str(value)) if name in names else value for name, value in arguments.items()}
    return replace(message, text=f"{head} {conceal_code(said)}" if said else head, arguments=arguments)


def _list_codes(command: Command) -> list[str]:
    return [item.name for item in command.parameters if item.type is CODE]
