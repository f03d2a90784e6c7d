"""`unclip.upsampler`: makes an image larger by diffusion, conditioned on the small one (DALL·E 2, section 2.1)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from limner import Generation, Image, ItemError, Models, hookimpl
from limner_unclip.denoising import DenoisingStep, UNetOptions

if TYPE_CHECKING:
    import torch

    from limner_unclip.sampling import Trajectory


class UpsamplerOptions(UNetOptions):
    """Options of `unclip.upsampler`."""

    steps: int = Field(default=7, ge=1, le=100)


class Upsampler(DenoisingStep):
    """Super-resolution with two U-Nets: `super_res_last` for the last step, `super_res_first` for those before it."""

    type = "unclip.upsampler"
    Options = UpsamplerOptions
    max_batch = 8

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load both U-Nets."""
        self.load_sampler(models, "super_res_scheduler", device, dtype)
        self.first = models.component(self.options.model, "super_res_first")
        self.last = models.component(self.options.model, "super_res_last")
        size = self.first.config.sample_size
        self.shape = (self.first.config.in_channels // 2, size, size)
        if self.options.compile:
            self._compile(device)

    def _compile(self, device: torch.device) -> None:
        import torch

        from limner_unclip.compiling import compiled, warm_up

        self.first, self.last = compiled(self.first, device), compiled(self.last, device)
        image = Image(torch.zeros(self.shape))
        warm_up(self, [Generation("warm-up", 0, 0, "", image=image, overrides={"steps": 2})])

    @hookimpl
    def upscale(self, generations: Sequence[Generation]) -> list[Image | ItemError]:
        """The images in the model's own larger size."""
        return self.run(generations)

    def condition(self, generation: Generation, options: UpsamplerOptions) -> torch.Tensor:
        """The small image in the large size, (3, height, width): bicubic, antialiased."""
        from limner_unclip.pixels import resized

        assert generation.image is not None, "the pipeline was checked to give the upsampler an image"
        return resized(generation.image.tensor(), self.shape[1:], self.sampler.device)

    def predict(self, states: Sequence[Trajectory[torch.Tensor]]) -> torch.Tensor:
        """The U-Net's answer, (n, 3, height, width)."""
        import torch

        from limner_unclip.pixels import network_input
        from limner_unclip.sampling import samples, stack

        x, timesteps = samples(states)
        x = torch.cat([x, stack([state.conditioning for state in states])], dim=1)
        unet = self.last if self._is_last(states[0]) else self.first
        answer: torch.Tensor = unet(network_input(x, self.dtype), timesteps).sample
        return answer

    def result(self, state: Trajectory[torch.Tensor]) -> Image:
        """The image, within [-1, 1]."""
        return Image(state.x.clamp(-1, 1))

    def group_key(self, state: Trajectory[torch.Tensor]) -> Hashable:
        """States share a step while one U-Net serves them."""
        return self._is_last(state)

    @staticmethod
    def _is_last(state: Trajectory[torch.Tensor]) -> bool:
        return state.i == state.steps - 1
