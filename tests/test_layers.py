"""The house as one table: every folder and every file of the three packages, what it may import, and what of the
machine it may know. Imports point downwards, so that the table's order is the order in which to read."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from logpost_web.store.schema import CREATE_DELETED, CREATE_MANIFEST, CREATE_STEPPED_OVER, CREATE_TABLE

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "logpost": ROOT / "collector" / "logpost",
    "logpost_broker": ROOT / "broker" / "logpost_broker",
    "logpost_web": ROOT / "web" / "logpost_web",
}
# What `pip install logpost`, without the server extra, brings along.
COLLECTOR_DEPENDENCIES = {
    *("backports", "compression", "confluent_kafka", "lark", "msgspec", "prometheus_client", "re2", "watchdog"),
}

TABLE = """
logpost
  __init__           handler
  __main__           cli
  config_command     checks cli config redaction units
  doctor             addresses checks cli config controls doctor.checks
                     doctor.gathering errors processes redaction scrape
                     status supervisor                                      | clock
  status             addresses cli config controls doctor.checks
                     doctor.gathering installed processes redaction scrape  | clock socket thread
  doctor.gathering   addresses agent agent.delivery agent.sources.file
                     authorities config doctor.checks errors installed
                     kafka listening processes scrape service store_memory
                     store_url                                              | clock socket thread
  doctor.checks      controls
  backup             cli config errors installed progress service store_url | socket process
  supervisor         addresses cli config errors listening reload repeats
                     service systemd                                        | loop clock socket process
  topics             cli config controls errors kafka                       | thread
  agent              agent.delivery agent.metrics agent.sources
                     agent.sources.file agent.sources.journal cli config
                     errors heap reload said_once service systemd           | clock chance thread socket process
  reload             checks cli config errors processes service             | thread socket
  checks             addresses agent.sources.file config errors kafka
                     listening query query.filters store_url
  agent.sources.file agent.delivery agent.metrics agent.sources
                     agent.stages config controls errors formats said_once  | clock thread
  agent.sources.journal
                     agent.delivery agent.sources agent.stages config
                     formats said_once                                      | thread process
  agent.sources      agent.delivery agent.metrics agent.stages
  agent.stages       agent.delivery agent.metrics formats
  agent.delivery     agent.metrics config errors formats kafka record
                     said_once                                              | clock thread
  agent.metrics      metrics_server                                         | clock
  handler            config errors kafka record                             | clock chance thread socket process
  scrape             errors
  cli                config errors installed ownership systemd              | process
  kafka              authorities config errors
  config             addresses errors units
  heap
  metrics_server     listening                                              | thread socket
  listening          addresses errors                                       | socket
  service            errors repeats systemd                                 | clock thread socket process
  systemd                                                                   | clock thread socket
  store_url          errors
  store_memory
  query.filters      query
  query              errors formats record
  formats            record
  record
  installed
  processes
  redaction
  progress                                                                  | clock
  controls
  said_once
  repeats                                                                   | clock thread
  units
  authorities                                                               | socket
  ownership
  addresses
  errors

logpost_broker
  pytest_plugin      __init__
  __init__           broker
  command            broker server transfer verify
  doctor             metadata
  broker             log node server                                        | loop thread socket
  server             api errors log node wire                               | loop clock thread socket
  api                errors fetch_sessions groups groups.classic
                     groups.consumer groups.offsets groups.share
                     groups.streams log metadata node partitions
                     regular_expression steps transactions turns wire       | loop
  node               byte_budget coordinator fetch_sessions groups log
                     metadata partitions transactions turns upkeep          | chance
  transactions       coordinator errors groups groups.offsets log
                     partitions steps                                       | loop
  groups             coordinator errors groups.classic groups.consumer
                     groups.offsets groups.share groups.streams log
                     metadata partitions steps                              | loop
  groups.share       coordinator errors groups.modern groups.offsets log metadata
                     partitions                                             | loop
  groups.streams     coordinator errors groups.modern metadata
  groups.consumer    coordinator errors groups.classic groups.modern metadata
                     regular_expression
  groups.offsets     coordinator errors groups.classic log metadata
  groups.modern      coordinator errors metadata
  groups.classic     coordinator errors metadata
  coordinator        errors log partitions                                  | loop
  upkeep             errors log metadata partitions                         | loop clock thread
  transfer           errors log metadata partitions
  verify             log metadata partitions                                | clock
  partitions         errors log metadata metrics steps turns                | loop clock thread
  fetch_sessions     errors log
  metadata           errors log                                             | thread
  metrics            byte_budget log                                        | thread
  wire               errors log
  log                errors turns                                           | thread
  turns              errors                                                 | loop clock socket
  byte_budget
  regular_expression
  steps
  errors

