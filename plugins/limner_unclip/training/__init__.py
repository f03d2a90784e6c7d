"""Training an unCLIP model, one stage after another: CLIP, then priors, decoder and upsampler on the frozen CLIP.

The map:

    recipe.py             what a YAML recipe may say
    data/                 where captioned pictures come from; pool.py and lessons.py, what of them is in memory when
    loop.py               what all stages share: optimizer, running average, checkpoints; task.py, what a stage adds to it
    clip.py, prior.py,    the stages: their networks and losses. ridge_prior.py and direct_prior.py are the priors without
    decoder.py, ...       diffusion, noise.py and swaps.py what losses are made of
    stages.py             the stages by name; commands.py, what `limner train` does with them
    reports.py            metrics, curves, bars; records.py, what a stage leaves on paper
    export.py             the diffusers directory; publish.py and card.py, what stands in it for people
    doctor/               stage by stage, what is healthy in a model
"""
