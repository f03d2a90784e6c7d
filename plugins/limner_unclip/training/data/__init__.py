"""Captioned pictures to train on: a stream that draws without end, a folder with a metadata.jsonl, or webdataset tars.

`source` says what a stage may ask of any of them and finds the one that a recipe names; `indexed` is what folder and tars
share.
"""
