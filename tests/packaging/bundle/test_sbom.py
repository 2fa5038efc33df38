import json
from pathlib import Path
from typing import Any

import pytest

from bundle import sbom, sources
from bundle.places import NATIVE, version

METADATA = """\
Metadata-Version: 2.4
Name: Confluent.Kafka
Version: 2.16.1
License-Expression: Apache-2.0

# A readme, with Name: in it
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    packages = tmp_path / "site-packages"
    for name, text in (
        ("confluent_kafka-2.16.1.dist-info/METADATA", METADATA),
        ("confluent_kafka.libs/librdkafka-0cb94173.so.1", "ELF"),
        (f"logpost-{version()}.dist-info/METADATA", f"Name: logpost\nVersion: {version()}\n"),
        ("old-1.dist-info/METADATA", "Name: old\nVersion: 1\nClassifier: License :: OSI Approved :: MIT License\n"),
    ):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text)
    return packages


def written(packages: Path, path: Path, kind: str = "agent") -> dict[str, Any]:
    sbom.write(path, kind, NATIVE, packages)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_every_source_and_every_dependency_is_listed(packages: Path, tmp_path: Path) -> None:
    bom = written(packages, tmp_path / "sbom.json")
    names = {component["name"] for component in bom["components"]}
    assert names == {source.name for source in sources.locked().values()} | {"Confluent.Kafka", "old"}
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "logpost-agent")
    assert {ref for each in bom["dependencies"] for ref in each["dependsOn"]} == {
        component["bom-ref"] for component in bom["components"]
    }


def test_a_dependency_has_the_name_that_scanners_look_for(packages: Path, tmp_path: Path) -> None:
    found = {one["name"]: one for one in written(packages, tmp_path / "sbom.json")["components"]}
    kafka = found["Confluent.Kafka"]
    assert kafka["purl"] == "pkg:pypi/confluent-kafka@2.16.1"
    assert kafka["licenses"] == [{"expression": "Apache-2.0"}]
    assert [library["name"] for library in kafka["components"]] == ["librdkafka-0cb94173.so.1"]
    assert found["old"]["licenses"] == [{"license": {"name": "MIT License"}}]
    assert found["openssl"]["purl"].startswith("pkg:deb/debian/openssl@")


def test_the_same_parts_give_the_same_bytes_and_others_another_number(packages: Path, tmp_path: Path) -> None:
    first, again = written(packages, tmp_path / "1.json"), written(packages, tmp_path / "2.json")
    assert first == again
    assert written(packages, tmp_path / "3.json", "box")["serialNumber"] != first["serialNumber"]
