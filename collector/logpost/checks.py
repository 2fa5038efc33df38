"""What the parts check of their settings when they start, beyond types and bounds; for `logpost config check`, all of
it at once."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator

from logpost.addresses import WILDCARDS
from logpost.agent.sources.file.file_set import zone
from logpost.agent.sources.file.paths import PathRules
from logpost.config import Config, FileSourceConfig, JournalSourceConfig, Loaded, StoreConfig
from logpost.errors import ConfigError
from logpost.kafka import check_client
from logpost.kafka import mistakes as kafka_mistakes
from logpost.listening import exposed
from logpost.query.errors import QuerySyntaxError
from logpost.store_url import scheme_and_rest


def mistakes(loaded: Loaded) -> list[str]:
    """Each with the file or variable that set the key."""
    found = (*_mistakes(loaded.config), *_shared_ports(loaded))
    return [f"{_source(loaded, key)}{mistake}" for key, mistake in found]


def _source(loaded: Loaded, key: str) -> str:
    return f"{loaded.origins[key].partition(' (')[0]}: " if key in loaded.origins else ""


def _mistakes(config: Config) -> Iterator[tuple[str, str]]:
    """(key, mistake)."""
    for name, table in (("broker", config.broker), ("web", config.web)):
        if mistake := exposed(table.listen, insecure=table.insecure, table=name):
            yield f"{name}.listen", mistake
    unusable = kafka_mistakes(config.kafka)
    yield from unusable.items()
    if not unusable and (mistake := _raised(lambda: check_client(config.kafka))):
        yield "kafka.security_protocol", mistake
    yield from _of_store(config.store)
    for key, check in (
        ("data", config.data_directory),
        ("store.url", lambda: scheme_and_rest(config.store.url)),
        ("TZ", lambda: zone("")),
    ):
        if mistake := _raised(check):
            yield key, mistake
    journals = 0
    for place, source in enumerate(config.agent.source):
        journals += isinstance(source, JournalSourceConfig)
        if isinstance(source, FileSourceConfig):
            yield from (("agent.source", mistake) for mistake in _of_files(source, f"agent.source[{place}]"))
    if journals > 1:
        yield "agent.source", 'agent.source: only one source can have type = "journal"'


def _of_store(store: StoreConfig) -> Iterator[tuple[str, str]]:
    if mistake := _raised(lambda: re.compile(store.topics)):
        yield "store.topics", f"store.topics: {mistake}"
    for place, rule in enumerate(store.retention):
        if mistake := _of_query(rule.query):
            yield "store.retention", f"store.retention[{place}].query: {mistake}"


def _shared_ports(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Two parts that are told to listen at one place. A default may be that of a part which does not run here."""
    broker, web, agent = loaded.config.broker, loaded.config.web, loaded.config.agent
    listens = (
        ("broker.port", broker.listen, broker.port),
        ("broker.metrics_port", "localhost", broker.metrics_port),
        ("web.port", web.listen, web.port),
        ("agent.metrics_port", "localhost", agent.metrics_port),
    )
    for (key, host, port), (other, other_host, other_port) in itertools.combinations(listens, 2):
        same_host = host == other_host or not {host, other_host}.isdisjoint(WILDCARDS)
        if same_host and port and port == other_port and {key, other} <= loaded.origins.keys():
            yield other, f"{other} = {port} is the port of {key} too"


def _of_files(source: FileSourceConfig, key: str) -> Iterator[str]:
    for name, patterns in (("paths", source.paths), ("exclude", source.exclude)):
        for place, pattern in enumerate(patterns):
            given = ((pattern,), ()) if name == "paths" else ((), (pattern,))
            if mistake := _raised(lambda given=given: PathRules(*given, forbidden=())):  # type: ignore[misc]  # bound here
                yield f"{key}.{name}[{place}]: {mistake}"
    if source.timezone and (mistake := _raised(lambda: zone(source.timezone))):
        yield f"{key}.timezone: {mistake}"


def _of_query(query: str) -> str:
    from logpost.query.filters.match import compile_match  # takes a grammar to read, for those who have a rule
    from logpost.query.syntax import parse

    try:
        compile_match(parse(query))
    except QuerySyntaxError as error:
        return str(error)
    return "" if query.strip() else "an empty query matches everything: that is what store.keep is for"


def _raised(check: Callable[[], object]) -> str:
    try:
        check()
    except (ConfigError, ValueError, re.error) as error:
        return str(error)
    return ""
