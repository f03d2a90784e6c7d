"""Steps: configured implementations of a stage, and the option types they are declared with.

A step class implements exactly one stage hook (see `limner.hookspecs`), named and marked with `@limner.hookimpl`:

    class Shout(limner.Step):
        type = "shout.upper"

        @limner.hookimpl
        def rewrite_prompt(self, generations):
            return [generation.prompt.upper() for generation in generations]

The engine gives it a batch of one or more generations from any requests and expects one result for each, in order, or an
`ItemError` for one of them. The engine, not the step, builds the next generation from the result.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import core_schema

from limner.errors import Cancelled, ConfigurationError
from limner.generation import Generation, Image, ItemError

if TYPE_CHECKING:
    import torch

RunsOn = Literal["accelerator", "cpu", "io"]
Form = TypeVar("Form", bound=BaseModel)


class Options(BaseModel):
    """Base of every step's options: what `with:` may hold. Unknown keys are errors.

    Defaults are validated like what is written, so that a default model is a ModelRef and a default file an Asset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, validate_default=True)


OptionsClass = type[Options]  # named, because a Step has a `type` and an `Options` of its own


@dataclass(frozen=True, slots=True)
class Range:
    """The values a signal can take: low <= value <= high."""

    low: float = 0.0
    high: float = 1.0

    def admits(self, value: float) -> bool:
        """Whether a measured value is finite and in range, give or take 1 % of the range: half precision rounds 1 to 1.004."""
        slack = 0.01 * (self.high - self.low) if math.isfinite(self.high - self.low) else 0.0
        return math.isfinite(value) and self.low - slack <= value <= self.high + slack


class ModelRef(str):
    """The name of a model from `models:` or from a plugin's `register_models`."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema(min_length=1))


class Asset:
    """A file named in YAML by its path under the folder of pipelines.yaml; its content is part of the pipeline's hash."""

    __slots__ = ("path", "relative")

    def __init__(self, relative: str, root: Path) -> None:
        self.relative = relative
        self.path = (root / relative).resolve()
        if not self.path.is_relative_to(root.resolve()):
            raise ValueError(f"asset {relative!r} lies outside the project folder")
        if not self.path.is_file():
            raise ValueError(f"asset {relative!r} is not a file in the project folder")

    def read_bytes(self) -> bytes:
        """The file's content."""
        return self.path.read_bytes()

    def read_yaml(self, form: type[Form]) -> Form:
        """The file's content as YAML, checked against a pydantic model. Raises InvalidFile with every mistake and its place."""
        from limner.yaml_problems import read_yaml

        return read_yaml(self.path, form)

    def sha256(self) -> str:
        """Hex SHA-256 of the file's content."""
        return hashlib.sha256(self.read_bytes()).hexdigest()

    def __repr__(self) -> str:
        return f"Asset({self.relative!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def build(value: str, info: core_schema.ValidationInfo) -> Asset:
            root = (info.context or {}).get("root")
            return cls(value, Path(root) if root is not None else Path.cwd())

        from_text = core_schema.with_info_after_validator_function(build, core_schema.str_schema(min_length=1))
        return core_schema.json_or_python_schema(
            json_schema=from_text,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), from_text]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda asset: {"asset": asset.relative, "sha256": asset.sha256()}
            ),
        )


class Secret:
    """A secret read from the environment, written `{env: NAME}` in YAML; never shown, never hashed, never recorded."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def reveal(self) -> str:
        """The secret's text. Raises ConfigurationError if the environment variable is not set."""
        import os

        value = os.environ.get(self.name)
        if not value:
            raise ConfigurationError(f"environment variable {self.name} is not set", fix=f"export {self.name}=...")
        return value

    def __repr__(self) -> str:
        return f"Secret(env={self.name!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        written = core_schema.typed_dict_schema(
            {"env": core_schema.typed_dict_field(core_schema.str_schema(min_length=1))}, extra_behavior="forbid"
        )
        from_mapping = core_schema.no_info_after_validator_function(lambda value: cls(value["env"]), written)
        return core_schema.json_or_python_schema(
            json_schema=from_mapping,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), from_mapping]),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: {"env": secret.name}),
        )


