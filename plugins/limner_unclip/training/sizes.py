"""Which sizes in a recipe fit together: told when it is read, and not by torch after hours of the stages before.

Each function gives the complaints about one section, or about sections that build on each other; none where all is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner_unclip.training.recipe import Clip, Decoder, DirectPrior, Recipe, Upsampler

Complaints = list[str]


def of_clip(clip: Clip) -> Complaints:
    """Attention heads share the width, and patches cover the picture."""
    return [*_shared("width", clip.width, "heads", clip.heads), *_shared("picture", clip.picture, "patch", clip.patch)]


def of_direct_prior(prior: DirectPrior) -> Complaints:
    """Attention heads share the width."""
    return _shared("width", prior.width, "heads", prior.heads)


def of_decoder(decoder: Decoder) -> Complaints:
    """Groups share the channels, heads those of levels that look at the text; each level but the first halves the picture."""
    if len(decoder.attention) != len(decoder.channels):
        return [f"attention has {len(decoder.attention)} levels and channels {len(decoder.channels)}"]
    levels = zip(decoder.channels, decoder.attention, strict=True)
    attentive = [width for width, attends in levels if attends] + [decoder.channels[-1]]
    return [
        *_all_shared("channels", decoder.channels, "groups", decoder.groups),
        *_all_shared("channels that look at the text", attentive, "head", decoder.head),
        *_halved("picture", decoder.picture, decoder.channels),
    ]


def of_upsampler(upsampler: Upsampler) -> Complaints:
    """Groups share the channels of both networks, which halve pictures and crops level by level."""
    deepest = max(upsampler.channels, upsampler.last_channels, key=len)
    beyond = upsampler.crop > upsampler.picture
    return [
        *_all_shared("channels", upsampler.channels, "groups", upsampler.groups),
        *_all_shared("last_channels", upsampler.last_channels, "groups", upsampler.groups),
        *_halved("picture", upsampler.picture, deepest),
        *_halved("crop", upsampler.crop, deepest),
        *([f"crop is {upsampler.crop}, larger than a picture of {upsampler.picture}"] if beyond else []),
    ]


def across(recipe: Recipe) -> Complaints:
    """What one section asks of another."""
    clip, decoder, upsampler = recipe.clip, recipe.decoder, recipe.upsampler
    complaints = _shared("clip.dimension", clip.dimension, "prior.heads", recipe.prior.heads)
    if clip.picture != decoder.picture:
        told = f"clip.picture is {clip.picture} and decoder.picture {decoder.picture}"
        complaints.append(f"{told}: train both on pictures of one size")
    if upsampler.picture <= decoder.picture:
        told = f"upsampler.picture is {upsampler.picture} and decoder.picture {decoder.picture}"
        complaints.append(f"{told}: the upsampler's is to be the larger one")
    return complaints + _told_apart(decoder, clip.context)


def _told_apart(decoder: Decoder, context: int) -> Complaints:
    """No level that looks at the text may have as many pixels as there are tokens.

    diffusers tells by that number whether an attention mask covers the pixels too, and would read it wrongly.
    """
    tokens = context + decoder.extra_tokens
    sides = [decoder.picture >> level for level in range(len(decoder.channels))]
    attended = [side for side, attends in zip(sides, decoder.attention, strict=True) if attends] + sides[-1:]
    if tokens not in (side**2 for side in attended):
        return []
    told = f"{tokens} tokens ({context} of text, {decoder.extra_tokens} of the embedding) meet as many pixels in the decoder"
    return [f"{told}: change clip.context or decoder.extra_tokens"]


def _all_shared(what: str, sizes: Iterable[int], by: str, parts: int) -> Complaints:
    return [complaint for size in dict.fromkeys(sizes) for complaint in _shared(what, size, by, parts)]


def _shared(what: str, size: int, by: str, parts: int) -> Complaints:
    return [f"{what}: {size} is not a multiple of {by}, {parts}"] if size % parts else []


def _halved(what: str, side: int, channels: Sequence[int]) -> Complaints:
    factor = 2 ** (len(channels) - 1)
    return [f"{what}: {side} is not a multiple of {factor}, which {len(channels)} levels halve it by"] if side % factor else []
