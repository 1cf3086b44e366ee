"""Where the bot listens, and how people come in there."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address, ip_network
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import NoDecode

from core.settings.problem import fault
from core.settings.value import Amount, Count, Label, Section, Text, split_list

LONGEST_SESSION = timedelta(days=90)


def _check_network(value: str) -> str:
    try:
        return str(ip_network(value.strip()))
    except ValueError:
        raise fault("this is not an address or a network.", "Write 10.0.0.2 or 10.0.0.0/8.") from None


Networks = Annotated[tuple[Annotated[str, AfterValidator(_check_network)], ...], NoDecode, BeforeValidator(split_list)]


class HttpSettings(Section):
    """Where the HTTP API and the web console listen."""

    host: Label = Field("127.0.0.1", description="Address to listen on.")
    port: Count = Field(8765, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    public_url: Text = Field("", description="Address at which people reach it, for links; empty: host and port.")
    allow_remote: bool = Field(False, description="Must be true before `host` may be anything but this machine.")
    session_days: Amount = Field(
        14.0,
        gt=0,
        le=LONGEST_SESSION.days,
        allow_inf_nan=False,
        description="Days after which somebody who did not come is signed out of the console; 90 days after signing in "
        "everybody is.",
    )
    link_minutes: Amount = Field(
        15.0, gt=0, le=10080, allow_inf_nan=False, description="Minutes for which a link that signs in can be used."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Addresses of proxies (10.0.0.2, 10.0.0.0/8) whose `X-Forwarded-For` is believed, for limits and "
        "the audit; empty: nobody's.",
    )

    @property
    def is_shared(self) -> bool:
        """Whether others than those at this machine may reach the bot: by its address, or through a proxy."""
        parts = split_url(self.public_url)
        return self.allow_remote or bool(parts and parts.hostname and not is_loopback(parts.hostname))

    @field_validator("public_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        parts = split_url(value)
        if value and (parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
            raise fault("must be a web address.", "Write it as https://callboard.example.com")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _check_reach(self) -> Self:
        if not self.allow_remote and not is_loopback(self.host):
            raise fault(
                "other machines could reach the bot.",
                "Keep 127.0.0.1, or put a proxy with TLS before it and set http.allow_remote: true.",
                "host",
            )
        return self


def split_url(value: str) -> SplitResult | None:
    """None when it is no address."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return parts


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the host."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
