"""The columns of `otel_logs`, by what they are in statements."""

from __future__ import annotations

from logpost.query.words import BORDER, is_plain, normal_form
from logpost_web.query.columns import Columns
from logpost_web.store.schema import BUCKET_NS, SEARCHED_TEXT, TABLE

LOGS = Columns(
    table=TABLE,
    fields={
        "message": "Body",
        "service": "ServiceName",
        "host": "HostName",
        "level": "SeverityText",
        "trace_id": "TraceId",
        "span_id": "SpanId",
        "file": "FilePath",
        "topic": "Topic",
        "partition": "Partition",
        "offset": "Offset",
    },
    time="Timestamp",
    to_ns="toUnixTimestamp64Nano({})".format,
    from_ns="fromUnixTimestamp64Nano({})".format,
    bucket="Bucket",
    bucket_of=f"intDiv({{}}, {BUCKET_NS})".format,
    attrs="LogAttributes",
    attrs_text="if(LogAttributesText = '', toJSONString(LogAttributes), LogAttributesText)",
    searched_text=SEARCHED_TEXT,
    topic_id="TopicId",
    message_bytes="BodyBytes",
    indexed_at="IndexedAt",
)


def words_column(message: str) -> str:
    """`Words`: the normal form of a message, empty where the store makes that itself."""
    return "" if is_plain(message) else normal_form(message) or BORDER
