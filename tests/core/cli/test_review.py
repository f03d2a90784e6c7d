"""`limner review` and `limner recall`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image


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


def test_what_the_name_of_a_file_holds_of_a_request_names_it(limner: Any) -> None:
    held, odd = [
        json.loads(limner("generate", prompt, "--seed", "7", "--json").stdout)["request_id"][:8]
        for prompt in ("dim field", "a")
    ]
    assert "prompt: dim field" in limner("review", "show", held).stdout
    assert "prompt: dim field" in limner("review", "show", f"{held}/0").stdout
    assert f"released {held}" in limner("review", "release", f"{held}/0", "--reason", "dusk").stdout
    assert f"nothing of request {odd}" in limner("review", "show", odd).stderr
    assert f"would recall {odd}" in limner("recall", odd, "--reason", "x", "--plan").stdout
    assert f"recalled {odd}" in limner("recall", f"{odd}/0", "--reason", "x").stdout
    again = limner("recall", odd, "--reason", "x")
    assert (again.returncode, "limner audit show REQUEST" in again.stderr) == (2, True)


def test_the_images_of_a_held_input_are_written_as_they_were_given(limner: Any, project: Path) -> None:
    with (project / "pipelines.yaml").open("a") as pipelines:
        steps = "[{use: toy.words}, {use: toy.alter, with: {masked: true}}, {use: toy.look}, {use: toy.mark}]"
        pipelines.write(f"  masked: {{task: edit, policy: house, steps: {steps}}}\n")
    for name, color in (("a.png", (200, 150, 100)), ("mask.png", (255, 255, 255))):
        Image.new("RGB", (12, 8), color).save(project / name)
    asked = json.loads(limner("edit", "a.png", "an odd field", "--mask", "mask.png", "-n", "2", "--json").stdout)["request_id"]
    done = limner("review", "show", asked, "-o", "held.png")
    assert done.stdout.endswith("wrote held.png\nwrote held-mask.png\n")
    assert (project / "held.png").read_bytes() == (project / "a.png").read_bytes()
    assert (project / "held-mask.png").read_bytes() == (project / "mask.png").read_bytes()


def test_of_held_words_there_is_no_image_to_write(limner: Any) -> None:
    asked = json.loads(limner("generate", "an odd field", "--json").stdout)["request_id"]
    done = limner("review", "show", asked, "-o", "held.png")
    assert (done.returncode, "nothing is made of them yet" in done.stderr) == (2, True)


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
