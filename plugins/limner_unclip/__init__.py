"""unCLIP: text to image through a CLIP image embedding, as DALL·E 2 does it (arXiv 2204.06125).

A map of the package, in the order in which a request meets it:

    text.py               unclip.text: the prompt, encoded
    prior.py              unclip.prior: text to image embedding; prior_network.py has its Transformer, cached_prior.py a quick
                          form of it
    ridge_prior.py        unclip.ridge_prior, unclip.direct_prior: the same without diffusion; direct_network.py has the
    direct_prior.py       latter's Transformer, one_step_prior.py what the two share
    ablations.py          unclip.no_embedding and unclip.text_embedding: what a prior is compared with
    image_encoder.py      unclip.image_encoder: an input image to image embedding; image_embedding.py has the encoder
    blending.py           unclip.slerp and unclip.text_diff: another embedding from it; interpolation.py has the arc
    invert.py             unclip.invert: an input image to the noise it would be drawn from; inversion.py has the way there
    decoder.py            unclip.decoder: image embedding and text to a small image; masking.py keeps what must stay
    upsampler.py          unclip.upsampler: a small image to a large one
    composite.py          unclip.composite and unclip.unpad: back into the input image, or into its shape
    inputs.py             the images a request brought; fitting.py has them in the model's square, whatever their shape
    decoding.py           what decoder and inversion share; embedding_context.py joins image embedding and text
    denoising.py          what all diffusions share as steps: options, begin, advance, finish
    sampling.py           one denoising step for a batch of samples, each with its own solver, timestep and guidance
    schedules.py          the noise schedule, and the tables that solvers make of it
    ancestral.py, ddim.py, dpm.py      the solvers
    conditioning.py       text for the networks: encoded, paired with its negative, joined for a batch
    compiling.py           the U-Nets compiled, where the operator asks for it
    component_files.py    components that are Limner's own: config.json and safetensors
    pixels.py             images as the U-Nets take them: layout, precision, size
    training/             how such models are made

Models are directories in the form of diffusers' UnCLIPPipeline (Karlo, or what `limner train` writes). The modules of the
steps import no torch; what they import when they load does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import limner


@limner.hookimpl
def register_steps() -> Sequence[type[limner.Step]]:
    """The steps of unCLIP, two other priors, and the two that priors are measured against."""
    from limner_unclip.ablations import NoEmbedding, TextEmbedding
    from limner_unclip.blending import Slerp, TextDiff
    from limner_unclip.composite import Composite, Unpad
    from limner_unclip.decoder import Decoder
    from limner_unclip.direct_prior import DirectPrior
    from limner_unclip.image_encoder import ImageEncoder
    from limner_unclip.invert import Invert
    from limner_unclip.prior import Prior
    from limner_unclip.ridge_prior import RidgePrior
    from limner_unclip.text import Text
    from limner_unclip.upsampler import Upsampler

    priors = [Prior, RidgePrior, DirectPrior, NoEmbedding, TextEmbedding]
    return [Text, *priors, ImageEncoder, Slerp, TextDiff, Invert, Decoder, Upsampler, Composite, Unpad]


@limner.hookimpl
def register_commands(cli: Any) -> None:  # a typer.Typer
    """`limner train`."""
    from limner_unclip.training.cli import add

    add(cli)
