"""The list of all parts of a tree, in CycloneDX: what a scanner for known holes reads."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import HeaderParser
from pathlib import Path

from bundle import sources
from bundle.places import Target, epoch, project, version

Component = dict[str, object]


def write(path: Path, kind: str, target: Target, packages: Path) -> None:
    """`packages`: the tree's `site-packages`."""
    components = [*_linked_in(), *_dependencies(packages)]
    name = "logpost" if kind == "box" else "logpost-agent"
    bom: Component = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": name,
                "name": name,
                "version": version(),
                "purl": f"pkg:generic/{name}@{version()}?arch={target.arch}",
                "licenses": [{"expression": project()["license"]}],
            },
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    # The same parts have the same number.
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))}"
    path.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n")


def _linked_in() -> Iterator[Component]:
    """Python and the C libraries in `bin/logpost`, named as Debian's trackers of holes name them."""
    for source in sources.locked().values():
        purl = f"pkg:deb/debian/{source.name}@{source.version.replace(':', '%3A').replace('+', '%2B')}?arch=source"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": source.name,
            "version": source.version,
            "purl": purl,
            "licenses": [{"expression": source.licence}],
            "properties": [{"name": "logpost:dsc-sha256", "value": source.sha256}],
        }


def _dependencies(packages: Path) -> Iterator[Component]:
    for information in sorted(packages.glob("*.dist-info")):
        head = HeaderParser().parsestr((information / "METADATA").read_text())
        if head["Name"] == "logpost":
            continue
        purl = f"pkg:pypi/{_normal(head['Name'])}@{head['Version']}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": head["Name"],
            "version": head["Version"],
            "purl": purl,
            **_licences(head["License-Expression"], head["License"], head.get_all("Classifier", [])),
            "components": list(_libraries(packages, head["Name"])),
        }


def _normal(name: str) -> str:
    """A package's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _licences(expression: str | None, text: str | None, classifiers: list[str]) -> Component:
    """A name may be free text or the whole licence: then the classifier's last word is better."""
    if expression:
        return {"licenses": [{"expression": expression}]}
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    names = named or ([text] if text and len(text) < 80 else [])
    return {"licenses": [{"license": {"name": name}} for name in names]} if names else {}


def _libraries(packages: Path, name: str) -> Iterator[Component]:
    """Libraries in C that a wheel carries for itself."""
    folder = packages / f"{_normal(name).replace('-', '_')}.libs"
    for path in sorted(folder.glob("*")):
        yield {
            "type": "file",
            "bom-ref": f"{folder.name}/{path.name}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}],
        }
