"""How well a model draws scenes, by rules nobody can argue with.

`tasks` says what is asked, `prompts` finds prompts that training never saw, `drawings` makes and keeps the pictures, the reader
(`limner_scenes.reader`) says what they show, and `judging` compares that with what was asked: plain code over boxes and names.
The checker is reader and judge together; `checker_errors` measures both of its errors on renders, anew in every run, to be
printed beside every score. Around the tasks: `concepts`, `diversity`, `nearest` and `ablations`.
"""
