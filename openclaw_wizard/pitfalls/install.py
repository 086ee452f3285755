"""Pitfalls of the program itself: Node, and which OpenClaw stands on NEW."""

from __future__ import annotations

from openclaw_wizard.model import Facts, HostFacts, Severity
from openclaw_wizard.pitfalls.rule import (
    Judgement,
    Needs,
    Pitfall,
    blocks,
    clear,
    look,
    numbers,
    unknown,
    version_of,
)

HELPER_NODE = (22, 12, 0)
"""The oldest Node that runs the wizard's own helper on a machine."""


def _node(facts: Facts) -> Judgement:
    for role, host in (("OLD", facts.old), ("NEW", facts.new)):
        if host is not None and (trouble := _node_trouble(role, host)):
            return blocks(trouble)
    if facts.old is None or facts.new is None:
        return unknown()
    if facts.node_fits is None:
        return unknown("OLD's OpenClaw, and so the Node that it asks for, is not known")
    if not facts.node_fits:
        return blocks(f"NEW has Node {facts.new.node}; this OpenClaw needs {facts.node_range}")
    if facts.new.npm is None and facts.new.openclaw != version_of(facts):
        return blocks("NEW has no npm, so OpenClaw cannot be installed there")
    return clear(f"Node {facts.new.node} on NEW")


def _node_trouble(role: str, host: HostFacts) -> str:
    if host.node is None:
        return f"{role} has no Node on the PATH of {host.user}"
    if numbers(host.node) < HELPER_NODE:
        return f"{role} has Node {host.node}; the wizard needs 22.12 or later there"
    return ""


NODE_OUT_OF_RANGE = Pitfall(
    id="node-out-of-range",
    subject="program",
    title="Node is missing or too old",
    why=(
        "OpenClaw runs on Node and refuses one outside its range; the wizard reads and writes OpenClaw's "
        "files with the machine's own Node."
    ),
    source="package.json engines.node of every release; measured",
    severity=Severity.BLOCKS,
    remedy=(
        "Install Node 24.16 or later of the 24 line, which every release of OpenClaw takes, with npm, for "
        "the user that you log in as."
    ),
    judge=_node,
    needs=Needs.BOTH,
)


def _different(facts: Facts) -> Judgement:
    if facts.new is None or facts.old is None or facts.installation is None:
        return unknown()
    wanted = version_of(facts)
    if wanted is None:
        return unknown("OLD's version is not known")
    if facts.new.openclaw is None:
        return clear("NEW has no OpenClaw yet")
    if numbers(facts.new.openclaw) == numbers(wanted):
        return clear(f"both have {wanted}")
    return look(f"NEW has {facts.new.openclaw}, OLD has {wanted}")


DIFFERENT_OPENCLAW = Pitfall(
    id="different-openclaw-on-new",
    subject="program",
    title="NEW has another OpenClaw",
    why=(
        "Moving and upgrading at once is the riskiest combination: an older program refuses a newer "
        "database or wipes its cron jobs, a newer one migrates the data on its first start."
    ),
    source="#107512, #115421, #134036; measured",
    severity=Severity.LOOK,
    remedy="The wizard installs OLD's version on NEW. Upgrade after the move, with `openclaw update`.",
    judge=_different,
    needs=Needs.BOTH,
)


def _schemas(facts: Facts) -> Judgement:
    found = facts.schema_fit
    if found is None:
        return unknown(Needs.BOTH)
    if found.newer:
        named = ", ".join(f"{each.path} ({each.reason})" for each in found.newer[:3])
        return blocks(f"OpenClaw {found.runs} on NEW would refuse {named}")
    if found.unsure:
        named = ", ".join(f"{each.path} ({each.reason})" for each in found.unsure[:3])
        return unknown(f"it is not known whether OpenClaw {found.runs} reads {named}")
    return clear(f"OpenClaw {found.runs} reads all of it")


NEWER_SCHEMA = Pitfall(
    id="newer-schema",
    subject="program",
    title="Newer state than NEW's OpenClaw reads",
    why=(
        "OpenClaw refuses a database of a newer schema and cannot mend it; old versions wiped its cron jobs "
        "instead. Going back to an older version is not supported."
    ),
    source="docs reference/database-schemas/versioning.md; #115421, #152935, #72527",
    severity=Severity.BLOCKS,
    remedy=(
        "Let NEW have the OpenClaw that wrote the state: with npm on NEW the wizard installs OLD's version "
        "itself (action `new.openclaw`); where OLD's `openclaw` command is older than its gateway, mend that "
        "PATH first."
    ),
    judge=_schemas,
    needs=Needs.BOTH,
)
