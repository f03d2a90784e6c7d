"""A small world of coloured shapes: a renderer, its captions, its splits, and a checker that reads images back."""
