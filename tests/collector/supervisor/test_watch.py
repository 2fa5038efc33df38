"""When a part is taken for hung."""

from logpost.supervisor.watch import DRAIN_SECONDS, START_SECONDS, Watch

TURN = {"WATCHDOG": "1"}
READY = {"READY": "1", "STATUS": "ready on port 1"}


class Time:
    """A watch that is looked at as often as it wants."""

    def __init__(self, watch_seconds: float = 60.0) -> None:
        self.watch = Watch(watch_seconds)
        self.now = 1000.0
        self.watch.begin(self.now)

    def silent_for(self, seconds: float) -> float:
        """What the look at its end says."""
        end = self.now + seconds
        while self.now < end:
            self.now += self.watch.look_seconds
            said = self.watch.look(self.now)
        return said


def test_a_part_that_turns_is_well() -> None:
    time = Time()
    time.watch.hear(READY)
    for _ in range(20):
        assert time.silent_for(15) == 0
        time.watch.hear(TURN)
    assert (time.watch.is_ready, time.watch.status) == (True, "ready on port 1")


def test_a_part_that_says_nothing_is_hung() -> None:
    time = Time()
    time.watch.hear(READY)
    assert time.silent_for(59) == 0
    assert time.silent_for(3) > 60


def test_a_status_alone_is_no_turn() -> None:
    time = Time()
    time.watch.hear(READY)
    time.silent_for(59)
    time.watch.hear({"STATUS": "busy"})
    assert time.silent_for(3) > 60


def test_a_start_may_take_longer_and_as_long_as_it_gets_on() -> None:
    time = Time()
    assert time.silent_for(START_SECONDS - 1) == 0
    for _ in range(30):
        time.watch.hear({"EXTEND_TIMEOUT_USEC": "60000000", "STATUS": "recovering"})
        assert time.silent_for(50) == 0
    assert time.silent_for(12) > 60


def test_a_call_may_wait_for_the_disk_and_what_comes_after_it_may_not() -> None:
    time = Time()
    time.watch.hear(READY)
    time.watch.hear({"WATCHDOG_USEC": "600000000", "WATCHDOG": "1"})
    assert time.silent_for(599) == 0
    time.watch.hear({"WATCHDOG_USEC": "60000000", "WATCHDOG": "1"})
    assert time.silent_for(59) == 0
    assert time.silent_for(3) > 60


def test_a_drain_may_take_its_time_too() -> None:
    time = Time(watch_seconds=5)
    time.watch.hear(READY)
    time.watch.hear({"STOPPING": "1"})
    assert time.silent_for(DRAIN_SECONDS - 1) == 0
    assert time.silent_for(2) > DRAIN_SECONDS


def test_the_time_in_which_the_supervisor_itself_stood_still_makes_no_part_late() -> None:
    time = Time()
    time.watch.hear(READY)
    time.now += 100_000
    assert time.watch.look(time.now) == 0
    assert time.silent_for(50) == 0


def test_each_start_begins_anew() -> None:
    time = Time()
    time.watch.hear(READY)
    time.silent_for(61)
    time.watch.begin(time.now)
    assert time.silent_for(START_SECONDS - 1) == 0
    assert not time.watch.is_ready
