"""The section `slack` while it is still being set up: what is there, whether it would hold or not."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr

from core.errors import BadInput
from core.interfaces import Errand
from core.walk import read_known
from integrations.slack.settings import COMMAND, SlackSettings, is_safe

BOT, APP, SIGNING = "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"
_SECRETS = (BOT, APP, SIGNING)
_SHAPES = {BOT: ("xoxb-", "the Bot User OAuth Token"), APP: ("xapp-", "the app-level token")}


def read_draft(errand: Errand) -> SlackSettings:
    """Settings that were not checked, with the command of the options first. Raises BadInput for a command that is
    none, and for an address to which no token may go."""
    command = str(errand.options.get("command") or errand.written.get("command") or "/agent")
    api_url = str(errand.written.get("api_url") or SlackSettings.model_fields["api_url"].default)
    if not COMMAND.fullmatch(command):
        raise BadInput(f"{command[:40]!r} is no slash command.", remedy="Write it as /agent: small letters and digits.")
    if not is_safe(api_url):
        raise BadInput("integrations.slack.api_url: tokens go there in clear text.", remedy="Use https.")
    return SlackSettings.model_construct(bot_token=SecretStr(""), command=command, api_url=api_url)


def uses_http(errand: Errand) -> bool:
    """Whether Slack is to call the bot: it is asked for, or all that is there is made for it."""
    known = {name: bool(errand.office.read_secret(name)) for name in (APP, SIGNING)}
    return bool(errand.options.get("http")) or (known[SIGNING] and not known[APP])


def find_url(errand: Errand) -> str:
    """The address for signed HTTP, "" for Socket Mode. Raises BadInput when it is needed and not set."""
    if not uses_http(errand):
        return ""
    if not errand.public_url.startswith("https://"):
        remedy = "Set http.public_url to the https address at which Slack reaches the bot, or use Socket Mode."
        raise BadInput("Signed HTTP needs a public address, and there is none.", remedy=remedy)
    return errand.public_url


def read_tokens(errand: Errand) -> Mapping[str, str]:
    """What is known already: the file of the options first, then what the bot would read. Raises BadInput."""
    return read_known(errand, _SECRETS, f"{BOT}=xoxb-… and {APP}=xapp-…")


def check_shape(name: str, token: str) -> None:
    """Raises BadInput for what cannot be this token, and says what it is."""
    if name == SIGNING:
        if not (token.isalnum() and 16 <= len(token) <= 64):
            raise BadInput("This is no signing secret.", remedy="It is under Basic Information, App Credentials.")
        return
    start, wanted = _SHAPES[name]
    if token.startswith(start):
        return
    others = [other for begin, other in (*_SHAPES.values(), ("xoxp-", "a person's token")) if token.startswith(begin)]
    seen = f"This is {others[0]}" if others else "This is no token of Slack's"
    raise BadInput(f"{seen}; {wanted} begins with {start}.", remedy="Copy that one.")
