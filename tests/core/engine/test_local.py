"""The engine as a whole: capacity, several workers, what it imports."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

import limner
from limner.engine.interface import Engine
from limner.engine.local import LocalEngine
from limner.errors import ModelError, StepError
from limner.generation import Embedding, EncodedImage, Image, Input, Provenance, Signal, TextConditioning
from limner.step import Range

SOON = 20  # seconds; what never comes is a failure, not a hang
BARRIER = threading.Barrier(2)


class Meet(limner.Step):
    """Returns only once two threads are in it at the same time."""

    type = "meet"
    runs_on = "io"

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        BARRIER.wait(SOON)
        return [threading.current_thread().name]


class MeetOnDevice(Meet):
    type = "meet_on_device"
    runs_on = "accelerator"
    max_batch = 4


class Measure(limner.Step):
    type = "measure"

    class Options(limner.Options):
        word: str = "circle"

    @classmethod
    def emits(cls, options, models):
        return {f"{models.space('clip')}.{options.word}": Range()}

    @limner.hookimpl
    def filter_prompt(self, generations):
        return [[Signal(f"space.{self.options.word}", 1.0)] for _ in generations]


class Mode(limner.Step):
    type = "mode"

    def load(self, models, device, dtype):
        self.weights = torch.ones(2)
        self.tracked = (self.weights * torch.ones(2, requires_grad=True)).requires_grad

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        assert torch.is_inference_mode_enabled()
        return [f"{self.weights.is_inference()} {self.tracked}"]


def test_the_local_engine_is_an_engine(start):
    engine: Engine = LocalEngine({}, start().models, devices=("cpu",))
    engine.close()


def test_several_workers_run_at_the_same_time(start, ref, generation):
    engine = start(Meet, MeetOnDevice, io_workers=2, devices=("cpu", "cpu"))
    for cls in (Meet, MeetOnDevice):
        futures = [engine.submit(ref(cls), generation("a", i)) for i in range(2)]
        assert {future.result(SOON).generation.prompt for future in futures} == {f"limner-{cls.runs_on}-cpu"}


def test_capacity_counts_places_that_are_free(start, ref, generation):
    engine = start(Meet, MeetOnDevice, io_workers=2, batching=True)
    assert engine.capacity() == {"accelerator": 4, "cpu": 1, "io": 2}
    inside = engine.submit(ref(Meet), generation("a"))
    assert engine.capacity()["io"] == 1
    others = [engine.submit(ref(Meet), generation("a", 1 + i)) for i in range(3)]
    assert engine.capacity()["io"] == 0
    for future in (inside, *others):
        future.result(SOON)
    assert engine.capacity()["io"] == 2


def test_a_measuring_step_is_held_to_what_its_options_declare(start, ref, generation):
    run = start(Measure).submit(ref(Measure, {"word": "sword"}), generation()).result(SOON)
    assert [signal.name for signal in run.signals] == ["space.sword"]
    assert dict(run.generation.signals) == {("prompt", "space.sword"): run.signals[0]}


class Listed(Measure):
    """Measures by a list that somebody edits."""

    type = "listed"
    words = "old"

    @classmethod
    def digest(cls, options, models):
        return cls.words


def test_a_measuring_step_whose_list_was_edited_since_measures_nothing(start, ref, generation, monkeypatch):
    monkeypatch.setattr(Listed, "words", "new")
    engine = start(Listed)
    with pytest.raises(ModelError, match="have changed since its pipeline was loaded"):
        engine.submit(ref(Listed, digest="old"), generation("a")).result(SOON)
    assert engine.submit(ref(Listed, {"word": "x"}, digest="new"), generation("b")).result(SOON).signals


def test_calls_are_in_inference_mode_and_weights_are_ordinary_tensors(start, ref, generation):
    assert start(Mode).submit(ref(Mode), generation()).result(SOON).generation.prompt == "False False"


def test_all_that_a_generation_carries_survives_the_way_to_a_step_and_back(start, ref, generation):
    mask = torch.ones(2, dtype=torch.bool)
    text = TextConditioning(torch.randn(2, 3), mask, torch.randn(3), "space")
    carried = generation(
        text=text,
        embedding=Embedding(torch.randn(3), "space", torch.zeros(3)),
        noise=torch.randn(3, 2, 2),
        image=Image(torch.rand(3, 2, 2)),
        inputs=(Input("image", Image(torch.rand(3, 2, 2)), "00"),),
        file=EncodedImage(b"png", "png"),
        provenance=Provenance("a", 0, 7, "generate", "2026-01-01"),
    )
    after = start(Measure).submit(ref(Measure), carried).result(SOON).generation
    assert torch.equal(after.text.tokens, text.tokens)
    assert torch.equal(after.embedding.vector, carried.embedding.vector)
    assert torch.equal(after.noise, carried.noise)
    assert after.image.sha256() == carried.image.sha256()
    assert after.input("image").sha256() == carried.input("image").sha256()
    assert (after.file, after.provenance) == (carried.file, carried.provenance)


def test_a_worker_outlives_a_fault_and_nobody_waits_for_ever(start, ref, generation, monkeypatch, caplog):
    monkeypatch.setattr("limner.engine.workers.run_batch", lambda *_: 1 / 0)
    engine = start(Mode)
    with pytest.raises(StepError, match="the engine failed: ZeroDivisionError"):
        engine.submit(ref(Mode), generation("a")).result(SOON)
    assert "a worker failed" in caplog.text
    monkeypatch.undo()
    assert engine.submit(ref(Mode), generation("b")).result(SOON)


HANGS_AT_EXIT = """
import sys, threading
import limner, limner.engine.local
print("torch" in sys.modules)

class Hang(limner.Step):
    type = "hang"
    entered = threading.Event()

    @limner.hookimpl
    def rewrite_prompt(self, generations):
        Hang.entered.set()
        threading.Event().wait()

class NoModels:
    def bind(self, device, dtype): return self

engine = limner.engine.local.LocalEngine({"hang": Hang}, NoModels(), devices=("cpu",))
engine.submit(limner.bound.StepRef("hang", "hang", 0, {}, "", "."), limner.Generation("a", 0, 0, "p"))
assert Hang.entered.wait(20)
print("ends")
"""


@pytest.fixture(scope="module")
def hanging_process():
    """A process that has ended although a step of its never returned."""
    environment = {**os.environ, "PYTHONPATH": str(Path(limner.__file__).parents[1])}
    command = [sys.executable, "-c", HANGS_AT_EXIT]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def test_importing_the_engine_imports_no_torch(hanging_process):
    assert hanging_process.stdout.startswith("False\n")


def test_a_hanging_step_does_not_keep_the_process_alive(hanging_process):
    assert (hanging_process.returncode, hanging_process.stderr) == (0, "")
    assert hanging_process.stdout.endswith("ends\n")
