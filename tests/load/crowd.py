"""A process of its own at work on the database of BIHUAN_DB: many of these at once are the load.

python -m tests.load.crowd prepare       tables, people, processes, instances
python -m tests.load.crowd work SEED SECONDS     does whatever comes to mind; a line for each completed item
python -m tests.load.crowd audit         one JSON object: what is not as it should be
"""

from __future__ import annotations

import datetime as dt
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 the models exist only after set-up
from django.db import DatabaseError, InterfaceError, connection, transaction  # noqa: E402

from bihuan.accounts.models import User  # noqa: E402
from bihuan.engine.runtime import State  # noqa: E402
from bihuan.kernel import clock  # noqa: E402
from bihuan.kernel.errors import BusinessError  # noqa: E402
from bihuan.operations import sweeps  # noqa: E402
from bihuan.operations.duty.handover import hand_over_everything, holdings_of  # noqa: E402
from bihuan.operations.process_drafts import check_draft, publish_draft  # noqa: E402
from bihuan.org.access import load_actor, system_actor  # noqa: E402
from bihuan.org.actor import Actor  # noqa: E402
from bihuan.org.duty.delegation import delegate_work  # noqa: E402
from bihuan.org.duty.shifts import add_day_shift  # noqa: E402
from bihuan.org.models import PositionHolder, Site  # noqa: E402
from bihuan.org.people import reactivate_person  # noqa: E402
from bihuan.org.positions import assign_position  # noqa: E402
from bihuan.processes import engine_store as store  # noqa: E402
from bihuan.processes import jobs  # noqa: E402
from bihuan.processes.compiled import compiled_model  # noqa: E402
from bihuan.processes.contract import ServiceCall, Surroundings  # noqa: E402
from bihuan.processes.handling.asking import NEEDS, ask_person, remove_person  # noqa: E402
from bihuan.processes.handling.called import steps_back  # noqa: E402
from bihuan.processes.handling.returning import recall_item, send_back, wake_instance  # noqa: E402
from bihuan.processes.handling.standing import resume_instance, suspend_instance  # noqa: E402
from bihuan.processes.migrating import Migration, migrate_instance  # noqa: E402
from bihuan.processes.models import Definition, Incident, Instance, Sweep, Version, WorkItem  # noqa: E402
from bihuan.processes.publishing import stop_version  # noqa: E402
from bihuan.processes.retention import archive_finished, set_retention  # noqa: E402
from tests.cast import NAMES, build_cast  # noqa: E402
from tests.load.auditing import CHANGING, audit  # noqa: E402
from tests.processes import models  # noqa: E402

PROCESSES = {
    "approval": models.APPROVAL, "parallel": models.PARALLEL, "round": models.ROUND, "booking": models.BOOKING,
    "reminder": models.REMINDER, "deadline": models.DEADLINE, "arrival": models.ARRIVAL, "sender": models.SENDER,
    "caller": models.CALLER, "sign_off": models.SIGN_OFF, "watching": models.WATCHING, "branching": models.BRANCHING,
}  # fmt: skip
NODE_NAMES = re.compile(
    r'(<(?!process|message|signal|definitions)\w+ id|sourceRef|targetRef|attachedToRef|default)="(\w+)"'
)
TROUBLE = (DatabaseError, InterfaceError)
PATIENCE_SECONDS = 60


def prepare() -> None:
    """Every process runs on two versions: the second does the same under other names."""
    call_command("migrate", verbosity=0, interactive=False)
    build_cast()
    one = Client(random.Random(0))
    store.publish(draft(0), CHANGING)
    for number in (1, 2):
        for key, xml in PROCESSES.items():
            store.publish(xml if number == 1 else NODE_NAMES.sub(r'\1="\2_2"', xml), key)
            set_retention(key, 1, actor=one.system)
        for count in range(24):
            one.start(key=sorted(PROCESSES)[count % len(PROCESSES)])


def draft(after: int, drawing: int = 0) -> str:
    """A file for the process that people keep publishing, which says after which version it was drawn."""
    named = models.PARALLEL.replace('name="parallel"', f'name="第{after}版之后"').replace('"parallel"', f'"{CHANGING}"')
    return named.replace('id="defs"', f'id="defs{drawing}"')


