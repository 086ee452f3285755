"""Which profiles move, what of them is carried by whom, and how several are judged and shown as one."""

from __future__ import annotations

import pytest

from openclaw_wizard.errors import NothingToMove, UsageError
from openclaw_wizard.events import QuestionAsked
from openclaw_wizard.model import Facts, Installation, Outside, Paths, Staged, Verdict, Workspace
from openclaw_wizard.paths import PathChange, Relocation
from openclaw_wizard.pitfalls import judge_all
from openclaw_wizard.steps.choosing import which
from openclaw_wizard.steps.relocating import guests, plan_all
from openclaw_wizard.steps.survey import make_plan
from tests.builders import host_facts, installation, new_facts, tree

HOME = "/home/alice"
DEFAULT = installation()


def profile(name: str, **changes: object) -> Installation:
    state = f"{HOME}/.openclaw-{name}"
    own = {
        "port": 19000 + len(name),
        "profile": name,
        "state_dir": state,
        "config_path": f"{state}/openclaw.json",
        "workspaces": (),
    }
    return installation(**{**own, **changes})


WORK = profile("work")
BROKEN = profile("broken", config_problem="not JSON5", has_agents=False)


class Person:
    """Gives the answer, and keeps what was asked."""

    def __init__(self, answer: str | None) -> None:
        self.answer, self.asked = answer, list[QuestionAsked]()

    async def __call__(self, asked: QuestionAsked) -> str | None:
        self.asked.append(asked)
        return self.answer


async def chosen(
    found: tuple[Installation, ...], *profiles: str, person: Person | None = None
) -> list[str | None]:
    return [each.profile for each in await which(found, profiles, host_facts(), person)]


async def test_a_person_chooses_one_or_all_of_several() -> None:
    found = (DEFAULT, WORK)
    for answer, moves in (("all", [None, "work"]), ("work", ["work"]), ("default", [None])):
        person = Person(answer)
        assert await chosen(found, person=person) == moves
        assert [each.choices for each in person.asked] == [("all", "default", "work")]


async def test_nobody_is_asked_where_it_is_named_or_there_is_but_one() -> None:
    person = Person("all")
    assert await chosen((DEFAULT, WORK), "work", person=person) == ["work"]
    assert await chosen((WORK,), person=person) == ["work"]
    assert person.asked == []


async def test_where_nobody_answers_the_default_one_moves() -> None:
    assert await chosen((WORK, DEFAULT), person=Person(None)) == [None]
    assert await chosen((WORK, DEFAULT)) == [None]


async def test_several_are_named_in_any_order_and_once() -> None:
    assert await chosen((DEFAULT, WORK, profile("home", port=1)), "home", "default", "home") == [None, "home"]
    with pytest.raises(NothingToMove, match="no profile 'wrok'; found: default, work"):
        await chosen((DEFAULT, WORK), "work", "wrok")


async def test_all_leaves_out_what_is_no_state_directory() -> None:
    assert await chosen((DEFAULT, WORK, BROKEN), "all") == [None, "work"]


async def test_two_with_the_same_service_do_not_go_together() -> None:
    old_name = installation(state_dir=f"{HOME}/.clawdbot")
    with pytest.raises(UsageError, match="clawdbot are both the profile default, which has one service"):
        await chosen((DEFAULT, old_name), "all")
    assert await chosen((DEFAULT, old_name, WORK), f"{HOME}/.clawdbot", "work") == [None, "work"]


async def test_two_with_the_same_port_do_not_go_together() -> None:
    same = profile("work", port=DEFAULT.port)
    with pytest.raises(UsageError, match=f"have the same port, {DEFAULT.port}: they cannot both run"):
        await chosen((DEFAULT, same), "default", "work")
    assert await chosen((DEFAULT, same), "work") == ["work"]


# ----------------------------------------------------------------- the trees


def space(agent: str, path: str, **more: object) -> Workspace:
    seen = {"inside_state": False, "exists": True, **more}
    return Workspace.model_validate({"agent": agent, "path": path, **seen})


def carried(*each: Installation, real: dict[str, str] | None = None) -> list[list[str]]:
    found = plan_all(each, host_facts(), new_facts(), Paths.REWRITE, real)
    return [[tree.old.removeprefix(f"{HOME}/") for tree in trees] for trees in found]


