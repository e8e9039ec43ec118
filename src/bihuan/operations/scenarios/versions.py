"""New versions in scenarios: publishing one, moving what runs to it, holding what runs on an old one."""

from __future__ import annotations

from collections.abc import Mapping

from bihuan.kernel.errors import NotFound
from bihuan.operations.scenarios.doing import Doing, acting
from bihuan.operations.scenarios.format import Step
from bihuan.operations.scenarios.world import StepProblem, World
from bihuan.operations.sweeps import ask_migration, find_migration, resume_held, run_sweep, stop_and_hold
from bihuan.processes.migrating import running_instances
from bihuan.processes.models import Sweep, SweepRow, Version
from bihuan.processes.publishing import publish


def publish_version(world: World, step: Step) -> None:
    """Publish the version in force with some of its text changed, as somebody would in the editor."""
    current = _versions(step)[-1]
    xml = current.xml
    for old, new in dict(step.values.get("change") or {}).items():
        if str(old) not in xml:
            raise StepProblem(f"现行版本里没有“{old}”")
        xml = xml.replace(str(old), str(new))
    publish(xml, current.definition.key, process_id=current.process_id, actor=acting(world, step))


def migrate(world: World, step: Step) -> None:
    """Move what runs on older versions (or those named by `from`) to the newest, and say how many moved and why not."""
    known = _versions(step)
    target = known[-1].number
    said = step.values.get("from")
    used = [one.number for one in known[:-1] if running_instances([one.pk]).exists()]
    sources = used if said is None else [int(number) for number in (said if isinstance(said, list) else [said])]
    mapping = {str(old): str(new) for old, new in dict(step.values.get("mapping") or {}).items()}
    migration = find_migration(known[-1].definition.key, sources, target, mapping)
    sweep = ask_migration(migration, reason=str(step.values.get("reason") or ""), actor=acting(world, step))
    _carry_out(sweep)
    _check(step, sweep)


def hold_version(world: World, step: Step) -> None:
    """Stop a version and let what runs on it stand still."""
    sweep = stop_and_hold(_version(step).pk, reason=str(step.values.get("reason") or ""), actor=acting(world, step))
    if sweep is not None:
        _carry_out(sweep)


def release_version(world: World, step: Step) -> None:
    """Let what was held with a version go on."""
    _carry_out(resume_held(_version(step).pk, reason=str(step.values.get("reason") or ""), actor=acting(world, step)))


def _versions(step: Step) -> list[Version]:
    key = str(step.values.get("process") or "")
    found = list(Version.objects.select_related("definition").filter(definition__key=key).order_by("number"))
    if not found:
        raise NotFound(f"没有流程“{key}”")
    return found


def _version(step: Step) -> Version:
    known, number = _versions(step), step.values.get("version")
    found = known[-1:] if number is None else [one for one in known if one.number == number]
    if not found:
        raise StepProblem(f"没有第 {number} 版")
    return found[0]


def _carry_out(sweep: Sweep) -> None:
    while run_sweep(sweep.pk):
        pass


def _check(step: Step, sweep: Sweep) -> None:
    refused = list(sweep.rows.filter(outcome=SweepRow.Outcome.REFUSED).values_list("reason", flat=True))
    moved = sweep.rows.filter(outcome=SweepRow.Outcome.DONE).count()
    wanted, blocked = step.values.get("moved", moved), str(step.values.get("blocked") or "")
    if wanted != moved:
        raise StepProblem(f"迁移了 {moved} 件，不是 {wanted} 件：{'；'.join(refused)}")
    if bool(refused) != bool(blocked) or not all(blocked in reason for reason in refused):
        raise StepProblem(f"没有迁移的原因：{'；'.join(refused) or '没有'}")


VERSION_DOING: Mapping[str, Doing] = {
    "publish_version": publish_version,
    "migrate": migrate,
    "hold_version": hold_version,
    "release_version": release_version,
}
