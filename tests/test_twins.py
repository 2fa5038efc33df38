"""Where each module of the three packages is tested: `x/y.py` in its twin `tests/…/x/test_y.py`, or where the table
says.

A test holds what it imports or starts, and what that imports."""

import ast
import tomllib
from functools import cache
from os.path import normpath
from pathlib import Path

import pytest

from logpost_broker.api import FILES
from tests.test_layers import ROOT, imported, modules

TESTS = ROOT / "tests"
MIRRORS = {"logpost": "collector", "logpost_broker": "broker", "logpost_web": "web"}

TABLE = """
logpost
  test_cli                            __main__
  test_config                         checks config_command errors store_url
  status/test_command                 scrape
  handler/test_logging_handler        __init__
logpost.agent
  test_agent                          command
  sources/test_source                 wanted
logpost.agent.delivery
  test_publish                        oversize
  ../stages/test_stream               records
  ../test_agent                       topic
logpost.agent.metrics
  test_server                         counts exposition
logpost.agent.sources.file
  test_tailer                         books file_set known meeting open_files opening position reader readers reading
  test_tailer_compressed              held packed_files
  test_tailer_moved                   gone missed moved
  test_tailer_odd_files               file_names reports
  test_tailer_rotation                beside rotated taking_up
  test_tailer_unseen                  lost unseen
logpost.agent.sources.journal
  test_source                         entry position
logpost.agent.stages
  test_stream                         event parse
logpost.config
  ../test_config                      *
logpost.backup
  test_command                        *
logpost.doctor
  test_command                        bundle
logpost.doctor.checks
  test_checks                         *
logpost.doctor.gathering
  ../test_examination                 *
logpost.formats
  test_json_lines                     colours fields http_server json_text otlp
  test_plain                          application iso level_first levels parsed
  test_system_logs                    supercomputer syslog
  test_times                          zones
logpost.handler
  test_logging_handler                native sender
  test_records                        values
logpost.query
  test_hints                          hint_fields hint_parts hint_quotes hint_ranges hint_rules
  test_filters                        comparison expression fields phrase
  test_syntax                         ast errors
  web/query/test_words                words
logpost.query.filters
  web/query/test_matching             *
logpost.reload
  e2e/test_reload                     command
logpost.status
  test_command                        gathering health
logpost.supervisor
  e2e/test_up                         command part
logpost.topics
  test_command                        administration messages session
logpost_broker
  test_embedding                      __init__ pytest_plugin
  test_broker                         errors node
  api/test_steps                      steps
logpost_broker.api
  test_config_resources               describe_configs list_config_resources
  test_fetch                          fetch_reading
  test_groups                         find_coordinator group_admin group_membership group_offsets
                                      offsets_to_commit
  test_no_security                    acls delegation_tokens sasl
  test_share_groups                   share_acknowledge share_fetch share_group_membership share_group_offsets
  test_single_node                    describe_cluster describe_quorum elect_leaders partition_reassignments
                                      quorum_membership update_features
  test_streams_groups                 streams_group_describe streams_group_heartbeat
  test_table                          __init__ api_versions registry
  test_topics                         create_partitions create_topics delete_topics metadata
  test_transactions                   add_offsets_to_txn add_partitions_to_txn end_txn init_producer_id
                                      transactions_listing txn_offset_commit write_txn_markers
logpost_broker.coordinator
  ../groups/test_rewriting            journal
  ../groups/test_room                 outcome sizes
  ../groups/test_records              record_fields
  test_timers                         timer_keys
logpost_broker.groups
  test_service                        coordinator group_table journal kinds offset_requests share_service
logpost_broker.groups.classic
  test_joining                        *
logpost_broker.groups.consumer
  test_assignors                      range_assignor uniform_assignor
  test_heartbeat                      coordinator events group listing membership messages subscriptions timer_keys work
  test_online_migration               classic_members classic_protocol downgrade upgrade
logpost_broker.groups.modern
  ../consumer/test_heartbeat          *
logpost_broker.groups.offsets
  test_committed                      *
logpost_broker.groups.share
  test_coordinator                    assignor group heartbeat member_events messages timer_keys work
  test_service                        delivery journal state_record
  test_share_partition                acknowledgements events runs states
  ../../api/test_share_groups         waiting
logpost_broker.groups.streams
  test_heartbeat                      *
logpost_broker.log
  test_compacted_log                  batch_filter cleaned_transactions cleaning segment_swap
  test_partition_log                  checked files limits segments system
  test_producers                      producer_identity
  test_record_check                   equal_records
  test_recovery                       saved_state
  test_transactions                   aborted_transactions
  ../partitions/test_flusher          sync_job
logpost_broker.metadata
  test_metadata_file                  client_quotas kept_entries
  ../api/test_broker_settings         broker_settings
  ../api/test_config_resources        broker_configs broker_loggers client_metrics_configs config_definition
                                      resource_configs topic_configs
  ../api/test_group_limits            group_limits
  ../api/test_scram_credentials       scram_credentials
  ../api/test_topics                  topics topics_image
logpost_broker.partitions
  test_directory                      checkpoint_file partition_directories partitions
logpost_broker.server
  test_many_clients                   listener
logpost_broker.transactions
  test_coordinator                    *
  test_service                        journal
logpost_broker.transfer
  ../test_export_import               *
logpost_broker.upkeep
  test_cleaner                        compaction_run io_pace
logpost_broker.verify
  ../test_verify                      *
logpost_broker.wire
  test_bounds                         units walk
  test_versions                       header known_tags
logpost_web
  test_command                        server
  api/test_app                        app
  api/test_running                    searches_command
  api/test_search_command             search_command
  test_delete_command                 deletion_text
  query/test_times                    errors time_limits
  test_store_backup_command           store_access
logpost_web.api
  test_app                            health metrics services store
  test_queries                        store_errors
  test_running                        searching
  test_record                         excerpts
  test_search                         rows
  ../test_delete_command              store_delete
  ../test_store_backup_command        store_backup
logpost_web.backup
  test_backup                         *
logpost_web.cluster
  ../api/test_record                  topic_reader
  ../exporter/test_exporter           client
logpost_web.deletion
  ../indexer/test_deleting            topic
  ../test_delete_command              stopped
logpost_web.http
  ../api/test_app                     answers arguments errors headers
  ../api/test_own_hosts               own_hosts
  ../api/test_queries                 cancellation
  ../api/test_running                 running
logpost_web.indexer
  test_away                           probe tries
  test_indexer                        intake metrics progress received upkeep
  test_manifest                       reading
  test_put_back                       divergence
  test_poison                         obstacles passage raw_log unpacking
  test_refill                         beginning lives
  test_source                         consumer_settings instance_id
  test_retaining                      dropping retention_memory retention_state telling
  test_topic_room                     log_sizes
  ../store/test_moving                moving
logpost_web.pages
  test_templates                      search_page
  ../api/test_packages                packages_page
logpost_web.query
  test_condition                      columns
  test_fields                         attribute
  test_rows                           statement timerange
  test_search                         arguments
  test_words                          positions
  ../api/test_record                  excerpt
logpost_web.store
  test_store                          embedded errors gate layout links rebuild schema statements
  ../indexer/test_deleting            deleted
  ../indexer/test_mending             parts
  ../indexer/test_put_back            check
  ../indexer/test_rebuilding          manifest_table
  ../indexer/test_retaining           disk retained
  ../indexer/test_row                 row
  ../indexer/test_refill              doubles
  ../indexer/test_stepped_over        stepped_over_table
  ../backup/test_backup               frozen restored
"""
"""Of each folder its tests, and which modules without a twin they hold; `*`: all that no other line names. A test of
another folder has its path, from here or from `tests/`."""