logpost_web
  command            server
  doctor             store
  server             api app cluster exporter http indexer
                     memory_use store                                           | loop socket
  app                api http pages
  search_command     errors query row_text
  store_command      delete_command searches_command stats_text store store_access
                     store_backup_command                                     | socket
  searches_command   store_access
  store_backup_command
                     backup store store_access                              | process
  delete_command     backup deletion deletion_text store store_access       | clock socket
  store_access
  api                backup cluster deletion errors http indexer query store
                                                                            | loop clock thread
  pages              query
  exporter           cluster                                                | clock thread
  cluster                                                                   | clock thread
  http               errors                                                 | loop socket thread
  indexer            deletion retention store time_limits                             | loop clock thread socket
  backup             store                                                   | socket
  deletion           deletion_text errors query store                       | clock thread socket
  retention
  store              query                                                  | clock thread socket
  query              errors time_limits
  deletion_text
  row_text
  memory_use
  stats_text
  time_limits
  errors
"""
"""Of each package its folders, and its files beside them: what of the package each may import, and behind the bar what
it may know. The collector's package may be imported by the two others, which never import each other."""

SHELLS = """
logpost_broker.coordinator journal timers
logpost_broker.groups service journal
logpost_broker.groups.share delivery journal waiting
logpost_broker.transactions service journal markers
logpost_broker.api fetch log_dirs produce share_fetch
logpost_broker.log compression unpacking
logpost_broker.metadata metadata_file
logpost_web.store gate embedded store
logpost_web.indexer deleting errands indexer log_sizes measuring probe raw_log received source telling topics
  tries upkeep
logpost_web.deletion counting kept stopped topic
logpost_web.api services store_delete
logpost_web.http cancellation connection own_hosts places running
logpost.agent agent command configured wake wanted
logpost.agent.sources.file beside source unseen watch
logpost.agent.sources.journal source
logpost.agent.delivery publish topic
logpost.supervisor command part part_logs
logpost.reload control reloader
logpost.systemd journal notices working
"""
"""In these folders only these files know what the table allows; the others are a pure core."""

CONTINUED = "\n" + 21 * " "

KNOWLEDGE = {
    "asyncio": "loop",
    "time": "clock",
    "random": "chance",
    "secrets": "chance",
    "threading": "thread",
    "concurrent": "thread",
    "multiprocessing": "thread",
    "queue": "thread",
    "socket": "socket",
    "ssl": "socket",
    "select": "socket",
    "subprocess": "process",
    "signal": "process",
}


def rooms() -> dict[str, tuple[set[str], set[str]]]:
    """Room → what it may import of its package, and what it may know."""
    found = {}
    for block in TABLE.strip().split("\n\n"):
        package, *lines = block.replace(CONTINUED, " ").splitlines()
        for line in lines:
            imports, _, knows = line.partition("|")
            room, *allowed = imports.split()
            found[_named(package, room)] = ({_named(package, each) for each in allowed}, set(knows.split()))
    return found


def _named(package: str, room: str) -> str:
    return package if room == "__init__" else f"{package}.{room}"


ROOMS = rooms()
SHELL_FILES = {line.split()[0]: set(line.split()[1:]) for line in SHELLS.strip().replace("\n  ", " ").splitlines()}


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file."""
    found = {}
    for package, directory in PACKAGES.items():
        for file in sorted(directory.rglob("*.py")):
            parts = [package, *file.relative_to(directory).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def room_of(module: str) -> str:
    """Its folder; a file of the package itself is a room of its own."""
    is_folder = modules()[module].name == "__init__.py"
    return module if is_folder or module.count(".") == 1 else module.rpartition(".")[0]


@cache
def imported(module: str) -> frozenset[str]:
    """All that a module imports, also where a function or only the type checker does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in modules() else node.module for name in names}
    return frozenset(found)


