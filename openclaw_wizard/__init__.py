"""Moves an OpenClaw installation from an OLD machine to a NEW one, step by step, and proves that it did."""

__version__ = "0.1.0"
