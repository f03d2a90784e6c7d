"""What decoding and inverting share: the decoder's U-Net, and what it is conditioned on (DALL·E 2, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from limner import Embedding, Generation, ModelError, Models
from limner_unclip.denoising import DenoisingStep, UNetOptions

if TYPE_CHECKING:
    import torch

    from limner_unclip.conditioning import Conditioning
    from limner_unclip.sampling import Trajectory


class DecodingOptions(UNetOptions):
    """At a guidance of 1 the network answers once a step instead of twice; without `caption` the prompt is not shown to it."""

    guidance: float = Field(default=8.0, ge=1.0, le=50.0)
    caption: bool = True


class DecodingStep(DenoisingStep):
    """A step that works with the decoder's U-Net; encodes the prompt itself where no step before has."""

    max_batch = 16

    def load(self, models: Models, device: torch.device, dtype: torch.dtype) -> None:
        """Load text encoder, projection and U-Net."""
        from limner_unclip.conditioning import TextEncoder

        self.load_sampler(models, "decoder_scheduler", device, dtype)
        self.text = TextEncoder(models, self.options.model, device)
        self.text_proj = models.component(self.options.model, "text_proj")
        self.unet = models.component(self.options.model, "decoder")
        size = self.unet.config.sample_size
        self.shape = (self.unet.config.in_channels, size, size)
        # diffusers takes a mask as long as an image's pixels for one that covers them, and then fails on its width
        self.pixel_counts = {(size >> level) ** 2 for level in range(len(self.unet.config.block_out_channels))}
        if self.options.compile:
            self._compile(device)

    def _compile(self, device: torch.device) -> None:
        """Compile the U-Net for the rows that a sample has with guidance, and those that it has without."""
        import torch

        from limner_unclip.compiling import compiled, warm_up

        self.unet = compiled(self.unet, device)
        embedding = Embedding(torch.zeros(self.text_proj.config.clip_embeddings_dim), self.text.space)
        sample = Generation("warm-up", 0, 0, "", embedding=embedding)
        warm_up(self, self._with_inputs([replace(sample, overrides={"steps": 1, "guidance": given}) for given in (2.0, 1.0)]))

    def _with_inputs(self, generations: Sequence[Generation]) -> Sequence[Generation]:
        """The same, each with what this step needs that a request brings."""
        return generations

    def condition(self, generation: Generation, options: DecodingOptions) -> Conditioning:
        """Embedding and text in one, and beside them, if guided, the null embedding and the negative text.

        Raises ModelError for an embedding of another model's space.
        """
        from limner_unclip.conditioning import Conditioning
        from limner_unclip.embedding_context import embedding_context

        embedding = generation.embedding
        assert embedding is not None, "the pipeline was checked to give the decoder an embedding"
        if embedding.space != self.text.space:
            raise ModelError(
                f"the embedding lives in space {embedding.space!r}, the decoder in {self.text.space!r}",
                where=self.id,
                fix="take prior and decoder of one model, or of two that declare the same space",
            )
        captioned = generation if options.caption else replace(generation, prompt="", negative_prompt="", text=None)
        text = self.text.conditioning(captioned)
        guided = options.guidance > 1
        of_text = Conditioning.of_text(text, guided=guided, device=self.sampler.device, dtype=self.dtype)
        context = embedding_context(self.text_proj, embedding, of_text)
        fixed = self.exact or self.options.compile  # another length would be compiled anew
        return context if fixed else context.trimmed(avoid=self.pixel_counts)

    def predict(self, states: Sequence[Trajectory[Conditioning]]) -> torch.Tensor:
        """The U-Net's answer, (n, 3 or 6, height, width)."""
        from limner_unclip.conditioning import Conditioning
        from limner_unclip.pixels import network_input
        from limner_unclip.sampling import guide, samples

        conditioning = Conditioning.join([state.conditioning for state in states])
        guided = states[0].conditioning.guided
        x, timesteps = samples(states, repeat=2 if guided else 1)
        output = self.unet(
            network_input(x, self.dtype),
            timesteps,
            encoder_hidden_states=conditioning.tokens,
            class_labels=conditioning.vector,
            attention_mask=conditioning.mask,
        ).sample
        return guide(states, output.float(), x.shape[1]) if guided else output
