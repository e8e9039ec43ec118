"""Reasons, and telling the people concerned."""

from __future__ import annotations

from collections.abc import Iterable

from bihuan.accounts.models import User
from bihuan.notify.kinds import NoticeKind
from bihuan.notify.notices import About, notify_people
from bihuan.operations.surroundings import CASE
from bihuan.org.actor import Actor
from bihuan.org.roles import people_with_role
from bihuan.processes.contract import InstanceFacts, StepResult
from bihuan.processes.holding import roles_of
from bihuan.processes.models import Offer, WorkItem
from bihuan.records.access import required_text

MAX_REASON = 200


def reason_of(text: str) -> str:
    """The reason, which is kept with the deed. Raises BusinessError at the field `reason`."""
    return required_text(text, label="原因", field="reason", limit=MAX_REASON)


def tell(
    people: Iterable[int | None], title: str, body: str, url: str, *, instance: InstanceFacts, actor: Actor
) -> None:
    """Tell these people, but never the one who acted."""
    others = {person for person in people if person is not None and person != actor.user_id}
    subject = (instance.subject_kind, instance.subject_id) if instance.subject_id is not None else None
    if others:
        notify_people(others, title, body, url, About(NoticeKind.PEOPLE, subject=subject, site_id=instance.site_id))


def tell_closed(result: StepResult, words: str, *, actor: Actor) -> None:
    """Whoever held work that a step took away is told why."""
    gone = [item.id for one in (result, *result.others) for item in one.closed if item.outcome == "cancelled"]
    rows = WorkItem.unscoped.filter(pk__in=gone, assignee_id__isnull=False)
    for name, title, person in rows.values_list("name", "title", "assignee_id"):
        tell(
            [person],
            f"不必再办：{name}",
            f"{title}，{words}",
            case_url(result.instance),
            instance=result.instance,
            actor=actor,
        )


def holders_of(item: WorkItem) -> set[int]:
    """Who can do an open item now: its holder, else those it is offered to."""
    if item.assignee_id is not None:
        return {item.assignee_id}
    named = set(Offer.objects.filter(item_id=item.pk).values_list("user_id", flat=True))
    for role in roles_of(item.role):
        named.update(people_with_role(role, item.site_id).values_list("pk", flat=True))
    return named


def name_of(user_id: int) -> str:
    """A person's name."""
    return User.objects.values_list("name", flat=True).get(pk=user_id)


def case_url(instance: InstanceFacts) -> str:
    """Where the case of an instance is shown."""
    return f"/cases/{instance.subject_id}" if instance.subject_kind == CASE else "/"
