"""Every hook of Limner, in the order of a request's life: registration, stages, reading marks, life-cycle.

Stage hooks are implemented by steps (one each); registration, reading and life-cycle hooks by plugin modules.
Hookspecs only ever gain arguments; an implementation names those it wants.

A stage hook is given a batch, a list of frozen generations from any requests, and returns one result for each, in order,
of the stage's result type, or an `ItemError` for one it could not treat. It may raise: the batch is then run again one by
one, so that only the generation at fault fails. What it answers after its deadline is dropped. The engine checks count, type
and finiteness. A failing measuring step makes its gate's outcome `error`, which the policy's `on_error` turns into a block or a
review, never an allow; any other failing step fails its generation.
"""

# mypy: disable-error-code="empty-body"
# A hookspec has no body: its signature and docstring are the contract.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from limner.generation import Embedding, EncodedImage, Gate, Generation, Image, ItemError, Signal, TextConditioning
from limner.marker import PROJECT
from limner.readings import ManifestReading, WatermarkReading
from limner.views import DecisionView, ReleaseView, RequestView, StepView

if TYPE_CHECKING:
    import torch

    from limner.step import KeyRings, Step

hookspec = pluggy.HookspecMarker(PROJECT)


@dataclass(frozen=True, slots=True)
class Stage:
    """What the steps of one stage may read, need at least, and write; `gate` for stages that measure."""

    name: str
    reads: frozenset[str]
    needs: frozenset[str]
    writes: frozenset[str]
    gate: Gate | None = None


def _stage(name: str, reads: str, needs: str, writes: str, gate: Gate | None = None) -> Stage:
    return Stage(name, frozenset(reads.split()), frozenset(needs.split()), frozenset(writes.split()), gate)


STAGES: Mapping[str, Stage] = {
    stage.name: stage
    for stage in (
        _stage("filter_prompt", reads="prompt", needs="prompt", writes="", gate="prompt"),
        _stage("rewrite_prompt", reads="prompt", needs="prompt", writes="prompt"),
        _stage("filter_upload", reads="prompt upload", needs="upload", writes="", gate="upload"),
        _stage("encode_text", reads="prompt", needs="prompt", writes="text"),
        _stage("sample_prior", reads="prompt text", needs="prompt", writes="text embedding"),
        _stage("encode_image", reads="upload", needs="upload", writes="embedding"),
        _stage("transform_embedding", reads="prompt text embedding upload", needs="embedding", writes="embedding"),
        _stage("classify_embedding", reads="embedding", needs="embedding", writes="", gate="embedding"),
        _stage("invert", reads="upload embedding text", needs="upload embedding", writes="noise"),
        _stage("decode", reads="prompt text embedding noise upload mask", needs="embedding", writes="image"),
        _stage("upscale", reads="image", needs="image", writes="image"),
        _stage("transform_image", reads="image prompt upload mask", needs="image", writes="image"),
        _stage("classify_image", reads="image", needs="image", writes="", gate="image"),
        _stage("watermark", reads="image", needs="image", writes="image"),
        _stage("attest", reads="file", needs="file", writes="file"),
    )
}


class RegistrationHooks:
    """Asked once, when plugins are loaded. They must be cheap: no torch, no files, no network."""

    @hookspec
    def register_steps(self) -> Sequence[type[Step]]:
        """The step classes this plugin offers; each `type` is the plugin's own name, or starts with it and a dot.

        Reads nothing; returns a list. A failure leaves the plugin out, whole, and is reported; if a pipeline uses one of its
        steps, the start stops.

            def register_steps():
                return [Shout]
        """

    @hookspec
    def register_models(self) -> Mapping[str, Mapping[str, str]]:
        """Models by name, in the form of `models:` of a pipelines.yaml.

        Reads nothing; returns `{"source": ..., "revision": ..., "space": ...}` by name: an absolute directory, or a hub id with
        its `revision`, a full commit; `space` may be left out. A failure leaves the plugin out, as does a name that is taken.

            def register_models():
                return {"scenes": {"source": str(Path(__file__).parent / "weights")}}
        """

    @hookspec
    def register_policies(self) -> Mapping[str, str]:
        """Policy folders by name, used as `extends: acme/brand`.

        Reads nothing; returns the absolute path of a folder of policy YAML files, by name. A failure leaves the plugin out, as
        does a name that is taken.

            def register_policies():
                return {"acme": str(Path(__file__).parent / "policies")}
        """

    @hookspec
    def register_commands(self, cli: Any, open_app: Any) -> None:  # typer.Typer; (path or None) -> App
        """Add commands to the `limner` command line.

        Reads `cli`, the Typer application, and `open_app`, which gives the running application (pipelines, models, `generate`)
        when a command needs it: call it inside the command, never here. Returns nothing. A failure, or a command that is there
        already, is logged by every command, and none of this plugin's are added.

            def register_commands(cli, open_app):
                @cli.command()
                def hello() -> None:
                    print("hello")
        """


