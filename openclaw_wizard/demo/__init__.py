"""The embedded practice ground: a real OpenClaw on a practice host, and an empty second host to move it to.

Nothing outside its own folder and its cache: no root, no other machine. OpenClaw, its gateway, its
state directory, the two SSH servers and Node are real; the model provider is a stand-in.
"""

from __future__ import annotations

from openclaw_wizard.demo.ground import addresses, build, clean, unfinished

__all__ = ["addresses", "build", "clean", "unfinished"]
