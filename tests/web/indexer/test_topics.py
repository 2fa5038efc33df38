"""What is asked of the topics."""

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaException

from logpost_web.indexer import topics


def test_a_request_that_the_client_says_nothing_of_is_as_one_that_nobody_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client's own limit and ours end at the same time: whichever is first, the indexer tries again."""
    monkeypatch.setattr(topics, "REQUEST_SECONDS", 0.01)
    with pytest.raises(KafkaException, match="_TIMED_OUT"):
        topics.outcome(Future())