class StageHooks:
    """The work. Implemented by steps, called by the engine, one implementation a call."""

    @hookspec(firstresult=True)
    def filter_prompt(self, generations: Sequence[Generation]) -> Sequence[Sequence[Signal] | ItemError]:
        """Measure the prompt as it now stands.

        Reads `prompt`; returns its signals, at the gate `prompt`. Evidence is [start, end) in code points of the prompt
        measured. A failure is an `error` at the gate.

            return [[Signal("acme.length", len(generation.prompt))] for generation in generations]
        """

    @hookspec(firstresult=True)
    def rewrite_prompt(self, generations: Sequence[Generation]) -> Sequence[str | ItemError]:
        """Give the prompt to go on with.

        Reads `prompt`; returns the new one. Both are kept on the record; what was derived from the old one (conditioning,
        embedding, signals) is dropped. A failure fails the generation.

            return [generation.prompt + ", in oil" for generation in generations]
        """

    @hookspec(firstresult=True)
    def filter_upload(self, generations: Sequence[Generation]) -> Sequence[Sequence[Signal] | ItemError]:
        """Measure the input images, alone or with the prompt.

        Reads `inputs`, `prompt`; returns signals, at the gate `upload`. A failure is an `error` at the gate.

            return [[Signal("acme.skin", skin(generation.input("image")))] for generation in generations]
        """

    @hookspec(firstresult=True)
    def encode_text(self, generations: Sequence[Generation]) -> Sequence[TextConditioning | ItemError]:
        """Encode the prompt.

        Reads `prompt`, `negative_prompt`; returns tokens, mask and pooled embedding, those of the negative beside them.
        A failure fails the generation.

            return [TextConditioning(*encode(generation.prompt), space) for generation in generations]
        """

    @hookspec(firstresult=True)
    def sample_prior(
        self, generations: Sequence[Generation]
    ) -> Sequence[Embedding | tuple[Embedding, TextConditioning] | ItemError]:
        """Draw an image embedding for the text.

        Reads `text` or `prompt`; returns the embedding, with the text conditioning where the step encoded the prompt
        itself. A failure fails the generation.

            return [Embedding(sample(generation.text), space) for generation in generations]
        """

    @hookspec(firstresult=True)
    def encode_image(self, generations: Sequence[Generation]) -> Sequence[Embedding | ItemError]:
        """Embed the input image, for variations and blends.

        Reads `inputs`; returns the embedding. A failure fails the generation.

            return [Embedding(encode(generation.input("image")), space) for generation in generations]
        """

    @hookspec(firstresult=True)
    def transform_embedding(self, generations: Sequence[Generation]) -> Sequence[Embedding | ItemError]:
        """Make another embedding of the one there is: an interpolation, a text diff.

        Reads `embedding`, `text`, `prompt`, `inputs`; returns the new embedding, and signals about the old one are dropped.
        A failure fails the generation.

            return [Embedding(slerp(generation.embedding.vector, style, 0.5), space) for generation in generations]
        """

    @hookspec(firstresult=True)
    def classify_embedding(self, generations: Sequence[Generation]) -> Sequence[Sequence[Signal] | ItemError]:
        """Measure the embedding before the decoder spends time on it.

        Reads `embedding`; returns signals, at the gate `embedding`. A failure is an `error` at the gate.

            return [[Signal("acme.sword", score(generation.embedding))] for generation in generations]
        """

    @hookspec(firstresult=True)
    def invert(self, generations: Sequence[Generation]) -> Sequence[torch.Tensor | ItemError]:
        """Find the initial noise that decodes to the input image.

        Reads `inputs`, `embedding`, `text`; returns a tensor (3, height, width). A failure fails the generation.

            return [ddim_inversion(generation.input("image"), generation.embedding) for generation in generations]
        """

    @hookspec(firstresult=True)
    def decode(self, generations: Sequence[Generation]) -> Sequence[Image | ItemError]:
        """Make the image.

        Reads `embedding`, `text` or `prompt`, and where given `noise`, `inputs`; returns the image. A failure fails the
        generation.

            return [Image(sample(generation.embedding, generation.text)) for generation in generations]
        """

    @hookspec(firstresult=True)
    def upscale(self, generations: Sequence[Generation]) -> Sequence[Image | ItemError]:
        """Make the image larger.

        Reads `image`; returns the larger one, and signals about the smaller are dropped. A failure fails the generation.

            return [Image(super_resolve(generation.image.tensor())) for generation in generations]
        """

    @hookspec(firstresult=True)
    def transform_image(self, generations: Sequence[Generation]) -> Sequence[Image | ItemError]:
        """Finish the image, at any size: colour grading, a frame, the way back into an input image.

        Reads `image`, `prompt`, `inputs`; returns the new image, and signals about the old one are dropped. A failure fails
        the generation.

            return [Image(ImageOps.autocontrast(generation.image.pillow())) for generation in generations]
        """

    @hookspec(firstresult=True)
    def classify_image(self, generations: Sequence[Generation]) -> Sequence[Sequence[Signal] | ItemError]:
        """Measure the image.

        Reads `image`; returns signals, at the gate `image`. A failure is an `error` at the gate.

            return [[Signal("acme.sword", score(generation.image))] for generation in generations]
        """

    @hookspec(firstresult=True)
    def watermark(self, generations: Sequence[Generation]) -> Sequence[Image | ItemError]:
        """Mark the image.

        Reads `image`, `mark_id`; returns an image of the same size. A failure fails the generation: nothing leaves unmarked.

            return [Image(embed(generation.image.pillow(), generation.mark_id)) for generation in generations]
        """

    @hookspec(firstresult=True)
    def attest(self, generations: Sequence[Generation]) -> Sequence[EncodedImage | ItemError]:
        """Attach the provenance to the encoded file, once, at the end.

        Reads `file`, `provenance`; returns the file in the same format, its pixels as they were. A failure fails the
        generation.

            return [sign(generation.file, generation.provenance) for generation in generations]
        """


