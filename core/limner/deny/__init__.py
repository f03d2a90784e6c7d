"""The deny list: terms, images and subjects that are refused at once, in every process, whatever a policy says."""

from limner.deny.changes import add, remove
from limner.deny.denials import Denial, DenyKind, listed
from limner.deny.live import DenyList

__all__ = ["Denial", "DenyKind", "DenyList", "add", "listed", "remove"]
