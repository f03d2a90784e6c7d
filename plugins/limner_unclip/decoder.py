"""`unclip.decoder`: turns a CLIP image embedding, with the text beside it, into a small image (DALL·E 2, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from limner import Embedding, Generation, Image, ItemError, ModelError, Models, hookimpl
from limner_unclip.denoising import DenoisingStep, UNetOptions

if TYPE_CHECKING:
    import torch

    from limner_unclip.conditioning import Conditioning
    from limner_unclip.sampling import Trajectory


class DecoderOptions(UNetOptions):
    """Options of `unclip.decoder`; at a guidance of 1 the network answers once a step instead of twice."""

    guidance: float = Field(default=8.0, ge=1.0, le=50.0)


class Decoder(DenoisingStep):
    """Decodes an embedding; encodes the prompt itself where no step before has; begins with the noise it is given, if any."""

    type = "unclip.decoder"
    Options = DecoderOptions
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
        """Compile the U-Net for one row and for two, as a sample has without guidance and with it."""
        import torch

        from limner_unclip.compiling import compiled, warm_up

        self.unet = compiled(self.unet, device)
        embedding = Embedding(torch.zeros(self.text_proj.config.clip_embeddings_dim), self.text.space)
        overrides = ({"steps": 1, "guidance": guidance} for guidance in (2.0, 1.0))
        warm_up(self, (Generation("warm-up", 0, 0, "", embedding=embedding, overrides=given) for given in overrides))

    @hookimpl
    def decode(self, generations: Sequence[Generation]) -> list[Image | ItemError]:
        """A small image for each embedding."""
        return self.run(generations)

    def initial(self, generation: Generation) -> torch.Tensor | None:
        """The noise an inversion found, if any."""
        return generation.noise

    def condition(self, generation: Generation, options: DecoderOptions) -> Conditioning:
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
        text = self.text.conditioning(generation)
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

    def result(self, state: Trajectory[Conditioning]) -> Image:
        """The image, within [-1, 1]."""
        return Image(state.x.clamp(-1, 1))