class ReadingHooks:
    """Looking at images and words, apart from pipelines."""

    @hookspec
    def read_watermark(self, image: Image, keys: Mapping[str, bytes]) -> Sequence[WatermarkReading]:
        """Look for marks in an image from anywhere.

        Reads `image`, and `keys` by key id; returns the readings, none where no mark is found, and several where a marked image
        was marked again. They are look-up keys only, to be confirmed against the record. A failure is reported and the other
        readers go on.

            def read_watermark(image, keys):
                return search(image.pillow(), keys["1"])
        """

    @hookspec
    def read_manifest(self, file: EncodedImage, keys: KeyRings) -> ManifestReading | None:
        """Read the content credentials in a file from anywhere, without fetching anything.

        Reads `file`, and `keys` to tell what this installation signed; returns the reading, None where the file has none. A
        failure is reported and the other readers go on.

            def read_manifest(file, keys):
                return verified(file.data, trusted=keys.ring("acme"))
        """

    @hookspec
    def find_terms(self, text: str, terms: Sequence[str]) -> Sequence[int]:
        """Find terms of the deny list in a prompt, through whatever disguises this plugin's own word filter sees.

        Reads `text`, and `terms` as an operator wrote them; returns the indexes of those that are in the text. It is asked
        before anything is made and after each rewrite, so it must be quick. A failure refuses the request: what cannot be
        looked for is not let through.

            def find_terms(text, terms):
                return [index for index, term in enumerate(terms) if term in normalised(text)]
        """


class LifecycleHooks:
    """For watching. They get frozen views without prompt text, cannot change the outcome; a raise is logged and counted."""

    @hookspec
    def after_request_accepted(self, request: RequestView) -> None:
        """The request was admitted and its intent is durable.

        Reads a frozen `request`; returns nothing. A raise is logged and counted; the request goes on.

            def after_request_accepted(request):
                METRICS.count("requests", pipeline=request.pipeline)
        """

    @hookspec
    def before_step(self, step: StepView) -> None:
        """A step is about to be given a generation.

        Reads a frozen `step`; returns nothing. A raise is logged and counted; the request goes on.

            def before_step(step):
                log.debug("%s starts", step.step)
        """

    @hookspec
    def after_step(self, step: StepView) -> None:
        """A step has answered.

        Reads a frozen `step`: `seconds` is its time, `batch` how many generations shared the call; returns nothing. A raise
        is logged and counted; the request goes on.

            def after_step(step):
                METRICS.observe(step.type, step.seconds)
        """

    @hookspec
    def on_step_error(self, step: StepView) -> None:
        """A step raised, hung past its deadline or answered nonsense.

        Reads a frozen `step`, whose `error` is the kind of error, such as `ValueError`; its text may quote the prompt and is on
        the record alone. Returns nothing. A raise is logged and counted; the request goes on.

            def on_step_error(step):
                ALERTS.send(step.step, step.error)
        """

    @hookspec
    def after_decision(self, decision: DecisionView) -> None:
        """The policy engine decided at a gate.

        Reads a frozen `decision`; returns nothing. A raise is logged and counted; the request goes on.

            def after_decision(decision):
                METRICS.count(decision.action, gate=decision.gate)
        """

    @hookspec
    def after_release(self, release: ReleaseView) -> None:
        """An image was released; its record is durable.

        Reads a frozen `release`; returns nothing. A raise is logged and counted; the image is released all the same.

            def after_release(release):
                METRICS.count("released")
        """


PLUGIN_HOOKS = (RegistrationHooks, ReadingHooks, LifecycleHooks)