def ours(module: str) -> set[str]:
    """The rooms of which a module imports something, but for its own."""
    return {room_of(name) for name in imported(module) if name in modules()} - {room_of(module)}


def package_of(name: str) -> str:
    return name.partition(".")[0]


def may_import(module: str) -> set[str]:
    return ROOMS.get(room_of(module), (set(), set()))[0]


def may_know(module: str) -> set[str]:
    room = room_of(module)
    is_core = room in SHELL_FILES and module.rpartition(".")[2] not in SHELL_FILES[room]
    return set() if is_core else ROOMS.get(room, (set(), set()))[1]


def knows(module: str) -> set[str]:
    return {KNOWLEDGE[package_of(name)] for name in imported(module) if package_of(name) in KNOWLEDGE}


def test_the_table_names_every_room() -> None:
    assert {room_of(module) for module in modules()} - {"logpost_web"} == set(ROOMS)


def test_broker_and_web_know_the_collector_and_never_each_other() -> None:
    foreign = {
        (package_of(module), package_of(room))
        for module in modules()
        for room in ours(module)
        if package_of(room) != package_of(module)
    }
    assert foreign <= {("logpost_broker", "logpost"), ("logpost_web", "logpost")}


def test_a_module_imports_what_its_room_may() -> None:
    of_its_own = {
        module: {room for room in ours(module) if package_of(room) == package_of(module)} for module in modules()
    }
    assert {module: more for module, rooms in of_its_own.items() if (more := rooms - may_import(module))} == {}


def test_no_room_may_import_more_than_it_does() -> None:
    used: dict[str, set[str]] = {}
    for module in modules():
        used.setdefault(room_of(module), set()).update(ours(module))
    assert {room: more for room, (allowed, _) in ROOMS.items() if (more := allowed - used[room])} == {}


def test_imports_point_downwards() -> None:
    order = list(ROOMS)
    upwards = [(room, each) for room in order for each in ROOMS[room][0] if order.index(each) <= order.index(room)]
    assert upwards == []


def test_files_of_a_room_import_each_other_in_one_direction() -> None:
    assert [module for module in modules() if module in reached(module)] == []


def reached(module: str) -> set[str]:
    """What a module imports, and what that imports, in its own room: between rooms the table has no circle."""
    found: set[str] = set()
    left = [module]
    while left:
        near = {name for name in imported(left.pop()) if name in modules() and room_of(name) == room_of(module)}
        left += near - found
        found |= near
    return found


def test_a_module_knows_of_the_machine_what_its_room_may() -> None:
    assert {module: more for module in modules() if (more := knows(module) - may_know(module))} == {}


def test_only_the_store_names_its_tables_and_columns() -> None:
    tables = CREATE_TABLE + CREATE_MANIFEST + CREATE_STEPPED_OVER + CREATE_DELETED
    columns = {name for name in re.findall(r"^    (\w+) ", tables, re.MULTILINE) if name != "INDEX"}
    of_the_store = re.compile(rf"otel_logs|\b(?:{'|'.join(columns)})\b")
    assert {
        module: found
        for module in modules()
        if package_of(module) == "logpost_web" and room_of(module) != "logpost_web.store"
        if (found := {name for name in names(module) if of_the_store.search(name)})
    } == {}


def names(module: str) -> Iterator[str]:
    """Fields, arguments and texts of a module, but for sentences."""
    for node in ast.walk(ast.parse(modules()[module].read_text())):
        match node:
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.AnnAssign(target=ast.Name(name)):
                yield name
            case ast.Constant(str(text)) if not text.rstrip().endswith("."):
                yield text


def test_the_collector_needs_only_its_small_dependencies() -> None:
    names = {package_of(name) for module in modules() if package_of(module) == "logpost" for name in imported(module)}
    assert names - set(sys.stdlib_module_names) - set(PACKAGES) <= COLLECTOR_DEPENDENCIES
