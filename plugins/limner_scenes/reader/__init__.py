"""The reader: a small network of its own that says what a picture shows.

It is trained on renders alone (`training`), on scenes and on things strewn anywhere (`samples`), some of them `impostors` that
are to be taken for nothing that has a name, and all of them `spoiled` as a model's pictures may be. It never sees a model, a
caption or an embedding, and shares no weights with any. `reading` is how it is used; judging what it read is plain code and
lives in `limner_scenes.evaluation`.
"""
