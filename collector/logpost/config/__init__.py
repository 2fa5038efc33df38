"""The settings of all parts: what there is (`tables.py`), and how it is read (`loading.py`)."""

from logpost.config.loading import SYSTEM_FILE, Loaded, is_made_by_kubernetes, load, load_with_mistakes
from logpost.config.tables import (
    DEFAULTS,
    MIB,
    SHORT_KEYS,
    AgentConfig,
    BrokerConfig,
    Config,
    FileSourceConfig,
    JournalSourceConfig,
    KafkaConfig,
    RetentionConfig,
    StoreConfig,
    WebConfig,
    settings,
)

__all__ = [
    "DEFAULTS",
    "MIB",
    "SHORT_KEYS",
    "SYSTEM_FILE",
    "AgentConfig",
    "BrokerConfig",
    "Config",
    "FileSourceConfig",
    "JournalSourceConfig",
    "KafkaConfig",
    "Loaded",
    "RetentionConfig",
    "StoreConfig",
    "WebConfig",
    "is_made_by_kubernetes",
    "load",
    "load_with_mistakes",
    "settings",
]
