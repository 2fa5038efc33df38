import re

import pytest

from bundle.sources import Source, locked


@pytest.mark.parametrize(
    ("version", "dsc"),
    [
        ("3.5.7-1~deb13u2", "x_3.5.7-1~deb13u2.dsc"),
        ("1:1.3.dfsg+really1.3.1-1", "x_1.3.dfsg+really1.3.1-1.dsc"),
    ],
)
def test_the_epoch_of_a_version_is_in_no_file_s_name(version: str, dsc: str) -> None:
    assert Source("x", version, "", "MIT").dsc == dsc


def test_every_source_is_pinned_by_its_hash() -> None:
    assert {"python", "openssl"} <= set(locked())
    assert all(re.fullmatch("[0-9a-f]{64}", source.sha256) for source in locked().values())
