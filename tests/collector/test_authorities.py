from pathlib import Path

import pytest

from logpost import authorities
from logpost.config import KafkaConfig
from logpost.kafka import client_settings


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the environment names as the store."""
    path = tmp_path / "authorities.pem"
    path.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path


def test_the_environment_names_the_store(named: Path) -> None:
    assert authorities.store() == str(named)


def test_a_directory_is_a_store_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert authorities.store() == str(tmp_path)


def test_a_host_may_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "missing"))
    assert authorities.store() == ""


def test_kafka_trusts_the_same_store_as_everything_else(named: Path) -> None:
    settings = client_settings(KafkaConfig(security_protocol="SSL"), "test")
    assert settings["ssl.ca.location"] == str(named)


def test_a_setting_goes_first(named: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.pem"
    own.write_text("")
    config = KafkaConfig(security_protocol="SSL", ssl_ca_location=str(own))
    assert client_settings(config, "test")["ssl.ca.location"] == str(own)


def test_without_tls_no_store_is_named(named: Path) -> None:
    assert "ssl.ca.location" not in client_settings(KafkaConfig(), "test")
