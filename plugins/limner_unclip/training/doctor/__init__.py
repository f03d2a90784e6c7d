"""Stage by stage, what is healthy in a model: the figures that tell at which of its networks a bad picture began.

unCLIP is a chain, and a fault in one link shows in all that follow. So each network is examined with what it should have been
given, true pictures and their true embeddings, and never with what the network before it made of them.
"""
