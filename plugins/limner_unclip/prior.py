"""`unclip.prior`: draws a CLIP image embedding for a text, with a diffusion Transformer (DALL·E 2, section 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from limner import Embedding, Generation, ItemError, Models, TextConditioning, hookimpl
from limner_unclip.denoising import DenoisingStep, SamplingOptions

if TYPE_CHECKING:
    import torch

    from limner_unclip.cached_prior import Prefix
    from limner_unclip.conditioning import Conditioning
    from limner_unclip.sampling import Trajectory


class PriorOptions(SamplingOptions):
    """Options of `unclip.prior`; at a guidance of 1 the network answers once a step instead of twice."""

    guidance: float = Field(default=4.0, ge=1.0, le=50.0)


class Prior(DenoisingStep):
    """Draws an image embedding; encodes the prompt itself where no step before has."""

    type = "unclip.prior"
    Options = PriorOptions
    max_batch = 32

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load text encoder and prior."""
        from limner_unclip.cached_prior import CachedPrior
        from limner_unclip.conditioning import TextEncoder
        from limner_unclip.prior_network import PriorNetwork

        self.load_sampler(models, "prior_scheduler", device, dtype)
        self.text = TextEncoder(models, self.options.model, device)
        form = PriorNetwork if self.exact else CachedPrior
        self.network = form(models.component(self.options.model, "prior"), where=f"{self.options.model}/prior")
        self.shape = (self.network.dimension,)

    @hookimpl
    def sample_prior(self, generations: Sequence[Generation]) -> list[tuple[Embedding, TextConditioning] | ItemError]:
        """An embedding for each text, with the text as it was encoded."""
        return self.run(generations)

    def condition(self, generation: Generation, options: PriorOptions) -> Conditioning | Prefix:
        """The text, and if guided its negative, as far through the network as no timestep matters."""
        from limner_unclip.conditioning import Conditioning

        text = self.text.conditioning(generation)
        guided = options.guidance > 1
        conditioning = Conditioning.of_text(text, guided=guided, device=self.sampler.device, dtype=self.dtype)
        conditioned: Conditioning | Prefix = self.network.condition(conditioning)
        return conditioned

    def predict(self, states: Sequence[Trajectory[Any]]) -> torch.Tensor:
        """The predicted embeddings, (n, dimension)."""
        from limner_unclip.sampling import guide, samples

        text = type(states[0].conditioning).join([state.conditioning for state in states])
        guided = states[0].conditioning.guided
        x, timesteps = samples(states, repeat=2 if guided else 1)
        output = self.network(x.to(self.dtype), timesteps, text)
        return guide(states, output.float(), x.shape[1]) if guided else output

    def result(self, state: Trajectory[Any]) -> tuple[Embedding, TextConditioning]:
        """The embedding in the space of the model's CLIP."""
        text = state.conditioning.text
        assert text is not None
        return Embedding(self.network.denormalise(state.x), self.text.space), text
