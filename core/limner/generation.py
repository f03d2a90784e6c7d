"""The values that flow through a pipeline: requests, generations, images, embeddings, signals and decisions.

All are frozen. A step never changes a generation; it returns a result, from which the engine builds the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    import torch
    from numpy.typing import NDArray

Task = Literal["generate", "vary", "edit", "blend"]
Gate = Literal["prompt", "upload", "embedding", "image"]
Action = Literal["allow", "review", "block"]
Mode = Literal["enforce", "shadow"]
Role = Literal["image", "mask", "second"]
Severity = Literal["low", "medium", "high", "critical"]
Outcome = Literal["released", "withheld", "held", "failed", "cancelled", "abandoned"]

GATES: tuple[Gate, ...] = ("prompt", "upload", "embedding", "image")
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
SEVERITY: Mapping[Action, int] = MappingProxyType({"allow": 0, "review": 1, "block": 2})


class Image:
    """Pixels in either of two forms, converted once when the other form is asked for.

    The tensor form is float, (3, height, width), in [-1, 1], on the device where it was made; the Pillow form is mode RGB,
    8 bits. Rounding is `round((x + 1) * 127.5)`.

    numpy converts, on the calling thread alone: torch would start threads for each thread that converts, and where such threads
    outnumber the processors, all of them sleep between two tasks, those of the networks too, which then take twice as long.
    (Of bfloat16, which numpy does not know, torch makes float32 first; samples are float32.)
    """

    __slots__ = ("_pillow", "_tensor")

    def __init__(self, pixels: torch.Tensor | PIL.Image.Image) -> None:
        self._tensor: torch.Tensor | None = None
        self._pillow: PIL.Image.Image | None = None
        import PIL.Image

        if isinstance(pixels, PIL.Image.Image):
            self._pillow = pixels if pixels.mode == "RGB" else pixels.convert("RGB")
        elif pixels.ndim == 3 and pixels.shape[0] == 3:
            self._tensor = pixels
        else:
            raise ValueError(f"an image tensor has shape (3, height, width), not {tuple(pixels.shape)}")

    def tensor(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The pixels as a float tensor (3, height, width) in [-1, 1]; float32 on the CPU unless told or made otherwise."""
        import numpy as np
        import torch

        if self._tensor is None:
            assert self._pillow is not None
            array = np.array(self._pillow, dtype=np.float32)
            self._tensor = torch.from_numpy(np.ascontiguousarray((array / 127.5 - 1.0).transpose(2, 0, 1)))
        return self._tensor.to(device=device, dtype=dtype)

    def pillow(self) -> PIL.Image.Image:
        """The pixels as an RGB Pillow image. The image is shared: copy it before drawing on it."""
        if self._pillow is None:
            import numpy as np
            import PIL.Image

            assert self._tensor is not None
            array = _array(self._tensor).clip(-1, 1)
            array += 1
            array *= 127.5
            pixels = np.rint(array, out=array).astype(np.uint8)
            self._pillow = PIL.Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
        return self._pillow

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        if self._pillow is not None:
            return self._pillow.size
        assert self._tensor is not None
        return int(self._tensor.shape[2]), int(self._tensor.shape[1])

    def sha256(self) -> str:
        """Hex SHA-256 over mode, width, height and the 8-bit RGB rows: equal exactly where the pixels are equal."""
        pillow = self.pillow()
        head = f"RGB {pillow.width} {pillow.height}\n".encode()
        return hashlib.sha256(head + pillow.tobytes()).hexdigest()

    def is_finite(self) -> bool:
        """False if any value is NaN or infinite."""
        import numpy as np

        if self._tensor is None:
            return True
        if self._tensor.device.type != "cpu":
            return bool(self._tensor.isfinite().all())
        return bool(np.isfinite(_array(self._tensor)).all())

    def __reduce__(self) -> tuple[type[Image], tuple[Any]]:
        tensor = self._tensor
        return Image, (self._pillow if tensor is None else tensor.detach().cpu(),)

    def __repr__(self) -> str:
        return f"Image({self.size[0]}x{self.size[1]})"


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    """The values as float32, in the tensor's own memory where they are that already."""
    import numpy as np
    import torch

    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy().astype(np.float32, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class TextConditioning:
    """What a text encoder says of a prompt: `tokens` (length, width), `mask` (length,) bool, `pooled` (dimension,).

    `space` names the embedding space of `pooled`; `negative` is the conditioning that guidance moves away from
    (the empty prompt, unless a negative prompt was given).
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    pooled: torch.Tensor
    space: str
    negative: TextConditioning | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A CLIP-style image embedding: `vector` (dimension,), its `space`, and the `negative` (dimension,) used for guidance.

    `negative` None means that the decoder uses its own null embedding.
    """

    vector: torch.Tensor
    space: str
    negative: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where in the measured prompt a signal was seen: [start, end) in code points, and what matched."""

    start: int
    end: int
    matched: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """A measured fact, such as `terms.weapon = 1.0`. Steps measure; they never decide."""

    name: str
    value: float
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule made of the signals it names.

    `result` is `pass` (the rule does not apply), `fail` (it does, so `action` is asked for) or `error` (a signal missing, not
    finite, or its step broken). `values` and `thresholds` are by signal, `margin` is the least of value minus threshold, >= 0
    where the rule fires.
    """

    rule: str
    result: Literal["pass", "fail", "error"]
    action: Action
    mode: Mode
    category: str = ""
    message: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, str] = field(default_factory=dict)
    margin: float | None = None
    detail: str = ""
    severity: Severity = "medium"


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy engine decided at one gate: the strictest enforced finding, all findings, and what they rest on.

    `action` counts enforced findings only; shadow ones are in `findings`. `revision` is the hash of the policy bundle;
    `digests` maps each measuring step to the digest of the lists, tables and weights its answers depend on; `deny_revision`
    names the deny list as it then stood. A decision in `shadow` mode is that of a policy that is only tried.
    """

    gate: Gate
    action: Action
    policy: str
    revision: str
    findings: tuple[Finding, ...] = ()
    after_step: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    category: str = ""
    error: str = ""
    seconds: float = 0.0
    mode: Mode = "enforce"
    deny_revision: str = ""

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the enforced rules that asked for this decision's action."""
        return tuple(
            finding.rule
            for finding in self.findings
            if finding.mode == "enforce" and finding.result != "pass" and finding.action == self.action
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: `subject` (`local:<os user>` on the command line) and the `cohort` it belongs to."""

    subject: str
    cohort: str


@dataclass(frozen=True, slots=True)
class Input:
    """An image given with a request. In a mask, white is what may change.

    `sha256` is that of the `file` as it was given, which is kept for the record alone: a step gets an Input without it.
    """

    role: Role
    image: Image
    sha256: str
    file: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a reviewer has let through: image `index` of a request that was held as input, and the rules that held it."""

    request_id: str
    index: int
    hold: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `seed` is that of image 0; image i has (seed + i) mod 2**32. `parameters` are those the pipeline lists.

    `resumes` is set where a reviewer has released a held input: the rules it names do not hold this request again.
    """

    id: str
    task: Task
    pipeline: str
    prompt: str
    caller: Caller
    n: int = 1
    seed: int = 0
    negative_prompt: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)  # any JSON scalar, checked against the pipeline
    inputs: tuple[Input, ...] = ()
    output_format: Literal["png", "jpeg", "webp"] = "png"
    resumes: Resumed | None = None

    def seed_of(self, index: int) -> int:
        """The seed of image `index`."""
        return (self.seed + index) % 2**32


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One change of the prompt: which step, from what, to what."""

    step: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ItemError:
    """A step's answer for one generation of a batch that it could not treat; the others go on."""

    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as a file: its bytes and format. `attest` steps take and return this.

    `manifest_sha256` is the hex SHA-256 of the content credentials that a step put into it (the C2PA manifest store as it is
    embedded), for the record.
    """

    data: bytes
    format: Literal["png", "jpeg", "webp"]
    manifest_sha256: str = ""

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the file's bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an attestation may say of an image: no personal data, and the prompt only where the policy discloses it.

    `mark_id` is None where no step marks the image with it. `actions` are what was done, in order: `create` or `edit`, then
    any of `upscale`, `transform`, `mark` (the mark id, invisibly) and `sign` (visibly).
    """

    request_id: str
    index: int
    mark_id: int | None
    task: Task
    created: str
    actions: tuple[str, ...] = ("create",)
    prompt: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """One image in the making, as it stands between two steps.

    `prompt` is the prompt as it now stands (`rewrites` keeps its history); `signals` are by (gate, name); `overrides` are the
    options that this request sets on the step at hand; `mark_id` is the 48-bit number its watermark carries; it leaves in
    `output_format`; `file` and `provenance` are there once the image is encoded.
    """

    request_id: str
    index: int
    seed: int
    prompt: str
    task: Task = "generate"
    raw_prompt: str = ""
    negative_prompt: str = ""
    rewrites: tuple[Rewrite, ...] = ()
    inputs: tuple[Input, ...] = ()
    text: TextConditioning | None = None
    embedding: Embedding | None = None
    noise: torch.Tensor | None = None
    image: Image | None = None
    file: EncodedImage | None = None
    provenance: Provenance | None = None
    signals: Mapping[tuple[Gate, str], Signal] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)  # validated against the step's Options
    mark_id: int = 0
    output_format: Literal["png", "jpeg", "webp"] = "png"

    @classmethod
    def of(cls, request: Request, index: int, mark_id: int) -> Generation:
        """Image `index` of a request as it stands before any step."""
        return cls(
            request_id=request.id,
            index=index,
            seed=request.seed_of(index),
            prompt=request.prompt,
            raw_prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            task=request.task,
            inputs=tuple(replace(given, file=b"") for given in request.inputs),
            mark_id=mark_id,
            output_format=request.output_format,
        )

    @property
    def id(self) -> str:
        """The request's id and the index of the image."""
        return f"{self.request_id}/{self.index}"

    def input(self, role: str) -> Image | None:
        """The input image in this role, or None."""
        return next((given.image for given in self.inputs if given.role == role), None)

    def with_prompt(self, prompt: str, step: str) -> Generation:
        """The generation after a rewrite: conditioning, embedding and signals of the old prompt are stale and gone."""
        rewrite = Rewrite(step, self.prompt, prompt)
        return replace(self, prompt=prompt, rewrites=(*self.rewrites, rewrite), text=None, embedding=None, signals={})

    def with_embedding(self, embedding: Embedding, text: TextConditioning | None = None) -> Generation:
        """The generation with a new embedding; signals about an older embedding are gone."""
        return replace(self, embedding=embedding, text=text or self.text, signals=self._signals_without("embedding"))

    def with_image(self, image: Image) -> Generation:
        """The generation with a new image; signals about an older image are gone."""
        return replace(self, image=image, signals=self._signals_without("image"))

    def with_signals(self, gate: Gate, signals: tuple[Signal, ...]) -> Generation:
        """The generation with what a step measured at `gate`."""
        return replace(self, signals={**self.signals, **{(gate, signal.name): signal for signal in signals}})

    def _signals_without(self, gate: Gate) -> Mapping[tuple[Gate, str], Signal]:
        return {key: signal for key, signal in self.signals.items() if key[0] != gate}
