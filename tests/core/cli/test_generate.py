"""`limner generate` as a person meets it, over a project with the toy plugin."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from limner.cli.running import interrupting

if TYPE_CHECKING:
    from tests.core.cli.conftest import Limner


def environment(project: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LIMNER_")}
    return {**clean, "PYTHONPATH": os.pathsep.join([str(project.parent / "site"), *sys.path]), "LIMNER_DEVICES": "cpu"}


def generate(limner: Limner, *words: str) -> tuple[int, dict[str, Any]]:
    done = limner("generate", *words, "--json")
    return done.returncode, json.loads(done.stdout)


def test_an_image_is_written_and_told_of(project: Path, limner: Limner):
    code, told = generate(limner, "a bright field", "--seed", "5", "-o", "field.png")
    assert code == 0
    [image] = told["images"]
    assert told["pipeline"] == "plain"
    assert (image["index"], image["seed"], image["outcome"], image["path"]) == (0, 5, "released", "field.png")
    assert [decision["action"] for decision in image["decisions"]] == ["allow", "allow"]
    with Image.open(project / "field.png") as written:
        assert written.size == (16, 16)


def test_the_record_of_a_request_can_be_listed_and_shown(limner: Limner):
    _, told = generate(limner, "a bright field")
    listed = json.loads(limner("audit", "list", "--json").stdout)
    assert [summary["id"] for summary in listed] == [told["request_id"]]
    shown = json.loads(limner("audit", "show", told["request_id"], "--json").stdout)
    assert shown["events"][0]["payloads"]["prompt"]["value"] == "a bright field"
    plain = limner("audit", "show", told["request_id"]).stdout
    assert "prompt: a bright field" in plain
    assert "request.closed" in plain


def test_several_images_get_numbered_files_in_the_format_asked_for(project: Path, limner: Limner):
    code, told = generate(limner, "a bright field", "-n", "2", "-o", "out/field.webp")
    assert code == 0
    assert [image["path"] for image in told["images"]] == ["out/field-0.webp", "out/field-1.webp"]
    with Image.open(project / "out" / "field-1.webp") as written:
        assert written.format == "WEBP"


@pytest.mark.parametrize(("prompt", "outcome"), [("a bad field", "withheld"), ("an odd field", "held")])
def test_policy_ends_in_exit_code_3_and_no_file(project: Path, limner: Limner, prompt: str, outcome: str):
    code, told = generate(limner, prompt, "-o", "field.png")
    assert code == 3
    assert told["images"][0]["outcome"] == outcome
    assert not (project / "field.png").exists()


def test_a_block_says_so_in_words(limner: Limner):
    done = limner("generate", "a bad field")
    assert done.returncode == 3
    assert "withheld" in done.stdout
    assert "Not that word." in done.stdout


def test_a_failure_ends_in_exit_code_1_and_names_the_step(project: Path, limner: Limner):
    code, told = generate(limner, "break the brush")
    assert code == 1
    assert "draw" in told["images"][0]["error"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["generate", "a field", "--set", "shade"], 2, "PARAMETER=VALUE"),
        (["generate", "a field", "--set", "shade=2"], 2, "shade"),
        (["generate", "a field", "--set", "shade=0", "--set", "shade=0"], 2, "set twice"),
        (["generate", "a field", "-o", "field.gif"], 2, "is no image file"),
        (["generate", "a field", "--pipeline", "plane"], 2, "did you mean 'plain'?"),
        (["generate"], 2, "Missing argument"),
        (["pipelines", "show", "plane"], 2, "no pipeline 'plane'"),
        (["audit", "show", "nothing"], 2, "on the record"),
    ],
)
def test_a_wrong_call_is_refused_without_a_traceback(limner: Limner, words: list[str], code: int, message: str):
    done = limner(*words)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_file_is_exit_code_4_and_points_at_the_line(project: Path, limner: Limner):
    path = project / "pipelines.yaml"
    path.write_text(path.read_text().replace("use: toy.draw, as: draw", "use: toy.drow, as: draw", 1))
    done = limner("generate", "a field")
    assert done.returncode == 4
    assert "pipelines.yaml:10:" in done.stderr
    assert "did you mean 'toy.draw'?" in done.stderr


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_made(project: Path, limner: Limner):
    (project / "taken").write_text("a file")
    rmtree(project / ".limner")
    done = limner("generate", "a field", "-o", "taken/field.png")
    assert done.returncode == 2
    assert "nothing can be written into" in done.stderr
    assert not (project / ".limner").exists()


def test_a_file_that_cannot_be_replaced_is_told_with_the_request_that_keeps_it(project: Path, limner: Limner):
    (project / "field-0.png").mkdir()
    (project / "field-0.png" / "in the way").touch()
    done = limner("generate", "a field", "-n", "2", "-o", "field.png")
    assert done.returncode == 1
    assert "field-0.png: the image cannot be written" in done.stderr
    [summary] = json.loads(limner("audit", "list", "--json").stdout)
    assert f"image 0 of request {summary['id']}" in done.stderr


def test_state_that_cannot_be_kept_is_exit_code_4(project: Path, limner: Limner, monkeypatch: pytest.MonkeyPatch):
    (project / "file").write_text("")
    monkeypatch.setenv("LIMNER_STATE", str(project / "file" / "state"))
    for words in (("generate", "a field"), ("audit", "list")):
        done = limner(*words)
        assert done.returncode == 4
        assert "LIMNER_STATE" in done.stderr


def test_an_auditors_terminal_is_not_written_to_by_a_prompt(limner: Limner):
    prompt = "a field\x9b2J\nimage.outcome: released \u202e"
    _, told = generate(limner, prompt)
    shown = limner("audit", "show", told["request_id"]).stdout
    assert "\x1b" not in shown
    assert "prompt: a field\\x9b2J\\nimage.outcome: released \\u202e\n" in shown
    as_json = json.loads(limner("audit", "show", told["request_id"], "--json").stdout)
    assert as_json["events"][0]["payloads"]["prompt"]["value"] == prompt


def test_the_caller_on_the_record_is_the_systems_user(limner: Limner, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    _, told = generate(limner, "a field")
    shown = json.loads(limner("audit", "show", told["request_id"], "--json").stdout)
    assert shown["caller"] == f"local:{pwd.getpwuid(os.getuid()).pw_name}"


def test_an_unknown_setting_is_exit_code_4(limner: Limner, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIMNER_STAT", "x")
    done = limner("pipelines", "list")
    assert done.returncode == 4
    assert "did you mean LIMNER_STATE?" in done.stderr


def test_ctrl_c_closes_the_record_and_leaves_no_half_written_file(project: Path, limner: Limner):
    command = [sys.executable, "-m", "limner", "generate", "a field", "--pipeline", "stalled", "-o", "field.png", "--json"]
    with subprocess.Popen(command, cwd=project, env=environment(project), stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "stalling\n"
        child.send_signal(signal.SIGINT)
        told = json.loads(child.stdout.read())
    assert child.returncode == 130
    assert told["images"][0]["outcome"] == "cancelled"
    shown = json.loads(limner("audit", "show", told["request_id"], "--json").stdout)
    assert shown["events"][-1]["kind"] == "request.closed"
    assert shown["events"][-1]["body"]["outcomes"] == {"cancelled": 1}
    left = [path.name for path in project.rglob("*") if path.suffix in (".png", ".part")]
    assert left == []


@pytest.fixture
def usual_interrupt() -> Iterator[None]:
    """Ctrl-C as a terminal's process has it; one that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_interrupt")
