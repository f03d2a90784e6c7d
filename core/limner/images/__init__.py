"""Image files: made and read with care, and kept encrypted."""
