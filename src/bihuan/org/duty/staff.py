"""The people of one site at one moment, for those who look for somebody to do a step: each question is asked once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import Q

from bihuan.accounts.models import User
from bihuan.org.duty.chart import Chart, load_chart
from bihuan.org.duty.checks import site_people
from bihuan.org.duty.delegation import delegations_in_force
from bihuan.org.duty.models import Delegation, StandIn
from bihuan.org.duty.presence import away_at, on_duty_at
from bihuan.org.models import Department, PositionHolder, Role
from bihuan.org.roles import people_with_role


@dataclass
class Staff:
    """Who works at a site, who of them is there, who stands in for whom. Ids of people throughout."""

    site_id: int
    at: datetime
    names: dict[int, str] = field(default_factory=dict)
    """Names of everybody met so far."""
    anywhere: bool = False
    """Whether people who are named, or are members of a group, count wherever they work."""
    _by_role: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _duty: dict[str, frozenset[int] | None] = field(default_factory=dict)

    def with_role(self, role: str) -> tuple[int, ...]:
        """Everybody who has the role here, on duty or not."""
        if role not in self._by_role:
            self._by_role[role] = self._met(people_with_role(role, self.site_id).values_list("pk", "name"))
        return self._by_role[role]

    def on_duty(self, role: str) -> frozenset[int] | None:
        """Who is on duty in a role that works by duty; None where duty does not decide."""
        if role not in self._duty:
            works_by_duty = Role.objects.filter(key=role, on_duty=True).exists()
            found = on_duty_at([self.site_id], self.at, [role]) if works_by_duty else {}
            self._duty[role] = found.get((self.site_id, role))
        return self._duty[role]

    def at_post(self, name: str) -> tuple[int, ...]:
        """Who holds a post of this name here."""
        return self._holders(Q(position__name=name))

    def in_department(self, name: str) -> tuple[int, ...]:
        """Who holds a post in the department of this name here."""
        return self._holders(Q(position__department__name=name))

    def in_group(self, key: str) -> tuple[int, ...]:
        """The members of a user group who work here."""
        return self.of_this_site(User.objects.filter(user_groups__key=key).values_list("pk", flat=True))

    def head_of(self, department: str) -> int | None:
        """The head of the department of this name here, else of what is above it; without a name of the site."""
        if not department:
            return self.chart.head_of_site(self.site_id)
        found = Department.objects.filter(site_id=self.site_id, name=department).values_list("pk", flat=True).first()
        return None if found is None else self.chart.head_of(found) or self.chart.head_of_site(self.site_id)

    def superior_up_to(self, user_id: int, *, levels: int, rank: int) -> int | None:
        """The superior so many levels up (the highest there is), or the first of at least a rank."""
        above = list(self.chart.superiors_of(user_id))
        if not rank:
            return above[min(levels, len(above)) - 1] if above else None
        ranks = dict(
            PositionHolder.objects.filter(user_id__in=above, until__isnull=True)
            .order_by("position__rank")
            .values_list("user_id", "position__rank")
        )
        return next((user for user in above if ranks.get(user, 0) >= rank), None)

    def named(self, texts: Iterable[str]) -> Mapping[str, int]:
        """Active people by number or name to sign in."""
        wanted = list(dict.fromkeys(texts))
        numbers = [int(text) for text in wanted if text.isdecimal() and len(text) < 18]
        rows = User.objects.filter(Q(pk__in=numbers) | Q(username__in=wanted), is_active=True)
        found: dict[str, int] = {}
        for pk, username, name in rows.values_list("pk", "username", "name"):
            self.names[pk] = name
            found.setdefault(username, pk)
        return {**found, **{str(pk): pk for pk in numbers if pk in self.names}}

    def of_this_site(self, user_ids: Iterable[int]) -> tuple[int, ...]:
        """Those of these people who are active and have a post that reaches this site, in their order."""
        wanted = list(dict.fromkeys(user_ids))
        people = User.objects.filter(is_active=True) if self.anywhere else site_people(self.site_id)
        there = dict(people.filter(pk__in=wanted).values_list("pk", "name"))
        self.names.update(there)
        return tuple(pk for pk in wanted if pk in there)

    def name(self, user_id: int) -> str:
        """Somebody's name."""
        if user_id not in self.names:
            self.names[user_id] = User.objects.values_list("name", flat=True).get(pk=user_id)
        return self.names[user_id]

    @cached_property
    def chart(self) -> Chart:
        """Who answers to whom."""
        return load_chart(self.site_id)

    @cached_property
    def away(self) -> frozenset[int]:
        """Everybody on leave now."""
        return away_at(self.at)

    @cached_property
    def delegations(self) -> list[Delegation]:
        """What is delegated here now."""
        return delegations_in_force(self.site_id, self.at)

    def deputies(self, absent: Iterable[int], role: str, process: str) -> tuple[tuple[int, int], ...]:
        """Who does the work of absent people, as (deputy, absent): delegates who are there, else stand-ins of their
        posts."""
        missing = list(absent)
        roles = {part.strip() for part in role.split(",")}
        lent = [
            (one.delegate_id, one.principal_id)
            for one in self.delegations
            if one.principal_id in missing
            and (not one.role_key or one.role_key in roles)
            and (not one.process_key or one.process_key == process)
        ]
        found = self._there(lent)
        if found:
            return found
        posts = StandIn.objects.filter(
            position__holders__user_id__in=missing, position__holders__until__isnull=True
        ).filter(Q(position__roles__key__in=roles) if role else Q())
        rows = posts.order_by("rank", "pk").values_list("user_id", "position__holders__user_id")
        return self._there([(user, held) for user, held in rows if held in missing])

    def _there(self, lent: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        there = set(self.of_this_site(user for user, _ in lent)) - self.away if lent else frozenset()
        first: dict[int, int] = {}
        for user, held in lent:
            if user in there:
                first.setdefault(user, held)
        return tuple(first.items())

    def _holders(self, which: Q) -> tuple[int, ...]:
        rows = PositionHolder.objects.filter(
            which, position__site_id=self.site_id, until__isnull=True, user__is_active=True
        )
        return self._met(rows.order_by("user_id").values_list("user_id", "user__name"))

    def _met(self, rows: Iterable[tuple[int, str]]) -> tuple[int, ...]:
        found = dict(rows)
        self.names.update(found)
        return tuple(found)
