"""Moving a tree: what is in it (manifest), what lacks (compare), the stream, the switch and the safety copy.

Design section 6. Paths are raw bytes, relative to the root of their tree, `b""` for the root itself.
"""