CONTINUED = "\n" + 38 * " "


def commands() -> dict[str, str]:
    """What `logpost` is told → the module that does it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {name: place.partition(":")[0] for name, place in project["entry-points"]["logpost.commands"].items()}


STARTED = commands() | {"logpost": "logpost.__main__", "-p": "logpost_broker.pytest_plugin"}
"""An argument of a call → the module that it starts."""


def lines() -> list[tuple[str, Path, list[str]]]:
    """Folder, test below `tests/`, names of modules."""
    found = []
    folder = ""
    for line in TABLE.strip().replace(CONTINUED, " ").splitlines():
        if not line.startswith(" "):
            folder = line
            continue
        test, *names = line.split()
        beside = mirror(folder) / f"{test}.py"
        from_tests = not test.startswith("..") and test.split("/")[0] in {*MIRRORS.values(), "e2e"}
        found.append((folder, Path(f"{test}.py") if from_tests else Path(normpath(beside)), names))
    return found


def mirror(folder: str) -> Path:
    package, *rooms = folder.split(".")
    return Path(MIRRORS[package], *rooms)


def without_twin(folder: str) -> set[str]:
    """Names of modules. An `__init__` counts where it does something."""
    return {
        file.stem
        for file in modules()[folder].parent.glob("*.py")
        if not (TESTS / mirror(folder) / f"test_{file.stem}.py").exists() and (file.stem != "__init__" or _acts(file))
    }


def _acts(file: Path) -> bool:
    passive = ast.Expr | ast.Import | ast.ImportFrom | ast.Assign
    return not all(isinstance(node, passive) for node in ast.parse(file.read_text()).body)


FOLDERS = [name for name, file in modules().items() if file.name == "__init__.py"]
LINES = lines()
NAMED = {folder: [name for place, _, names in LINES if place == folder for name in names] for folder in FOLDERS}


@cache
def held(test: Path) -> frozenset[str]:
    """What a test imports or starts, with the fixtures that it is given, and all that this imports."""
    left = {"tests." + ".".join(test.with_suffix("").parts)}
    left |= {"tests." + ".".join((*folder.parts, "conftest")) for folder in test.parents}
    found: set[str] = set()
    while left:
        name = left.pop()
        found.add(name)
        left |= near(name) - found
    return frozenset(found)


@cache
def near(name: str) -> frozenset[str]:
    """What a module imports itself: of tests, too, and what those start."""
    if name == "logpost_broker.api":  # it imports each of its files when it is asked for
        return imported(name) | {f"{name}.{file}" for file in FILES}
    if name in modules():
        return imported(name)
    file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    if not name.startswith("tests.") or not file.is_file():
        return frozenset()
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call | ast.List | ast.Tuple):
            inside = node.args if isinstance(node, ast.Call) else node.elts
            found |= {STARTED[one.value] for one in inside if isinstance(one, ast.Constant) and one.value in STARTED}
    return frozenset(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_has_a_twin_or_a_line(folder: str) -> None:
    lacking = without_twin(folder) - set(NAMED[folder])
    assert "*" in NAMED[folder] or lacking == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_line_is_for_what_is_gone_or_has_a_twin(folder: str) -> None:
    rest = without_twin(folder) - set(NAMED[folder])
    assert [name for name in NAMED[folder] if name not in without_twin(folder) and not (name == "*" and rest)] == []
    assert len(NAMED[folder]) == len(set(NAMED[folder]))


def test_every_folder_of_the_table_is_there() -> None:
    assert {folder for folder, _, _ in LINES} - set(FOLDERS) == set()


@pytest.mark.parametrize(("folder", "test", "names"), LINES, ids=lambda value: str(value)[:60])
def test_a_test_holds_what_it_is_named_for(folder: str, test: Path, names: list[str]) -> None:
    assert (TESTS / test).is_file()
    wanted = without_twin(folder) - set(NAMED[folder]) if names == ["*"] else set(names)
    assert {
        name for name in wanted if (folder if name == "__init__" else f"{folder}.{name}") not in held(test)
    } == set()
