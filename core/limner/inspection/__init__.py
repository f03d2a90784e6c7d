"""Leading an image found somewhere back to its record: by its content credentials, its mark, what it looks like, its bytes."""

from limner.inspection.inspecting import Found, Inspection, inspect
from limner.inspection.telling import told

__all__ = ["Found", "Inspection", "inspect", "told"]