def other_version(version: Version) -> Migration:
    """The way from one of the two versions of a process to the other."""
    target = Version.objects.exclude(pk=version.pk).get(definition=version.definition)
    names = {name for xml in PROCESSES.values() for _, name in NODE_NAMES.findall(xml)}
    pairs = {name: f"{name}_2" for name in names} if version.number == 1 else {f"{name}_2": name for name in names}
    nodes = compiled_model(version).main.nodes
    return Migration([version], target, {old: new for old, new in pairs.items() if old in nodes})


class Client:
    """Somebody who completes, sends back, suspends, moves to other versions, hands over, in no sensible order."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.site = Site.objects.get(code="YL").pk
        self.admin = load_actor(User.objects.get(username="weiming"))
        self.look_around()
        self.around = Surroundings(services={"book": self.book})
        self.system = system_actor(self.site)
        self.told: Counter[str] = Counter()

    def look_around(self) -> None:
        """Who works here now; between two looks somebody may leave who then still acts, as on a page opened before."""
        names = [NAMES[who][0] for who in NAMES]
        self.people = [load_actor(user) for user in User.objects.filter(username__in=names, is_active=True)]

    def book(self, call: ServiceCall) -> dict[str, Any]:
        if self.draw.random() < 0.3:
            raise RuntimeError("the line is busy")
        return {"booked": True}

    def work(self, seconds: float) -> None:
        """Act until the time is up; what the database could not answer is asked again after it is back."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            act = self.draw.choices(ACTS, weights=WEIGHTS)[0]
            try:
                if self.draw.random() < 0.2:
                    self.look_around()
                act(self)
                self.told[act.__name__] += 1
            except BusinessError:
                self.told["refused"] += 1
            except TROUBLE:
                self.told["trouble"] += 1
                wait_for_the_database()

    def start(self, key: str = "") -> None:
        chosen = key or self.draw.choice(sorted(PROCESSES))
        case = self.draw.randrange(1, 20)
        owner = self.draw.choice([None, *(who[0] for who in NAMES.values())])
        variables = {"number": "A1", "owner": owner, "case_id": case, "people": [1, 2, 3], "temperature": 20,
                     "enough": False}  # fmt: skip
        store.start_instance(
            chosen, site_id=self.site, actor=self.system, variables=variables, around=self.around,
            **({"subject_kind": "matter", "subject_id": case} if self.draw.random() < 0.6 else {}),
        )  # fmt: skip

    def complete(self) -> None:
        item = self.some_item()
        values = {"amount": self.draw.randrange(200), "stop": self.draw.random() < 0.2,
                  "temperature": self.draw.randrange(20, 40), "enough": self.draw.random() < 0.3}  # fmt: skip
        key, actor = f"{self.draw.getrandbits(64):x}", self.somebody_for(item)

        def once() -> store.StepResult:
            return store.complete_item(item.pk, values, actor=actor, once_key=key, around=self.around)

        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                once()
                break
            except TROUBLE:
                # Whether it was stored is unknown: the same key asks again, and nothing is done twice.
                if time.monotonic() > until:
                    raise
                self.told["trouble"] += 1
                wait_for_the_database()
        sys.stdout.write(f"done {item.pk}\n")
        sys.stdout.flush()

    def claim(self) -> None:
        item = self.some_item()
        store.claim_item(item.pk, actor=self.somebody_for(item))

    def release(self) -> None:
        item = self.some_item()
        store.release_item(item.pk, actor=self.somebody_for(item))

    def transfer(self) -> None:
        item = self.some_item()
        to = self.draw.choice(self.people)
        store.transfer_item(item.pk, to.user_id or 0, actor=self.somebody_for(item))

    def cancel(self) -> None:
        running = Instance.unscoped.filter(status="running").values_list("pk", flat=True)
        store.cancel_instance(self.one_of(running), "不做了", actor=self.draw.choice(self.people), around=self.around)

    def send(self) -> None:
        site_id, key = self.people[0].site_id, self.draw.randrange(1, 20)
        keep_for = timedelta(days=1) if self.draw.random() < 0.5 else None
        store.deliver_message("arrived", key, {"late": True}, actor=self.people[0], site_id=site_id, keep_for=keep_for)

    def repair(self) -> None:
        open_ones = Incident.unscoped.filter(resolved_at__isnull=True).values_list("pk", flat=True)
        how = self.draw.choice([store.retry_incident, store.skip_incident])
        how(self.one_of(open_ones), actor=self.people[0], around=self.around)

    def change(self) -> None:
        running = Instance.unscoped.filter(status="running").values_list("pk", flat=True)
        store.set_variables(self.one_of(running), {"temperature": self.draw.randrange(20, 40)}, actor=self.people[0])

    def begin(self) -> None:
        watching = Instance.unscoped.filter(status="running", version__definition__key="watching")
        instance = self.fetch(Instance.unscoped.select_related("version"), watching)
        open_ones = [wait for wait in State.from_json(instance.state).waits.values() if wait.kind == "adhoc"]
        process = compiled_model(instance.version).main
        if not open_ones:
            raise BusinessError("nothing to begin")
        activity = self.draw.choice(process.levels[open_ones[0].node].starts)
        store.begin_activity(instance.pk, open_ones[0].id, activity, actor=self.people[0], around=self.around)

    def send_back(self) -> None:
        item, straight = self.some_item(), self.draw.random() < 0.5
        actor = self.somebody_for(item)
        with transaction.atomic():
            held = store.hold_item(item.pk, actor=actor)
            steps = [step.key for step in steps_back(held) if not step.above]
            target = self.draw.choice(steps or ["nowhere"])
            send_back(held, target, straight=straight, actor=actor, reason="重做", around=self.around)

    def ask(self) -> None:
        item, person = self.some_item(), self.draw.choice(self.people).user_id or 0
        actor, mode = self.somebody_for(item), self.draw.choice(sorted(NEEDS))
        with transaction.atomic():
            held = store.hold_item(item.pk, actor=actor)
            ask_person(held, person, mode, actor=actor, reason="请看", around=self.around)

    def remove(self) -> None:
        item = self.some_item()
        with transaction.atomic():
            held = store.hold_item(item.pk, actor=self.system)
            person = self.draw.choice(self.people).user_id or 0
            remove_person(held, person, actor=self.system, reason="不用他签", around=self.around)

    def recall(self) -> None:
        done = WorkItem.unscoped.filter(status="done", completed_by__isnull=False)
        item = self.fetch(WorkItem.unscoped.select_related("completed_by"), done)
        recall_item(item.pk, actor=load_actor(item.completed_by), reason="填错了", around=self.around)

    def suspend(self) -> None:
        running = Instance.unscoped.filter(status="running").values_list("pk", flat=True)
        suspend_instance(self.one_of(running), actor=self.people[0], reason="等配件", around=self.around)

    def resume(self) -> None:
        standing = Instance.unscoped.filter(status="suspended").values_list("pk", flat=True)
        resume_instance(self.one_of(standing), actor=self.people[0], around=self.around)

    def wake(self) -> None:
        over = Instance.unscoped.exclude(status__in=("running", "suspended")).values_list("pk", flat=True)
        wake_instance(self.one_of(over), actor=self.people[0], reason="还要再办", around=self.around)

    def move(self) -> None:
        live = Instance.unscoped.filter(status__in=("running", "suspended"))
        chosen = self.fetch(Instance.unscoped.select_related("version__definition"), live)
        way = other_version(chosen.version)
        migrate_instance(chosen.pk, way, actor=self.system, reason="新规定", around=self.around)

    def move_all(self) -> None:
        sweeps.ask_migration(other_version(self.some_version()), reason="新规定", actor=self.system)
        self.sweep()

    def hold(self) -> None:
        sweeps.stop_and_hold(self.some_version().pk, reason="有误", actor=self.system)
        self.sweep()

    def let_go_on(self) -> None:
        stopped = self.one_of(Version.objects.filter(stopped_at__isnull=False).values_list("pk", flat=True))
        stop_version(stopped, stopped=False, reason="已改正", actor=self.system)
        sweeps.resume_held(stopped, reason="已改正", actor=self.system)
        self.sweep()

    def sweep(self) -> None:
        """Do the next portion of what somebody asked for, as a worker does; another may be at the same."""
        sweeps.run_sweep(self.one_of(Sweep.objects.filter(ended_at__isnull=True).values_list("pk", flat=True)))

    def hand_over(self) -> None:
        self.hand_over_from(self.draw.choice(self.people).user_id or 0, leaving=False)

    def leave(self) -> None:
        """Somebody leaves for good, while others give them work, ask them, plan their duty."""
        if len(self.people) < len(NAMES) // 2:
            raise BusinessError("too few are left")
        self.hand_over_from(self.draw.choice(self.people).user_id or 0, leaving=True)

    def hand_over_from(self, person: int, *, leaving: bool) -> None:
        held = holdings_of(person, actor=self.admin)
        to = {part.key: self.draw.choice(part.candidates)[0] for part in held.parts}
        hand_over_everything(person, to=to, reason="离职", actor=self.admin, leaving=leaving)

    def come_back(self) -> None:
        """Somebody who left is hired again, for the posts they had."""
        gone = self.one_of(User.objects.filter(is_active=False, username__in=[who[0] for who in NAMES.values()])
                           .values_list("pk", flat=True))  # fmt: skip
        with transaction.atomic():
            reactivate_person(gone, actor=self.system)
            posts = PositionHolder.objects.filter(user_id=gone, until__isnull=False).values_list("position", flat=True)
            for post in set(posts):
                assign_position(gone, position_id=post, actor=self.system)

    def lend(self) -> None:
        """Somebody lets a colleague act for them for some days."""
        now = clock.now()
        delegate_work(
            principal_id=self.draw.choice(self.people).user_id, to_user_id=self.draw.choice(self.people).user_id or 0,
            starts_at=now, ends_at=now + timedelta(days=self.draw.randrange(1, 5)), reason="出差", actor=self.system,
        )  # fmt: skip

    def plan(self) -> None:
        """Put somebody on duty on a day to come."""
        person = self.draw.choice(self.people)
        role = self.draw.choice(sorted(person.roles_at(self.site)) or ["nobody"])
        add_day_shift(
            site_id=self.site, role_key=role, user_id=person.user_id or 0, starts=dt.time(8), ends=dt.time(17),
            day=clock.now().date() + timedelta(days=self.draw.randrange(1, 60)), actor=self.system,
        )  # fmt: skip

    def publish(self) -> None:
        """Draw the next version after the present one; of two who do, the second is told."""
        present = Definition.objects.values_list("current__number", flat=True).get(key=CHANGING)
        text = draft(present, self.draw.getrandbits(60))
        drawn = check_draft(CHANGING, text.encode(), actor=self.system)
        publish_draft(CHANGING, drawn.text, expected=drawn.based_on, actor=self.system)

    def archive(self) -> None:
        archive_finished(clock.now() + timedelta(days=2), limit=2)

    def let_time_pass(self) -> None:
        with clock.frozen(clock.now() + timedelta(hours=2)):
            jobs.fire_due(around=self.around, limit=3)

    def some_version(self) -> Version:
        return self.draw.choice(
            list(Version.objects.filter(definition__key__in=PROCESSES).select_related("definition"))
        )

    def some_item(self) -> WorkItem:
        item: WorkItem = self.fetch(WorkItem.unscoped, WorkItem.unscoped.filter(status="open"))
        return item

    def fetch(self, rows: Any, among: Any) -> Any:
        """One of these, read; it may just have been archived."""
        found = rows.filter(pk=self.one_of(among.values_list("pk", flat=True))).first()
        if found is None:
            raise BusinessError("gone")
        return found

    def one_of(self, numbers: Any) -> int:
        # Few to choose from, so that the clients meet.
        found = list(numbers.order_by("-pk")[:12])
        if not found:
            raise BusinessError("nothing to choose from")
        return int(self.draw.choice(found))

    def somebody_for(self, item: WorkItem) -> Actor:
        fit = [one for one in self.people if item.assignee_id == one.user_id or item.role in one.roles_at(self.site)]
        return self.draw.choice(fit or self.people)