class Models(Protocol):
    """The models that steps load from, already bound to the device and precision of the step that loads."""

    def component(self, model: str, name: str) -> Any:  # a torch module, tokenizer or image processor
        """Component `name` of the model (`text_encoder`, `prior`, `decoder`, ...): loaded once per device and shared."""

    def config(self, model: str, name: str) -> Mapping[str, Any]:  # JSON
        """The JSON configuration of a component, without its weights: a scheduler's, say."""

    def directory(self, model: str) -> Path:
        """The model's directory on this machine, in the form of diffusers."""

    def space(self, model: str) -> str:
        """The model's embedding space: as declared, else its pinned commit, else the hash of its text encoder."""

    def digest(self, model: str) -> str:
        """Hex SHA-256 over the model's files; for a model of the hub its pinned commit, which stands for them."""

    def derived(self, model: str, name: str, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What `make` works out from the model: made once for all steps, and kept in the state folder for the next start.

        `name` says all that it depends on besides the model's files, the device and the precision: end it with a hash.
        """


class ModelIndex(Protocol):
    """What may be asked of models before any is loaded."""

    def space(self, model: str) -> str:
        """As `Models.space`."""

    def digest(self, model: str) -> str:
        """As `Models.digest`."""


class KeyRings(Protocol):
    """The installation's keys that steps may use, in rings by name. No option and no file beside pipelines.yaml holds them."""

    def ring(self, name: str, make: Callable[[], bytes] = ...) -> Mapping[str, bytes]:
        """The keys of a ring by id, the newest last. `make` gives the first one at first use; 32 random bytes if absent."""


class NoKeys:
    """What a step has that runs outside an installation. `limner.testing` gives steps keys for tests."""

    def ring(self, name: str, make: Callable[[], bytes] | None = None) -> Mapping[str, bytes]:
        """Raises ConfigurationError."""
        raise ConfigurationError(f"this step needs the keys {name!r}, and stands in no installation that has keys")


Tick = Callable[[Generation, int, int], None]


def _no_tick(generation: Generation, i: int, n: int) -> None:
    """A step that runs by itself, in a test or a script, reports to nobody."""


class Step:
    """One configured implementation of a stage.

    Class attributes: `type` is the name written after `use:` and starts with the plugin's own name; `Options` validates
    `with:`; `runs_on` picks the workers (`accelerator`, `cpu`, `io`); `max_batch` bounds how many generations one call gets;
    `sends` lists what the step lets out of the house (`prompt`, `image`), empty for a step that stays inside;
    `carries_mark_id` is true for a watermark step whose mark the plugin's `read_watermark` finds: no image of its leaves before
    its mark was read back from the final file.

    `id` names this step in its pipeline, `occurrence` counts the steps of this type before it in the pipeline.
    """

    type: ClassVar[str]
    Options: ClassVar[OptionsClass] = Options
    runs_on: ClassVar[RunsOn] = "cpu"
    max_batch: ClassVar[int] = 1
    sends: ClassVar[tuple[str, ...]] = ()
    carries_mark_id: ClassVar[bool] = False

    def __init__(self, options: Any = None, *, id: str = "", occurrence: int = 0) -> None:
        self.options: Any = self.Options() if options is None else options
        self.id = id or self.type
        self.occurrence = occurrence
        self.report: Tick = _no_tick
        self.keys: KeyRings = NoKeys()  # the engine gives it those of the installation before `load`

    @classmethod
    def reads(cls, options: Any) -> frozenset[str] | None:  # options: this class's own Options
        """The values this step needs, a subset of what its stage may read; None for the stage's own list of needs."""
        return None

    @classmethod
    def writes(cls, options: Any) -> frozenset[str] | None:  # options: this class's own Options
        """The values this step writes, a subset of what its stage may write; None for all of them."""
        return None

    @classmethod
    def emits(cls, options: Any, models: ModelIndex) -> Mapping[str, Range]:  # options: this class's own Options
        """For a measuring step: every signal it gives, with its range. Called without loading."""
        return {}

    @classmethod
    def digest(cls, options: Any, models: ModelIndex) -> str:  # options: this class's own Options
        """For a measuring step: a hash of what its answers depend on (lists, tables, weights). Called without loading."""
        return ""

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load what the step needs, on the worker that will run it, before its first call. Not under a deadline."""

    def unload(self) -> None:
        """Let go of what `load` made."""

    def options_for(self, generation: Generation) -> Any:  # this class's own Options
        """The options with what this generation's request sets on the step. Bounds were checked at admission."""
        if not generation.overrides:
            return self.options
        return self.options.model_copy(update=dict(generation.overrides))

    def generator(self, generation: Generation) -> torch.Generator:
        """A CPU random generator of this step's own, keyed by the image's seed, the step's type and its occurrence."""
        import torch

        key = f"{generation.seed}\n{self.type}\n{self.occurrence}".encode()
        seed = int.from_bytes(hashlib.sha256(key).digest()[:8], "big", signed=True)
        return torch.Generator(device="cpu").manual_seed(seed)

    def tick(self, generation: Generation, i: int, n: int) -> None:
        """Report that i of n parts are done. Raises `Cancelled` if the request was cancelled."""
        self.report(generation, i, n)


class State(Protocol):
    """The state of one generation inside an IterativeStep. `steps` is how many advances it needs from its beginning."""

    steps: int


class IterativeStep(Step):
    """A step that works in advances, such as denoising steps, which the engine drives itself.

    So requests join and leave a running group between advances, and a cancelled one stops at the next. A subclass implements
    `begin`, `advance`, `finish` and `group_key`, and its stage hook as `return self.run(generations)`. Each state given to
    `advance` is at a timestep of its own. If an advance raises, every state of the group starts again from `begin`, alone.
    """

    def begin(self, generation: Generation) -> Any:  # a State of this class's own
        """The state before the first advance; draws the initial noise."""
        raise NotImplementedError

    def advance(self, states: Sequence[Any]) -> Sequence[Any]:  # States of this class's own
        """One advance for each state, in order. The states all have the same group key."""
        raise NotImplementedError

    def finish(self, state: Any) -> Any:  # the stage's result type
        """The stage's result from a state that has had all its advances."""
        raise NotImplementedError

    def preview(self, state: Any) -> Image | None:  # a State of this class's own
        """What the state would show if it were finished now; None for a step that has no previews.

        Asked for between advances, and only where the policy lets previews through its gates and somebody wants them.
        """
        return None

    def group_key(self, state: Any) -> Hashable:
        """States with equal keys may share an advance. Asked at the beginning, and then before each advance in company."""
        return ()

    def run(self, generations: Sequence[Generation]) -> list[Any | ItemError]:
        """Run each generation alone from `begin` to `finish`: what the stage hook does where no engine drives the step."""
        return [self._run_one(generation) for generation in generations]

    def _run_one(self, generation: Generation) -> Any:
        state = self.begin(generation)
        steps = state.steps
        for i in range(steps):
            [state] = self.advance([state])
            self.tick(generation, i + 1, steps)
        return self.finish(state)


__all__ = [
    "Asset", "Cancelled", "IterativeStep", "KeyRings", "ModelIndex", "ModelRef", "Models", "Options", "Range", "RunsOn",
    "Secret", "State", "Step",
]  # fmt: skip
