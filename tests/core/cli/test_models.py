"""`limner models` as a person meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def models(project: Path, karlo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with a model of the hub, which is not here, and one in a folder."""
    path = project / "pipelines.yaml"
    declared = f"models:\n  far: {{source: acme/far, revision: {COMMIT}}}\n  near: {{source: {karlo}}}\n"
    path.write_text(path.read_text().replace("pipelines:\n", declared + "pipelines:\n", 1))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def test_models_are_listed_with_what_is_known_of_them(limner: Limner, karlo: Path) -> None:
    listed = {row["name"]: row for row in json.loads(limner("models", "list", "--json").stdout)}
    assert (listed["far"]["revision"], listed["far"]["directory"]) == (COMMIT, None)
    assert (listed["near"]["directory"], listed["near"]["licence"], listed["near"]["digest"]) == (str(karlo), "unknown", None)
    assert (listed["far"]["licence"], listed["scenes"]["licence"]) == (None, "that of the project")
    fetched = json.loads(limner("models", "fetch", "near", "--json").stdout)
    assert fetched["licence"] == "unknown"
    shown = limner("models", "list").stdout
    assert shown.count(str(karlo)) == 1
    assert "not here: limner models fetch far" in shown
    assert fetched["digest"] in shown


def test_a_fetched_model_verifies(limner: Limner) -> None:
    assert "bytes, licence unknown, sha256" in limner("models", "fetch", "near").stdout
    assert "as it should be" in limner("models", "verify", "near").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "far"], "unset HF_HUB_OFFLINE"),
        (["verify", "far"], "limner models fetch far"),
        (["verify", "near"], "nothing says what its files should be"),
        (["fetch", "neer"], "did you mean 'near'?"),
    ],
)
def test_what_is_wrong_is_exit_code_4_and_says_what_to_do(limner: Limner, words: list[str], message: str) -> None:
    done = limner("models", *words)
    assert done.returncode == 4
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_pipelines_of_a_model_that_is_not_here_can_be_looked_at(limner: Limner) -> None:
    assert limner("pipelines", "validate").returncode == 0
