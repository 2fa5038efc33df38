"""What connections hold together has a limit: the holding ends that began first."""

from __future__ import annotations

from logpost_broker.byte_budget import ByteBudget


class Holder:
    def __init__(self) -> None:
        self.reasons: list[str] = []

    def end(self, reason: str) -> None:
        self.reasons.append(reason)


def test_the_oldest_ends_when_it_is_too_much() -> None:
    budget = ByteBudget(100, "broker.some_limit")
    old, middle, new = holders = [Holder() for _ in range(3)]
    budget.hold(old, 40)
    budget.hold(middle, 40)
    budget.hold(old, 60)
    assert (budget.total_bytes, budget.left_bytes) == (100, 0)
    budget.hold(new, 30)
    assert [len(holder.reasons) for holder in holders] == [1, 0, 0]
    assert "broker.some_limit" in old.reasons[0]
    assert budget.total_bytes == 70
    budget.hold(old, 0)
    assert budget.total_bytes == 70


def test_what_is_given_back_counts_no_more() -> None:
    budget = ByteBudget(100, "broker.some_limit")
    first, second = Holder(), Holder()
    budget.hold(first, 90)
    budget.hold(first, 0)
    budget.hold(second, 90)
    assert (first.reasons, second.reasons, budget.total_bytes) == ([], [], 90)


def test_who_holds_alone_may_hold_more() -> None:
    budget = ByteBudget(100, "broker.some_limit")
    alone, other = Holder(), Holder()
    budget.hold(alone, 1000)
    assert alone.reasons == []
    budget.hold(other, 1)
    assert len(alone.reasons) == 1
