"""Who answers to whom: said outright, else by the heads of department and site, up the tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bihuan.kernel import clock
from bihuan.org.duty.models import Superior
from bihuan.org.duty.presence import away_at
from bihuan.org.models import Department, PositionHolder, Role, Site
from bihuan.org.roles import holders_at


@dataclass(frozen=True, slots=True)
class Chart:
    """The lines of command around a site, as plain data."""

    explicit: Mapping[int, int] = field(default_factory=dict)
    """Person to superior, where said outright."""
    departments: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Person to departments, by their posts."""
    homes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Person to sites, by their posts."""
    heads: Mapping[int, int] = field(default_factory=dict)
    """Department to its head."""
    over: Mapping[int, int] = field(default_factory=dict)
    """Department to the one above."""
    site_heads: Mapping[int, int] = field(default_factory=dict)
    site_over: Mapping[int, int] = field(default_factory=dict)
    department_sites: Mapping[int, int] = field(default_factory=dict)

    def superior_of(self, user_id: int) -> int | None:
        """The next above somebody, who is never they themselves; None at the top."""
        outright = self.explicit.get(user_id)
        if outright is not None and outright != user_id:
            return outright
        for department in self.departments.get(user_id, ()):
            found = self._first_head(department, self.over, self.heads, user_id)
            if found is not None:
                return found
        for site in self.homes.get(user_id, ()):
            found = self._first_head(site, self.site_over, self.site_heads, user_id)
            if found is not None:
                return found
        return None

    def superiors_of(self, user_id: int) -> Iterator[int]:
        """Upwards, each once: a circle ends where it closes."""
        seen = {user_id}
        above = self.superior_of(user_id)
        while above is not None and above not in seen:
            yield above
            seen.add(above)
            above = self.superior_of(above)

    def head_of(self, department: int) -> int | None:
        """The head of a department, else of the one above it."""
        return self._first_head(department, self.over, self.heads, None)

    def head_of_site(self, site_id: int) -> int | None:
        """The head of a site, else of the one above it."""
        return self._first_head(site_id, self.site_over, self.site_heads, None)

    @staticmethod
    def _first_head(start: int, over: Mapping[int, int], heads: Mapping[int, int], besides: int | None) -> int | None:
        seen: set[int] = set()
        here: int | None = start
        while here is not None and here not in seen:
            head = heads.get(here)
            if head is not None and head != besides:
                return head
            seen.add(here)
            here = over.get(here)
        return None


def nearest_superiors(people: Iterable[int], site_id: int) -> dict[int, int]:
    """By person the nearest superior who is there now, in the lines of command around the site; five queries."""
    chart = load_chart(site_id)
    above = {person: list(chart.superiors_of(person)) for person in people}
    away = away_at(clock.now(), {superior for line in above.values() for superior in line})
    there = {person: [superior for superior in line if superior not in away] for person, line in above.items()}
    return {person: line[0] for person, line in there.items() if line}


def answerable_for(site_id: int) -> tuple[int, ...]:
    """Whom to tell when nobody is there: the head of the site or of the one above, else those who plan its duty."""
    head = load_chart(site_id).head_of_site(site_id)
    if head is not None and not away_at(clock.now(), [head]):
        return (head,)
    planners = Role.objects.filter(grants__action="roster.manage").values_list("key", flat=True)
    reaching = {user for held in holders_at([site_id], list(planners)).values() for user in held} - {head}
    there = reaching - away_at(clock.now(), reaching)
    own = PositionHolder.objects.filter(position__site_id=site_id, until__isnull=True, user_id__in=there)
    # Those of the site itself, so that a group is not told of every gap below it.
    return tuple(sorted(set(own.values_list("user_id", flat=True)) or there))


def load_chart(site_id: int) -> Chart:
    """The lines of command of everybody with a post at the site or above it; four queries."""
    path = Site.objects.values_list("path", flat=True).get(pk=site_id)
    above = [int(part) for part in path.split("/") if part]
    sites = Site.objects.filter(pk__in=above).values_list("pk", "parent_id", "head_id")
    departments = Department.objects.filter(site_id__in=above).values_list("pk", "parent_id", "head_id", "site_id")
    site_rows, department_rows = list(sites), list(departments)
    held = PositionHolder.objects.filter(until__isnull=True, position__site_id__in=above, user__is_active=True)
    belongs: dict[int, list[int]] = {}
    homes: dict[int, list[int]] = {}
    for user_id, department, home in held.order_by("pk").values_list(
        "user_id", "position__department_id", "position__site_id"
    ):
        if department is not None:
            belongs.setdefault(user_id, []).append(department)
        homes.setdefault(user_id, []).append(home)
    outright = Superior.objects.filter(user_id__in=list(homes), superior__is_active=True)
    return Chart(
        explicit=dict(outright.values_list("user_id", "superior_id")),
        departments={user: tuple(found) for user, found in belongs.items()},
        homes={user: tuple(found) for user, found in homes.items()},
        heads={pk: head for pk, _, head, _ in department_rows if head is not None},
        over={pk: parent for pk, parent, _, _ in department_rows if parent is not None},
        site_heads={pk: head for pk, _, head in site_rows if head is not None},
        site_over={pk: parent for pk, parent, _ in site_rows if parent is not None},
        department_sites={pk: site for pk, _, _, site in department_rows},
    )