def test_ctrl_c_where_there_is_nothing_to_cancel_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interrupting(lambda: False):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("usual_interrupt")
def test_a_second_ctrl_c_ends_at_once():
    def cancel() -> bool:
        cancelled.append("request")
        return True

    cancelled: list[str] = []
    with interrupting(cancel):
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert cancelled == ["request"]


@pytest.mark.parametrize(("error", "code"), [(OSError(28, "No space left on device"), 1), (KeyboardInterrupt(), 130)])
def test_whatever_happens_before_a_command_no_traceback_is_shown(
    limner: Limner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
):
    def build() -> None:
        raise error

    monkeypatch.setattr("limner.cli.commands.build", build)
    assert limner("generate", "a field").returncode == code


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["list"], "rewritten"),
        (["validate"], "3 pipelines hold"),
        (["graph", "plain"], "flowchart"),
        (["schema"], '"$schema"'),
        (["show", "plain"], '"hash"'),
    ],
)
def test_pipelines_can_be_looked_at(limner: Limner, words: list[str], expected: str):
    done = limner("pipelines", *words)
    assert (done.returncode, expected in done.stdout) == (0, True)


def test_plugins_are_listed_with_their_steps(limner: Limner):
    [toy] = [report for report in json.loads(limner("plugins", "list", "--json").stdout) if report["name"] == "toy"]
    assert (toy["version"], toy["distribution"], toy["status"]) == ("1.0", "toy_plugin", "ok")
    assert {"type": "toy.words", "stage": "filter_prompt"} in toy["steps"]
    assert "toy.words  (filter_prompt)" in limner("plugins", "list").stdout


def test_a_plugin_that_declares_what_cannot_be_is_listed_as_broken(limner: Limner, project: Path):
    source = project.parent / "site" / "stall_plugin.py"
    source.write_text(source.read_text() + "\nStall.reads = classmethod(lambda cls, options: 'image')\n")
    told = limner("plugins", "list").stdout
    assert "stall  1.0  stall_plugin  broken\n    stall.wait  (transform_image)\n" in told
    assert f"    {source}:" in told


def test_previews_that_are_not_to_be_had_are_explained(limner: Any, project: Path) -> None:
    done = limner("generate", "a circle", "--previews", "shown")
    assert (done.returncode, (project / "shown").exists()) == (0, False)
    assert "no previews: policy house has `previews: none`" in done.stderr
    policy = project / "policies" / "house.yaml"
    policy.write_text(policy.read_text() + "previews: gated\n")
    assert "no previews: no step of pipeline plain shows how far it is" in limner("generate", "a", "--previews", "shown").stderr
    assert "previews" not in limner("generate", "a circle").stderr