ACTS: list[Callable[[Client], None]] = [
    Client.complete, Client.claim, Client.release, Client.transfer, Client.start, Client.let_time_pass, Client.send,
    Client.repair, Client.change, Client.cancel, Client.send_back, Client.ask, Client.recall, Client.suspend,
    Client.resume, Client.wake, Client.move, Client.move_all, Client.hold, Client.let_go_on, Client.sweep,
    Client.hand_over, Client.begin, Client.remove, Client.archive, Client.leave, Client.come_back, Client.lend,
    Client.plan, Client.publish,
]  # fmt: skip
WEIGHTS = [40, 8, 3, 8, 14, 10, 5, 6, 3, 3, 10, 8, 14, 4, 6, 2, 8, 2, 2, 4, 4, 3, 6, 4, 3, 6, 6, 4, 4, 4]


def wait_for_the_database() -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection.close()
        try:
            connection.ensure_connection()
            return
        except TROUBLE:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def main() -> None:
    match sys.argv[1:]:
        case ["prepare"]:
            prepare()
        case ["work", seed, seconds]:
            client = Client(random.Random(int(seed)))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            client.work(float(seconds))
            sys.stdout.write(json.dumps(client.told) + "\n")
        case ["audit"]:
            sys.stdout.write(json.dumps(audit(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
