"""What prior, decoder and upsampler share as steps: options, and the walk from noise to data one advance at a time."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

import limner
from limner import Generation, IterativeStep, ModelRef, Models

if TYPE_CHECKING:
    import torch

    from limner_unclip.sampling import Trajectory


class SamplingOptions(limner.Options):
    """Which model, how many steps of which solver.

    `eta` is DDIM's noise, from 0 for none to 1 for as much as ancestral. `exact` takes the networks as diffusers has them, for
    its very pixels; otherwise they are rearranged for speed, which changes rounding. Left out, float32 is exact.
    """

    model: ModelRef
    steps: int = Field(default=25, ge=1, le=500)
    scheduler: Literal["ancestral", "ddim", "dpm++"] = "ancestral"
    eta: float = Field(default=0.0, ge=0.0, le=1.0)
    exact: bool | None = None

    @model_validator(mode="after")
    def _eta_is_for_ddim(self) -> Self:
        if self.eta and self.scheduler != "ddim":
            raise ValueError(f"eta has no effect on the {self.scheduler} scheduler: set scheduler to ddim, or leave eta out")
        return self


class UNetOptions(SamplingOptions):
    """For networks that may be compiled: minutes more to load, and quicker from then on."""

    compile: bool = False

    @model_validator(mode="after")
    def _compiled_is_not_exact(self) -> Self:
        if self.compile and self.exact:
            raise ValueError("a compiled network is not exact: leave out compile or exact")
        return self


class DenoisingStep(IterativeStep):
    """An IterativeStep whose advance is one denoising step of a batch of samples, each at its own timestep.

    A subclass loads its networks and says of what `shape` its samples are, what they are conditioned on (`condition`), what
    the networks answer (`predict`) and what a finished sample gives (`result`). Samples stay float32 throughout; the networks
    run in `dtype`.
    """

    runs_on = "accelerator"
    dtype: torch.dtype
    shape: tuple[int, ...]

    def load_sampler(self, models: Models, scheduler: str, device: torch.device, dtype: torch.dtype) -> None:
        """Load the noise schedule from the model's scheduler of this name."""
        import torch

        from limner_unclip.sampling import Sampler
        from limner_unclip.schedules import NoiseSchedule

        config = models.config(self.options.model, scheduler)
        self.sampler = Sampler(NoiseSchedule.from_config(config, where=f"{self.options.model}/{scheduler}"), device)
        self.dtype = dtype
        asked = False if getattr(self.options, "compile", False) else self.options.exact
        self.exact = dtype is torch.float32 if asked is None else bool(asked)

    def condition(self, generation: Generation, options: Any) -> Any:  # this class's own Options; the subclass's conditioning
        """What the sample is conditioned on, the same at every step."""
        raise NotImplementedError

    def predict(self, states: Sequence[Trajectory[Any]]) -> torch.Tensor:
        """The networks' answer for the samples as they stand, guided: (n, ...)."""
        raise NotImplementedError

    def result(self, state: Trajectory[Any]) -> Any:  # the stage's result type
        """The stage's result from the finished sample."""
        raise NotImplementedError

    def sample_shape(self, options: Any) -> tuple[int, ...]:  # this class's own Options
        """Of what shape the sample is, where the options have a say."""
        return self.shape

    def initial(self, generation: Generation) -> torch.Tensor | None:
        """The noise to begin with, where it is given."""
        return None

    def begin(self, generation: Generation) -> Any:  # a Trajectory; a subclass may have a state of its own
        """The sample's noise and conditioning."""
        options = self.options_for(generation)
        return self.sampler.begin(
            self.sampler.plan(options.scheduler, options.steps, options.eta),
            self.sample_shape(options),
            self.generator(generation),
            self.condition(generation, options),
            guidance=getattr(options, "guidance", 1.0),
            initial=self.initial(generation),
        )

    def advance(self, states: Sequence[Any]) -> Sequence[Any]:  # what `begin` gave
        """One denoising step for each sample."""
        return self.sampler.step(states, self.predict(states))

    def finish(self, state: Any) -> Any:  # what `begin` gave; the stage's result type
        """The stage's result."""
        return self.result(state)

    def group_key(self, state: Any) -> Hashable:  # what `begin` gave
        """Guided samples need two answers of the network a step, the others one: they do not mix."""
        return bool(state.conditioning.guided)
