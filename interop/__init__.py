"""The same programs against this broker and against Apache Kafka, and what they say compared: `python -m interop`."""
