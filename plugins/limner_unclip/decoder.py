"""`unclip.decoder`: turns a CLIP image embedding, with the text beside it, into a small image (DALL·E 2, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from limner import Generation, Image, ItemError, hookimpl
from limner_unclip.decoding import DecodingOptions, DecodingStep

if TYPE_CHECKING:
    import torch

    from limner_unclip.conditioning import Conditioning
    from limner_unclip.sampling import Trajectory


class DecoderOptions(DecodingOptions):
    """Options of `unclip.decoder`; `masked` draws anew only what the request's mask lets change."""

    masked: bool = False


class Decoder(DecodingStep):
    """Decodes an embedding; begins with the noise it is given, if any."""

    type = "unclip.decoder"
    Options = DecoderOptions

    @classmethod
    def reads(cls, options: DecoderOptions) -> frozenset[str]:
        """The embedding; if masked, image and mask too."""
        return frozenset({"embedding", "upload", "mask"} if options.masked else {"embedding"})

    @hookimpl
    def decode(self, generations: Sequence[Generation]) -> list[Image | ItemError]:
        """A small image for each embedding."""
        return self.run(generations)

    def initial(self, generation: Generation) -> torch.Tensor | None:
        """The noise an inversion found, if any."""
        return generation.noise

    def begin(self, generation: Generation) -> Trajectory[Conditioning]:
        """The sample's noise and conditioning; if masked, with what stays of the input image."""
        state: Trajectory[Conditioning] = super().begin(generation)
        if not self.options.masked:
            return state
        from limner_unclip.masking import Kept

        return replace(state, kept=Kept.of(generation, self.shape[-1], state.x))

    def advance(self, states: Sequence[Trajectory[Conditioning]]) -> list[Trajectory[Conditioning]]:
        """One denoising step for each sample, what stays put back as it is at that noise."""
        advanced = super().advance(states)
        return [state if state.kept is None else replace(state, x=state.kept.put_back(state)) for state in advanced]

    def preview(self, state: Trajectory[Conditioning]) -> Image | None:
        """The image as the last step predicted it, within [-1, 1]: blurred at first, and never noisy."""
        return None if state.predicted is None else Image(state.predicted.clamp(-1, 1))

    def result(self, state: Trajectory[Conditioning]) -> Image:
        """The image, within [-1, 1]."""
        return Image(state.x.clamp(-1, 1))
