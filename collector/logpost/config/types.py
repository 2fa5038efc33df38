"""Types of settings: their bounds, and in words what is expected."""

from __future__ import annotations

from typing import Annotated

import msgspec

from logpost.units import DURATION, SHARE_OR_SIZE

INT64_MAX = 2**63 - 1
"""The largest number that Kafka's protocol has room for."""

Duration = Annotated[
    str, msgspec.Meta(pattern=DURATION, description='a duration longer than 0, such as "14d", "1h30m" or "90s"')
]
ShareOrSize = (
    Annotated[int, msgspec.Meta(ge=1, le=INT64_MAX)]
    | Annotated[
        str,
        msgspec.Meta(
            pattern=SHARE_OR_SIZE, description='a share of the file system such as "70%", or a size such as "50GB"'
        ),
    ]
)
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=INT64_MAX)]
NotNegative = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3600)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^[^\0]+\Z", description='a path such as "/var/log/nginx/*.log"')]
HttpUrl = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(https?://[^\s/?#@\\]+(/\S*)?)?\Z", description='an address such as "https://logs.example.com"'
    ),
]
Host = Annotated[str, msgspec.Meta(pattern=r"^[^\s/@?]*\Z", description="a host's name or address")]
Listen = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\s/@?\[\]]+\Z", description='an address of this host, such as "localhost", "192.0.2.7" or "::1"'
    ),
]
Servers = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^\s*[^\s,@?]+(\s*,\s*[^\s,@?]+)*\s*\Z",
        description='addresses such as "broker-1:9092,broker-2:9092" without a user or a password',
    ),
]
_TOPIC = "a topic's name: up to 249 letters, digits, dots, hyphens and underscores, not only a dot or two"
TopicOrPattern = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\^.+|(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249})\Z",
        description=f"a pattern that starts with ^, or {_TOPIC}",
    ),
]
TopicName = Annotated[str, msgspec.Meta(pattern=r"^(?!\.{1,2}\Z)[a-zA-Z0-9._-]{1,249}\Z", description=_TOPIC)]
