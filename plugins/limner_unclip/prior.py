"""`unclip.prior`: draws a CLIP image embedding for a text, with a diffusion Transformer (DALL·E 2, section 2.2)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
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
    """Options of `unclip.prior`; at a guidance of 1 the network answers once a step instead of twice.

    `best_of` embeddings are drawn side by side, and the one with the largest dot product with the text embedding is kept; the
    paper draws two. Each costs as much as one.
    """

    guidance: float = Field(default=4.0, ge=1.0, le=50.0)
    best_of: int = Field(default=1, ge=1, le=8)


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

    def sample_shape(self, options: PriorOptions) -> tuple[int, ...]:
        """(best_of, dimension)."""
        return (options.best_of, *self.shape)

    def condition(self, generation: Generation, options: PriorOptions) -> Conditioning | Prefix:
        """The text, and if guided its negative, as far through the network as no timestep matters."""
        from limner_unclip.conditioning import Conditioning

        text = self.text.conditioning(generation)
        guided = options.guidance > 1
        conditioning = Conditioning.of_text(text, guided=guided, device=self.sampler.device, dtype=self.dtype)
        conditioned: Conditioning | Prefix = self.network.condition(conditioning)
        return conditioned

    def predict(self, states: Sequence[Trajectory[Any]]) -> torch.Tensor:
        """The predicted embeddings, (n, best_of, dimension)."""
        from limner_unclip.sampling import guide, samples

        drawn = [state.candidate(k) for state in states for k in range(len(state.x))]
        text = type(drawn[0].conditioning).join([one.conditioning for one in drawn])
        guided = drawn[0].conditioning.guided
        x, timesteps = samples(drawn, repeat=2 if guided else 1)
        output = self.network(x.to(self.dtype), timesteps, text)
        answer = guide(drawn, output.float(), x.shape[1]) if guided else output
        return answer.view(len(states), *states[0].x.shape)

    def result(self, state: Trajectory[Any]) -> tuple[Embedding, TextConditioning]:
        """The best embedding in the space of the model's CLIP."""
        text = state.conditioning.text
        assert text is not None
        drawn = self.network.denormalise(state.x)
        best = (drawn @ text.pooled.to(drawn)).argmax()
        return Embedding(drawn[best], self.text.space), text

    def group_key(self, state: Trajectory[Any]) -> Hashable:
        """States share a step if they are guided alike and draw as many side by side."""
        return super().group_key(state), len(state.x)
