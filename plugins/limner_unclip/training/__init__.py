"""Training an unCLIP model, one stage after another: CLIP, then prior, decoder and upsampler on the frozen CLIP.

The map: `recipe` is what a YAML recipe may say, `source` where captioned pictures come from, `loop` the optimizer, the running
average, checkpoints and resumption that all stages share; `clip`, `prior`, `decoder` and `upsampler` are what each stage
adds to that: its networks and its loss. `export` writes the diffusers directory, `card` its model card.
"""
