"""From what a step answered to the next generation. What a step answers is not believed before it is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from limner.bound import StepRef
from limner.engine import checks
from limner.engine.checks import Nonsense
from limner.engine.failure import place
from limner.errors import StepError
from limner.generation import EncodedImage, Generation, ItemError, Signal
from limner.hookspecs import Stage
from limner.step import Range

Write = Callable[[Generation, object, str], Generation]  # (generation, answer, step id) -> the next generation

SIGNALS, IMAGE = "a list of limner.Signal", "a limner.Image"
EXPECTED: Mapping[str, str] = {
    "filter_prompt": SIGNALS,
    "rewrite_prompt": "a str",
    "filter_upload": SIGNALS,
    "encode_text": "a limner.TextConditioning",
    "sample_prior": "a limner.Embedding or a pair (limner.Embedding, limner.TextConditioning)",
    "encode_image": "a limner.Embedding",
    "transform_embedding": "a limner.Embedding",
    "classify_embedding": SIGNALS,
    "invert": "a torch.Tensor (3, height, width)",
    "decode": IMAGE,
    "upscale": IMAGE,
    "transform_image": IMAGE,
    "classify_image": SIGNALS,
    "watermark": f"{IMAGE} of the same size",
    "attest": "a limner.EncodedImage of the same format",
}

_PIXELS = "; limner.Image(pixels) makes one of a Pillow image or a tensor (3, height, width) in [-1, 1]"
MADE: Mapping[str, str] = {stage: _PIXELS for stage, expected in EXPECTED.items() if expected.startswith(IMAGE)}


def one_each(ref: StepRef, answers: object, count: int) -> Sequence[object]:
    """The answers of a batch, if there is one for each generation. Raises StepError."""
    if isinstance(answers, list | tuple) and len(answers) == count:
        return answers
    found = "nothing" if answers is None else f"a {type(answers).__name__}"
    if isinstance(answers, list | tuple):
        found = f"{len(answers)} results"
    fix = "return a list with one result, or an ItemError, for each generation, in order"
    raise StepError(f"answered {found} for {count} generation{'s' if count > 1 else ''}", where=place(ref), fix=fix)


def next_generation(
    ref: StepRef, stage: Stage, emits: Mapping[str, Range], generation: Generation, answer: object
) -> tuple[Generation, tuple[Signal, ...]]:
    """The generation after a step, and what the step measured. Raises StepError for an ItemError and for nonsense."""
    if isinstance(answer, ItemError):
        raise StepError(answer.what, where=place(ref), fix=answer.fix)
    signals: tuple[Signal, ...] = ()
    try:
        if stage.gate is None:
            after = WRITES[stage.name](generation, answer, ref.id)
        else:
            signals = checks.signals(answer, emits, generation.prompt if stage.gate == "prompt" else None)
            after = generation.with_signals(stage.gate, signals)
    except Nonsense as nonsense:
        fix = f"a {stage.name} step returns {EXPECTED[stage.name]} for each generation{MADE.get(stage.name, '')}"
        raise StepError(f"answered nonsense: {nonsense}", where=place(ref), fix=fix) from None
    return replace(after, overrides={}) if after.overrides else after, signals  # overrides were for this step alone


def _prompt(generation: Generation, answer: object, step: str) -> Generation:
    return generation.with_prompt(checks.of_type(answer, str), step)


def _text(generation: Generation, answer: object, step: str) -> Generation:
    return replace(generation, text=checks.text(answer))


def _prior(generation: Generation, answer: object, step: str) -> Generation:
    if isinstance(answer, tuple) and len(answer) == 2:
        return generation.with_embedding(checks.embedding(answer[0]), checks.text(answer[1]))
    return _embedding(generation, answer, step)


def _embedding(generation: Generation, answer: object, step: str) -> Generation:
    return generation.with_embedding(checks.embedding(answer))


def _noise(generation: Generation, answer: object, step: str) -> Generation:
    noise = checks.tensor(answer, "noise", 3)
    if noise.shape[0] != 3:
        raise Nonsense(f"noise of shape {tuple(noise.shape)}")
    return replace(generation, noise=noise)


def _image(generation: Generation, answer: object, step: str) -> Generation:
    return generation.with_image(checks.image(answer))


def _mark(generation: Generation, answer: object, step: str) -> Generation:
    marked, before = checks.image(answer), generation.image
    if before is not None and before.size != marked.size:
        raise Nonsense(f"an image of {marked.size[0]}x{marked.size[1]} for one of {before.size[0]}x{before.size[1]}")
    return generation.with_image(marked)


def _file(generation: Generation, answer: object, step: str) -> Generation:
    file, before = checks.of_type(answer, EncodedImage), generation.file
    if not file.data:
        raise Nonsense("an empty file")
    if before is not None and file.format != before.format:
        raise Nonsense(f"a {file.format} file for a {before.format} one")
    return replace(generation, file=file)


WRITES: Mapping[str, Write] = {
    "rewrite_prompt": _prompt,
    "encode_text": _text,
    "sample_prior": _prior,
    "encode_image": _embedding,
    "transform_embedding": _embedding,
    "invert": _noise,
    "decode": _image,
    "upscale": _image,
    "transform_image": _image,
    "watermark": _mark,
    "attest": _file,
}