def test_what_is_shared_or_lies_in_another_tree_is_carried_once() -> None:
    secret = Outside(path=f"{HOME}/.config/openclaw", folder=True, why="a key")
    inner = Outside(path=f"{HOME}/.config/openclaw/env", folder=False, why="an include")
    first = installation(workspaces=(space("main", f"{HOME}/notes/part"),), outside=(secret,))
    spaces = (space("main", f"{HOME}/.openclaw/workspace-work"), space("other", f"{HOME}/notes"))
    second = profile("work", workspaces=spaces, outside=(secret, inner))
    assert carried(first, second) == [
        [".openclaw", ".config/openclaw"],
        [".openclaw-work", "notes"],
    ]
    assert [each.path for each in guests((first, second), first, {})] == [f"{HOME}/.openclaw/workspace-work"]
    assert guests((first, second), second, {}) == ()


def test_it_is_told_by_where_links_lead() -> None:
    real = {f"{HOME}/.openclaw": "/data/claw", f"{HOME}/.openclaw-work": f"{HOME}/.openclaw-work"}
    first = installation(workspaces=())
    second = profile("work", workspaces=(space("main", "/data/claw/workspace-work"),))
    assert carried(first, second, real=real) == [[".openclaw"], [".openclaw-work"]]
    (guest,) = guests((first, second), first, real)
    assert guest.path == f"{HOME}/.openclaw/workspace-work"


def test_a_state_directory_in_what_another_moves_is_refused() -> None:
    inner = profile("work", state_dir=f"{HOME}/.openclaw/work")
    with pytest.raises(UsageError, match=r"\.openclaw/work lies within what another"):
        carried(installation(workspaces=()), inner)


def test_each_plan_knows_every_path_that_changes_and_only_the_others_stay() -> None:
    home = profile("home")
    spaces = (space("main", f"{HOME}/.openclaw/workspace-work"),)
    second = profile("work", workspaces=spaces, version="2026.9.7")
    trees = plan_all((DEFAULT, second), host_facts(), new_facts(), Paths.REWRITE)
    each = [
        Facts(
            old=host_facts(openclaw=None),
            new=new_facts(),
            installation=one,
            installations=(DEFAULT, second, home),
            trees=its,
            name=name,
        )
        for one, its, name in zip((DEFAULT, second), trees, ("default", "work"), strict=True)
    ]
    plan = make_plan(Facts.joined(each))
    assert plan.profiles == plan.profile == "default, work"
    assert plan.others == (home,) and plan.version == "2026.9.7"
    assert [one.folder for one in plan.each] == ["", "profile-2"]
    wanted = {(f"{HOME}/{name}", f"/srv/bob/{name}") for name in (".openclaw", ".openclaw-work")}
    assert all(wanted <= set(one.path_changes) for one in plan.each)
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


# ---------------------------------------------------------------- the judging


def judged(pitfall: str, *each: Facts) -> tuple[Verdict, str]:
    found = judge_all(Facts.joined(each))[pitfall]
    return found.verdict, found.evidence


def test_the_gravest_of_all_is_said_with_its_profile() -> None:
    good = Staged(missing=0, different=0, foreign_owned=0, too_open=0)
    fine = Facts(name="default", installation=DEFAULT, staged=good)
    bad = Facts(name="work", installation=WORK, staged=good.model_copy(update={"foreign_owned": 2}))
    assert judged("ownership", fine, bad) == (
        Verdict.BLOCKS,
        "work: 2 entries on NEW belong to another user",
    )
    unknown = Facts(name="work", installation=WORK)
    assert judged("ownership", fine, unknown) == (
        Verdict.UNKNOWN,
        "work: known once the copy is compared",
    )
    assert judged("ownership", fine, fine) == (Verdict.CLEAR, "all belongs to the gateway's user")


def test_room_is_counted_for_all_of_them_together() -> None:
    both = [
        Facts(
            name=name, archive_room=10_000_000_000, trees=(tree(bytes=600_000_000, free_bytes=1_000_000_000),)
        )
        for name in ("default", "work")
    ]
    assert judged("not-enough-room", both[0])[0] is Verdict.CLEAR
    verdict, evidence = judged("not-enough-room", *both)
    assert verdict is Verdict.BLOCKS and "NEW needs 1.4 GB beside the target" in evidence


def test_changes_of_all_are_told_apart_by_name() -> None:
    inside = Relocation(changes=(PathChange(file="openclaw.json", where="a", old="/x", new="/y"),))
    outside = Relocation(changes=(PathChange(file="/srv/a.json", where="a", old="/x", new="/y"),))
    joined = Relocation.joined([("default", inside), ("work", outside)])
    assert [change.file for change in joined.changes] == ["default: openclaw.json", "/srv/a.json"]
    assert Relocation.joined([("", inside)]) == inside
