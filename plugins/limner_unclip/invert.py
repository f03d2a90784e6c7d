"""`unclip.invert`: the noise from which the decoder draws the input image again (DALL·E 2, section 3)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from limner import Generation, Image, Input, ItemError, Models, hookimpl
from limner_unclip.decoding import DecodingOptions, DecodingStep
from limner_unclip.inputs import brought

if TYPE_CHECKING:
    import torch

    from limner_unclip.inversion import Inversion


class InvertOptions(DecodingOptions):
    """Options of `unclip.invert`: steps, guidance and caption as the decoder's, which is to undo it with the ddim scheduler.

    With `second` the noise lies between those of the request's two images, `weight` being the second one's.
    """

    guidance: float = Field(default=1.0, ge=1.0, le=50.0)
    second: bool = False
    weight: float = Field(default=0.5, ge=0.0, le=1.0)


class Invert(DecodingStep):
    """DDIM inversion with the decoder conditioned on the image's own embedding."""

    type = "unclip.invert"
    Options = InvertOptions

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load what the decoder loads, and for a second image the image encoder."""
        if self.options.second:
            from limner_unclip.image_embedding import ImageEmbedder

            self.embedder = ImageEmbedder(models, self.options.model, device, dtype)
        super().load(models, device, dtype)

    def _with_inputs(self, generations: Sequence[Generation]) -> Sequence[Generation]:
        import torch

        image = Image(torch.zeros(self.shape))
        inputs = (Input("image", image, ""), Input("second", image, ""))
        weights = (0.5, 0.0) if self.options.second else (0.0,)
        return [
            replace(generation, inputs=inputs, overrides={**generation.overrides, "weight": weight})
            for generation in generations
            for weight in weights
        ]

    @hookimpl
    def invert(self, generations: Sequence[Generation]) -> list[torch.Tensor | ItemError]:
        """The noise for each input image, (3, height, width)."""
        return self.run(generations)

    def begin(self, generation: Generation) -> Inversion:
        """The images that matter at the weight, without noise yet."""
        from limner_unclip.inversion import Ascent, Inversion

        options = self.options_for(generation)
        weight = options.weight if options.second else 0.0
        shown = [(generation, "image")] if weight < 1 else []
        if weight > 0:
            shown.append((self._with_second(generation), "second"))
        plan = self.sampler.plan("ddim", options.steps, 0.0)
        conditions = [self.condition(one, options) for one, _ in shown]
        ascents = [
            Ascent.begin(plan, self._fitted(one, role), condition, options.guidance)
            for (one, role), condition in zip(shown, conditions, strict=True)
        ]
        return Inversion(tuple(ascents), weight, steps=ascents[0].i + 1)

    def _with_second(self, generation: Generation) -> Generation:
        [embedding] = self.embedder.embed([brought(generation, "second")])
        return generation.with_embedding(embedding)

    def _fitted(self, generation: Generation, role: str) -> torch.Tensor:
        from limner_unclip.fitting import fitted

        return fitted(brought(generation, role), self.shape[-1], self.sampler.device)

    def advance(self, states: Sequence[Inversion]) -> list[Inversion]:
        """One step towards noise for every image of each state."""
        ascents = [ascent for state in states for ascent in state.ascents]
        guesses = [ascent.guess() for ascent in ascents]
        undone = self.sampler.step(guesses, self.predict(guesses))
        moved = iter([a.corrected(guess, back.x) for a, guess, back in zip(ascents, guesses, undone, strict=True)])
        return [replace(state, ascents=tuple(next(moved) for _ in state.ascents)) for state in states]

    def finish(self, state: Inversion) -> torch.Tensor:
        """The noise."""
        return state.noise()

    def group_key(self, state: Inversion) -> Hashable:
        """Guided samples need two answers of the network a step, the others one: they do not mix."""
        return bool(state.ascents[0].conditioning.guided)
