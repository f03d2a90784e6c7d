"""Zero-shot concept gates: how much an embedding or an image looks like a named concept, told by a model's own CLIP.

A concept is data: phrasings of what it is and of what it is not (see `limner_clip.concepts`). Built-in ones are in
`limner_clip/concepts.yaml`; an operator may give others in the same form.
"""
