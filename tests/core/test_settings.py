"""The `LIMNER_*` environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from limner.errors import ConfigurationError
from limner.settings import KNOWN, Settings


def test_an_empty_environment_leaves_everything_to_be_found():
    settings = Settings.from_environment({"PATH": "/bin"})
    assert settings == Settings(None, None, "", None, (), (), "", None)


def test_what_is_set_is_typed(tmp_path: Path):
    settings = Settings.from_environment(
        {
            "LIMNER_STATE": str(tmp_path / "a" / ".." / "b"),
            "LIMNER_DEVICES": "cuda:0, cuda:1,",
            "LIMNER_PRECISION": "bfloat16",
            "LIMNER_PLUGINS": "terms,clip",
        }
    )
    assert settings.state == tmp_path / "b"
    assert settings.devices == ("cuda:0", "cuda:1")
    assert settings.precision == "bfloat16"
    assert settings.plugins == {"terms", "clip"}


def test_an_empty_list_of_plugins_lets_none_load():
    assert Settings.from_environment({"LIMNER_PLUGINS": ""}).plugins == frozenset()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LIMNER_DEVICE", "cpu", "did you mean LIMNER_DEVICES"),
        ("LIMNER_XYZZY", "1", "LIMNER_STATE"),
        ("LIMNER_PRECISION", "fp12", "bfloat16"),
        ("LIMNER_DATABASE_URL", "mysql://host/name", "postgresql"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_could(name: str, value: str, told: str):
    with pytest.raises(ConfigurationError, match=told):
        Settings.from_environment({name: value})


def test_a_database_url_is_not_told_again_for_it_may_hold_a_password():
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_environment({"LIMNER_DATABASE_URL": "mysql://me:hunter2@host/name"})
    assert "hunter2" not in str(refused.value)


def test_every_known_setting_says_what_it_is_for():
    assert all(name.startswith("LIMNER_") and purpose for name, purpose in KNOWN.items())
