"""`limner review` and `limner recall`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def test_a_held_image_is_looked_at_and_released(limner: Any, project: Path) -> None:
    assert limner("generate", "dim field", "--seed", "7").returncode == 3
    [held] = json.loads(limner("review", "list", "--json").stdout)
    shown = limner("review", "show", held["id"][:8], "-o", "held.png").stdout
    assert "prompt: dim field" in shown
    assert "image: rather-dark review (enforce) toy.dark 0.7" in shown
    done = limner("review", "release", held["request_id"], "--reason", "dusk", "-o", "out.png")
    assert done.returncode == 0
    assert (project / "out.png").read_bytes() == (project / "held.png").read_bytes()
    assert limner("review", "list").stdout == ""
    assert "dusk" in limner("review", "show", held["id"]).stdout


def test_a_held_input_runs_on_and_what_left_is_recalled(limner: Any, project: Path) -> None:
    limner("generate", "an odd field", "--seed", "7")
    listed = limner("review", "list").stdout
    assert "input" in listed
    assert "prompt: odd-word" in listed
    done = limner("review", "release", listed.split()[0], "--reason", "fine", "-o", "out.png")
    assert "run on as" in done.stdout
    assert (project / "out.png").exists()
    run_on = done.stdout.split("run on as ")[1].split(":")[0]
    assert f"would recall {run_on}/0" in limner("recall", run_on, "--reason", "x", "--plan").stdout
    assert f"recalled {run_on}/0" in limner("recall", "pipeline=plain", "--reason", "a likeness").stdout
    assert "no released image" in limner("recall", run_on, "--reason", "x").stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("review list", "nothing waits for a person"),
        ("deny list", "nothing is denied"),
        ("audit hold list", "no legal hold is in force"),
        ("audit list", "no such request is on the record"),
    ],
)
def test_an_empty_list_says_so_where_no_program_reads_it(limner: Any, words: str, told: str) -> None:
    done = limner(*words.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{told}\n")


def test_withholding_ends_it(limner: Any) -> None:
    limner("generate", "dim field")
    [held] = json.loads(limner("review", "list", "--json").stdout)
    assert limner("review", "withhold", held["id"], "--reason", "no").stdout.startswith("withheld ")
    assert "withheld already" in limner("review", "release", held["id"], "--reason", "yes").stderr
    assert limner("review", "expire").stdout == "destroyed 0 images\n"
