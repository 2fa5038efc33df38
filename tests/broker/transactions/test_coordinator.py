"""What a transactional producer is answered, state by state."""

import dataclasses

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.log.producer_identity import ProducerIdentity
from logpost_broker.transactions.listing import ListFilter, is_wanted
from logpost_broker.transactions.messages import Add
from logpost_broker.transactions.states import TransactionState
from logpost_broker.transactions.transaction import MAX_EPOCH
from tests.broker.transactions.harness import ID, PLACE, TIMEOUT_MS, TransactionHarness

DAY_MS = 24 * 60 * 60 * 1_000


@pytest.fixture
def h() -> TransactionHarness:
    return TransactionHarness()


def next_epoch(producer: ProducerIdentity, by: int = 1) -> ProducerIdentity:
    return ProducerIdentity(producer.producer_id, producer.epoch + by)


def at_epoch(h: TransactionHarness, epoch: int) -> ProducerIdentity:
    """A producer of this epoch, without the years that it takes to get there."""
    h.producer()
    h.core.apply(dataclasses.replace(h.known(), producer_epoch=epoch))
    return h.known().identity


# InitProducerId


def test_each_new_client_gets_the_next_epoch_and_fences_the_one_before(h: TransactionHarness) -> None:
    first, second = h.producer(), h.producer()
    assert second == next_epoch(first)
    assert h.add(first) is ErrorCode.producer_fenced
    assert h.add(second) is ErrorCode.none


@pytest.mark.parametrize("timeout_ms", [0, -1, 15 * 60 * 1_000 + 1])
def test_a_timeout_beyond_the_limits_is_refused(h: TransactionHarness, timeout_ms: int) -> None:
    assert h.init(timeout_ms=timeout_ms) is ErrorCode.invalid_transaction_timeout


@pytest.mark.parametrize("name", ["", "x" * 40_000])
def test_a_transactional_id_needs_a_name_that_can_be_kept(h: TransactionHarness, name: str) -> None:
    assert h.init(name) is ErrorCode.invalid_request


def test_a_client_that_is_gone_has_its_transaction_aborted_first(h: TransactionHarness) -> None:
    gone = h.producer()
    h.add(gone)
    assert h.init() is ErrorCode.concurrent_transactions
    assert h.state() is TransactionState.PREPARE_ABORT
    assert h.init() is ErrorCode.concurrent_transactions
    h.complete()
    assert h.markers == [(PLACE, next_epoch(gone), False)]
    assert h.init() == next_epoch(gone, 2)


def test_a_client_goes_on_after_an_error_with_what_it_has(h: TransactionHarness) -> None:
    producer = h.producer()
    assert h.init(current=producer) == next_epoch(producer)


def test_a_repeated_init_is_answered_as_before(h: TransactionHarness) -> None:
    producer = h.producer()
    assert h.init(current=producer) == h.init(current=producer) == next_epoch(producer)


