"""The command `logpost topics` and those below it. They reach the broker of `kafka.bootstrap_servers`, ours or not."""

from __future__ import annotations

import argparse

from logpost.cli import Commands, add_parser, utf_8
from logpost.config import Config


def add_command(commands: Commands) -> None:
    parser = add_parser(commands, "topics", run)
    nested = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    add_parser(nested, "list", run, "The names of all topics, and how many partitions each has.", nested=True)
    _add_create(nested)
    for name, summary in (
        ("describe", "Partitions with their offsets, and the settings that differ from the defaults."),
        ("delete", "Delete a topic with everything in it."),
    ):
        _named(add_parser(nested, name, run, summary, nested=True))
    _add_produce(nested)
    _add_consume(nested)


def run(parsed: argparse.Namespace, config: Config) -> int:
    # Imported here: `logpost --help` loads no Kafka client.
    from logpost.topics import administration, messages

    actions = {
        "list": administration.list_topics,
        "create": administration.create,
        "describe": administration.describe,
        "delete": administration.delete,
        "produce": messages.produce,
        "consume": messages.consume,
    }
    return actions[parsed.action](parsed, config.kafka)


def _named(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", metavar="TOPIC", type=utf_8)


def _add_create(commands: Commands) -> None:
    parser = add_parser(commands, "create", run, "Create a topic.", nested=True)
    _named(parser)
    parser.add_argument("--partitions", metavar="N", type=_positive, default=-1, help="default: the broker's")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="a setting of the topic, such as cleanup.policy=compact; may be given again",
    )


def _add_produce(commands: Commands) -> None:
    parser = add_parser(commands, "produce", run, "Write messages; ends when the broker has them.", nested=True)
    # The options first: before Python 3.13 argparse takes no MESSAGE that stands after one.
    parser.usage = "logpost topics produce [-h] [--config FILE] [--data DIR] [--key KEY] TOPIC [MESSAGE ...]"
    _named(parser)
    parser.add_argument("messages", metavar="MESSAGE", nargs="*", help="default: each line of the input is one")
    parser.add_argument("--key", help="the key of all of them: messages with one key stay in order")


def _add_consume(commands: Commands) -> None:
    parser = add_parser(commands, "consume", run, "Print a topic's messages from the first to the last.", nested=True)
    _named(parser)
    parser.add_argument("--follow", action="store_true", help="then wait for more, until Ctrl-C")
    parser.add_argument("--new", action="store_true", help="only what comes from now on, until Ctrl-C")
    parser.add_argument("--limit", metavar="N", type=_positive, help="most messages")
    parser.add_argument("--json", action="store_true", help="one JSON object per message, with its key and its place")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return int(text)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = utf_8(text).partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
