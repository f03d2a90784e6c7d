"""Whether a pipeline's values flow: every step finds what it reads, fresh and in its own embedding space, and marks come last.

A value is there once the request brings it or a step writes it. Writing the prompt makes text conditioning and embedding stale,
as what they say is no longer what will be drawn; and it, like writing the embedding or the image, makes what was measured of
the old value stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from limner.bound import BoundStep
from limner.generation import Task
from limner.pipeline.option_values import model_references
from limner.pipeline.reading import Reading
from limner.yaml_problems import Problems
from limner.yaml_source import KeyPath

BROUGHT: Mapping[Task, frozenset[str]] = {  # a request always has a prompt, be it empty: what is asked of one, is asked of all
    "generate": frozenset({"prompt"}),
    "vary": frozenset({"prompt", "upload"}),
    "edit": frozenset({"prompt", "upload", "mask"}),
    "blend": frozenset({"prompt", "upload"}),  # two of them
}
STALE_AFTER: Mapping[str, tuple[str, ...]] = {"prompt": ("text", "embedding")}
IN_A_SPACE = ("text", "embedding")  # values that models of different embedding spaces cannot share
AFTER_A_MARK = ("watermark", "classify_image", "attest")


def check_dataflow(reading: Reading, path: KeyPath, task: Task, steps: Sequence[BoundStep]) -> None:
    """Check the steps of the pipeline at `path`. Raises InvalidFile with everything that does not flow."""
    problems = Problems()
    flow = _Flow(reading, (*path, "steps"), task, steps, there=set(BROUGHT[task]))
    for index, step in enumerate(steps):
        for check in (flow.check_reads, flow.check_space, flow.check_signals, flow.check_marks):
            with problems.collecting():
                check(index, step)
        flow.write(step)
    with problems.collecting():
        flow.check_end()
    problems.raise_found()


@dataclass(frozen=True, slots=True)
class _Origin:
    """The embedding space of a value, and the step and model it comes from."""

    space: str
    step: BoundStep
    model: str


@dataclass(slots=True)
class _Flow:
    """What is there before a step, and where it came from."""

    reading: Reading
    path: KeyPath
    task: Task
    steps: Sequence[BoundStep]
    there: set[str]
    stale: dict[str, BoundStep] = field(default_factory=dict)
    spaces: dict[str, _Origin] = field(default_factory=dict)
    signals: dict[tuple[str, str], BoundStep] = field(default_factory=dict)
    mark: BoundStep | None = None

    def check_reads(self, index: int, step: BoundStep) -> None:
        """Everything that the step reads must be there."""
        for value in sorted(step.reads - self.there):
            what, fix = self._absence("image" if value == "file" else value, index, step)
            raise self.reading.refusal((*self.path, index), what, fix)

    def _absence(self, value: str, index: int, step: BoundStep) -> tuple[str, str]:
        """Why a value is not there, and what to do."""
        needs = f"{step.id} needs `{value}`"
        if writer := self.stale.get(value):
            what = f"{needs}, which is stale here: {writer.id} (line {writer.line}) changed the prompt after it was made"
            return what, f"move {writer.id} up, before the step that makes `{value}`"
        later = next((other for other in self.steps[index + 1 :] if value in other.writes), None)
        if later is not None:
            what = f"{needs}, which {later.id} (line {later.line}) makes only afterwards"
            return what, f"move {step.id} below {later.id}"
        if tasks := [task for task, brought in BROUGHT.items() if value in brought]:
            return f"{needs}, which a `{self.task}` request does not bring", f"requests that do: {', '.join(tasks)}"
        return f"{needs}, which no step makes", self._makers(value)

    def _makers(self, value: str) -> str:
        catalogue = self.reading.catalogue
        able = [name for name, cls in sorted(catalogue.steps.items()) if value in catalogue.stage_of(cls).writes]
        return f"add a step before it that makes `{value}`" + (f": {', '.join(able)}" if able else "")

    def check_space(self, index: int, step: BoundStep) -> None:
        """Models that share text conditioning or an embedding must share its space."""
        own = self._origins(index, step)
        before = dict(self.spaces)
        self._keep_space(step, own)
        for value in sorted(step.reads.intersection(IN_A_SPACE, before)):
            other = before[value]
            if own and other.space not in {origin.space for origin in own}:
                what = (
                    f"{step.id} works in the embedding space of model {own[0].model} ({own[0].space[:20]}), but its `{value}` "
                    f"comes from {other.step.id} (line {other.step.line}) in that of model {other.model} ({other.space[:20]})"
                )
                raise self.reading.refusal((*self.path, index), what, "use one model in both, or models of one `space`")

    def _keep_space(self, step: BoundStep, own: Sequence[_Origin]) -> None:
        """What the step writes lies in its models' space; without models, in that of the value it read, if it read one."""
        for value in step.writes.intersection(IN_A_SPACE):
            if len({origin.space for origin in own}) == 1:
                self.spaces[value] = own[0]
            elif own or value not in step.reads:
                self.spaces.pop(value, None)

    def _origins(self, index: int, step: BoundStep) -> list[_Origin]:
        """The spaces of the models that a step works with, where it touches a value that lies in one."""
        if not (step.reads | step.writes).intersection(IN_A_SPACE):
            return []
        origins = []
        for key, model in model_references(step.options):
            with self.reading.faults_at((*self.path, index, "with", *key), f"model {model}"):
                origins.append(_Origin(self.reading.models.space(model), step, model))
        return origins

    def check_signals(self, index: int, step: BoundStep) -> None:
        """One signal of one gate has one source, until its value is written again."""
        for name in step.emits:
            first = self.signals.setdefault((str(step.stage.gate), name), step)
            if first is not step:
                what = (
                    f"measures {name} at the gate `{step.stage.gate}`, as {first.id} (line {first.line}) does, "
                    f"and nothing between them writes the {step.stage.gate}"
                )
                raise self.reading.refusal((*self.path, index), what, "remove one of the two")

    def check_marks(self, index: int, step: BoundStep) -> None:
        """After the first mark the pixels are final; attestation is once, and last."""
        if self.mark is not None and step.stage.name not in AFTER_A_MARK:
            what = f"{step.id} stands after the mark {self.mark.id} (line {self.mark.line})"
            fix = f"move {step.id} above {self.mark.id}: only marks, image classifiers and attestation come after a mark"
            raise self.reading.refusal((*self.path, index), what, fix)
        if step.stage.name != "attest":
            return
        if any(other.stage.name == "attest" for other in self.steps[:index]):
            raise self.reading.refusal((*self.path, index), "a second attestation", "remove one; a file is attested once")
        if any(other.stage.name != "attest" for other in self.steps[index + 1 :]):
            what = f"{step.id} attests the finished file, and steps come after it"
            raise self.reading.refusal((*self.path, index), what, f"move {step.id} to the end")

    def check_end(self) -> None:
        """The last value is an image."""
        if "image" not in self.there:
            raise self.reading.refusal(self.path, "the pipeline ends without an image", self._makers("image"), at_key=True)

    def write(self, step: BoundStep) -> None:
        """What is there after the step."""
        self.there |= step.writes
        for value in step.writes:
            self.stale.pop(value, None)
            for derived in STALE_AFTER.get(value, ()):
                if derived in self.there - step.writes:
                    self.there.discard(derived)
                    self.stale[derived] = step
        if "image" in self.there:
            self.there.add("file")  # the image is encoded once, after the last step that writes it
        if step.stage.name == "watermark" and self.mark is None:
            self.mark = step
        self._forget_signals(step)

    def _forget_signals(self, step: BoundStep) -> None:
        if "prompt" in step.writes:
            self.signals.clear()
        self.signals = {key: source for key, source in self.signals.items() if key[0] not in step.writes}
