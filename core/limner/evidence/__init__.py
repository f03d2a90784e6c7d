"""The evidence pack of one request: one zip with all that is recorded of it, proven, and a page for people to read."""

from limner.evidence.packing import Choice, Pack, make_pack
from limner.evidence.pictures import Picture, pictures

__all__ = ["Choice", "Pack", "Picture", "make_pack", "pictures"]