def test_a_client_may_begin_again_in_the_middle_of_its_own_transaction(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    assert h.init(current=producer) is ErrorCode.concurrent_transactions
    h.complete()
    assert h.init(current=producer) == next_epoch(producer)


@pytest.mark.parametrize("ongoing", [True, False])
def test_a_zombie_does_not_get_the_id_back(h: TransactionHarness, ongoing: bool) -> None:
    zombie, successor = h.producer(), h.producer()
    if ongoing:
        h.add(successor)
    assert h.init(current=zombie) is ErrorCode.producer_fenced
    assert h.init(current=ProducerIdentity(1, 0)) is ErrorCode.producer_fenced
    assert h.add(successor) is ErrorCode.none


def test_a_client_of_an_id_that_expired_begins_again(h: TransactionHarness) -> None:
    old = h.producer()
    h.sleep(7 * DAY_MS + 1)
    assert h.state() is TransactionState.DEAD
    assert h.end(old) is ErrorCode.invalid_producer_id_mapping
    assert h.init(current=old) == ProducerIdentity(old.producer_id + 1, 0)


@pytest.mark.parametrize("with_current", [True, False])
def test_an_id_without_epochs_is_replaced(h: TransactionHarness, with_current: bool) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    current = last if with_current else None
    replaced = ProducerIdentity(last.producer_id + 1, 0)
    assert h.init(current=current) == replaced
    h.crash_and_replay()
    assert h.known().identity == replaced


def test_a_repeated_init_that_replaced_the_id_is_answered_as_before(h: TransactionHarness) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    assert h.init(current=last) == h.init(current=last) == ProducerIdentity(last.producer_id + 1, 0)


def test_the_highest_epoch_only_fences(h: TransactionHarness) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    h.add(last)
    assert h.init(current=last) is ErrorCode.concurrent_transactions
    h.complete()
    assert h.markers == [(PLACE, ProducerIdentity(last.producer_id, MAX_EPOCH), False)]
    assert h.init(current=last) == ProducerIdentity(last.producer_id + 1, 0)


def test_a_zombie_of_the_last_epoch_does_not_get_the_new_id(h: TransactionHarness) -> None:
    zombie = at_epoch(h, MAX_EPOCH - 1)
    successor = h.producer()
    assert successor == ProducerIdentity(zombie.producer_id + 1, 0)
    assert h.init(current=zombie) is ErrorCode.producer_fenced
    h.crash_and_replay()
    assert h.init(current=zombie) is ErrorCode.producer_fenced


def test_who_repeats_an_init_too_late_does_not_get_what_the_id_has_come_to(h: TransactionHarness) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    replaced = h.init(current=last)
    assert isinstance(replaced, ProducerIdentity)
    assert h.init(current=replaced) == next_epoch(replaced)
    assert h.init(current=last) is ErrorCode.producer_fenced


# Transactions


def test_a_commit_is_decided_marked_and_complete(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer, ("a", 0), ("b", 1))
    h.add(producer, ("a", 1))
    assert h.state() is TransactionState.ONGOING
    assert h.end(producer) == producer
    assert h.state() is TransactionState.PREPARE_COMMIT
    h.complete()
    assert h.state() is TransactionState.COMPLETE_COMMIT
    assert h.markers == [(place, producer, True) for place in [("a", 0), ("a", 1), ("b", 1)]]
    assert not h.known().partitions


def test_an_abort_is_too(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    h.end(producer, commit=False)
    h.complete()
    assert h.state() is TransactionState.COMPLETE_ABORT
    assert h.markers == [(PLACE, producer, False)]


def test_what_was_added_before_needs_no_journal(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    written = len(h.journal)
    h.add(producer)
    assert len(h.journal) == written


def test_nothing_is_added_while_the_transaction_before_is_not_complete(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    h.end(producer)
    assert h.add(producer) is ErrorCode.concurrent_transactions
    h.complete()
    assert h.add(producer, ("next", 0)) is ErrorCode.none
    assert h.known().partitions == {("next", 0)}


@pytest.mark.parametrize("commit", [True, False])
def test_a_repeated_end_is_answered_as_before_and_the_other_end_is_refused(h: TransactionHarness, commit: bool) -> None:
    producer = h.producer()
    h.add(producer)
    h.end(producer, commit=commit)
    assert h.end(producer, commit=commit) is ErrorCode.concurrent_transactions
    assert h.end(producer, commit=not commit) is ErrorCode.invalid_txn_state
    h.complete()
    assert h.end(producer, commit=commit) == producer
    assert h.end(producer, commit=not commit) is ErrorCode.invalid_txn_state
    assert len(h.markers) == 1


@pytest.mark.parametrize("commit", [True, False])
def test_nothing_is_ended_before_it_began(h: TransactionHarness, commit: bool) -> None:
    assert h.end(h.producer(), commit=commit) is ErrorCode.invalid_txn_state


def test_who_is_not_the_producer_ends_nothing(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    assert h.end(ProducerIdentity(1, 0)) is ErrorCode.invalid_producer_id_mapping
    assert h.end(next_epoch(producer)) is h.end(next_epoch(producer, -1)) is ErrorCode.producer_fenced
    assert h.end(producer, transactional_id="nobody") is ErrorCode.invalid_producer_id_mapping
    assert h.end(producer, transactional_id="") is ErrorCode.invalid_request
    assert h.state() is TransactionState.ONGOING


def test_what_is_missing_from_a_transaction_is_told(h: TransactionHarness) -> None:
    producer = h.producer()
    asked = Add(transactional_id=ID, producer=producer, partitions=frozenset({PLACE, ("b", 0)}))
    assert h.core.missing(asked) == {PLACE, ("b", 0)}
    h.add(producer)
    assert h.core.missing(asked) == {("b", 0)}
    h.end(producer)
    h.complete()
    assert h.core.missing(asked) == {PLACE, ("b", 0)}


# Protocol v2 (KIP-890)


@pytest.mark.parametrize("commit", [True, False])
def test_with_protocol_v2_each_end_gives_the_next_epoch(h: TransactionHarness, commit: bool) -> None:
    producer = h.producer()
    h.add(producer, is_v2=True)
    after = next_epoch(producer)
    assert h.end(producer, commit=commit, is_v2=True) == after
    assert h.end(producer, commit=commit, is_v2=True) is ErrorCode.concurrent_transactions
    h.complete()
    assert h.markers == [(PLACE, after, commit)]
    assert h.end(producer, commit=commit, is_v2=True) == after, "repeated"
    assert h.end(producer, commit=not commit, is_v2=True) is ErrorCode.invalid_txn_state
    assert h.add(producer, is_v2=True) is ErrorCode.producer_fenced
    assert h.add(after, is_v2=True) is ErrorCode.none


def test_protocol_v2_aborts_what_was_never_begun(h: TransactionHarness) -> None:
    producer = h.producer()
    assert h.end(producer, is_v2=True) is ErrorCode.invalid_txn_state
    assert h.end(producer, commit=False, is_v2=True) == next_epoch(producer)
    h.complete()
    assert h.end(next_epoch(producer), commit=False, is_v2=True) == next_epoch(producer, 2)
    h.complete()
    assert h.markers == []


def test_the_highest_epoch_is_nobodys_with_protocol_v2(h: TransactionHarness) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    h.add(last, is_v2=True)
    h.sleep(TIMEOUT_MS + 1)
    assert h.end(last, commit=False, is_v2=True) is ErrorCode.producer_fenced
    h.complete()
    assert h.markers == [(PLACE, ProducerIdentity(last.producer_id, MAX_EPOCH), False)]
    assert h.end(last, commit=False, is_v2=True) is ErrorCode.producer_fenced
    assert h.init() == ProducerIdentity(last.producer_id + 1, 0)


def test_the_last_epoch_of_protocol_v2_gives_a_new_id(h: TransactionHarness) -> None:
    last = at_epoch(h, MAX_EPOCH - 1)
    h.add(last, is_v2=True)
    after = ProducerIdentity(last.producer_id + 1, 0)
    assert h.end(last, is_v2=True) == after
    h.crash_and_replay()
    h.complete()
    assert h.markers == [(PLACE, ProducerIdentity(last.producer_id, MAX_EPOCH), True)]
    assert h.end(last, is_v2=True) == after, "repeated"
    assert h.add(after, is_v2=True) is ErrorCode.none


# Time


def test_a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(h: TransactionHarness) -> None:
    producer = h.producer()
    h.sleep(TIMEOUT_MS)
    h.add(producer)
    h.sleep(TIMEOUT_MS)
    assert h.state() is TransactionState.ONGOING
    h.sleep(1)
    assert h.state() is TransactionState.PREPARE_ABORT
    h.complete()
    assert h.markers == [(PLACE, next_epoch(producer), False)]
    assert h.end(producer) is h.add(producer) is ErrorCode.producer_fenced
    assert h.init(current=producer) is ErrorCode.producer_fenced


def test_with_protocol_v2_who_took_too_long_is_fenced_when_it_commits(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer, is_v2=True)
    h.sleep(TIMEOUT_MS + 1)
    assert h.end(producer, is_v2=True) is ErrorCode.producer_fenced
    h.complete()
    h.crash_and_replay()
    assert h.end(producer, is_v2=True) is ErrorCode.producer_fenced
    assert h.add(producer, is_v2=True) is ErrorCode.producer_fenced


def test_with_protocol_v2_who_took_too_long_may_abort_and_go_on(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer, is_v2=True)
    h.sleep(TIMEOUT_MS + 1)
    h.state()
    h.complete()
    assert h.end(producer, commit=False, is_v2=True) == next_epoch(producer)
    assert h.add(next_epoch(producer), is_v2=True) is ErrorCode.none


def test_adding_more_gives_no_more_time(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    h.sleep(TIMEOUT_MS - 1)
    h.add(producer, ("b", 0))
    h.sleep(2)
    assert h.state() is TransactionState.PREPARE_ABORT


def test_an_undecided_transaction_never_expires_with_its_id(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    h.end(producer)
    h.sleep(30 * DAY_MS)
    assert h.state() is TransactionState.PREPARE_COMMIT


# Crashes


def test_a_decided_transaction_is_decided_after_a_crash(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer, ("a", 0), ("b", 1))
    h.end(producer)
    h.crash_and_replay()
    assert h.state() is TransactionState.PREPARE_COMMIT
    h.complete()
    assert h.markers == [(("a", 0), producer, True), (("b", 1), producer, True)]


def test_an_open_transaction_goes_on_after_a_crash(h: TransactionHarness) -> None:
    producer = h.producer()
    h.add(producer)
    before = h.known()
    h.crash_and_replay()
    assert h.known() == before
    assert h.end(producer) == producer


def test_a_partition_whose_adding_was_lost_is_adopted(h: TransactionHarness) -> None:
    producer = h.producer()
    adopted = h.core.adopt(producer, PLACE, h.now_ms)
    assert adopted is not None
    [event] = adopted.events
    h.core.apply(event)
    assert h.state() is TransactionState.ONGOING
    assert h.known().partitions == {PLACE}
    known = h.core.adopt(producer, PLACE, h.now_ms)
    assert known is not None
    assert not known.events


def test_an_open_transaction_of_nobody_is_not_adopted(h: TransactionHarness) -> None:
    zombie = h.producer()
    h.producer()
    assert h.core.adopt(zombie, PLACE, h.now_ms) is None


# Listing


def test_transactions_are_listed_by_state_producer_and_duration(h: TransactionHarness) -> None:
    slow, idle = h.producer("slow"), h.producer("idle")
    h.add(slow, transactional_id="slow")
    h.sleep(5_000)

    def ids(**wanted: object) -> list[str]:
        asked = ListFilter(**wanted)  # type: ignore[arg-type]  # fields by name
        return [each.transactional_id for each in h.core.all() if is_wanted(each, asked, h.now_ms)]

    assert ids() == ["slow", "idle"]
    assert ids(states=frozenset({TransactionState.ONGOING})) == ["slow"]
    assert ids(producer_ids=frozenset({idle.producer_id})) == ["idle"]
    assert ids(min_duration_ms=4_999) == ["slow"]
    assert ids(min_duration_ms=5_000) == []
