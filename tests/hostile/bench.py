"""The installation the table is tried on: visits standing at three steps, one at the other site, all signed in."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import html
import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from bihuan.cli.main import main
from bihuan.kernel.errors import BusinessError
from bihuan.operations import imports
from bihuan.operations.cases import receive_vehicle
from bihuan.processes.jobs import run_due
from bihuan.processes.publishing import publish
from bihuan.records.models import Case
from tests.web.visits import Centre

ALL_KIT = {"reminder": ["engine_off", "valuables"], "kit": ["seat_cover", "wheel_cover", "gear_cover", "foot_mat"]}
# A look at the session is not a change of anybody's data; that a workbook was handed in is kept, with what was told.
UNWATCHED = frozenset({"django_session", "records_importrun"})
HANDED_IN = "'import.asked'"


@dataclass(frozen=True)
class Answer:
    """What came back: the text a person reads, the HTTP status (0 where nothing went over HTTP), and the bare page."""

    text: str
    status: int = 0
    page: str = ""


@dataclass
class Bench:
    """The centre and its visits by the step they stand at."""

    centre: Centre
    visits: dict[str, Case]
    elsewhere: Case
    cookies: dict[str, SimpleCookie]

    def path(self, address: str) -> str:
        """`{greet}`, `{reception}`, `{walkaround}` are items, `{case}` a case, `{elsewhere}` one of the other site."""
        names = {node: self.centre.item(case, node).pk for node, case in self.visits.items()}
        other = self.centre.item(self.elsewhere, "greet").pk
        return address.format(**names, case=self.visits["greet"].pk, elsewhere=self.elsewhere.pk, other_item=other)

    def ask(self, method: str, address: str, who: str, *, csrf: bool = False, **given: Any) -> Answer:
        """One request of a signed-in person (nobody when `who` is empty)."""
        client = Client(enforce_csrf_checks=csrf, raise_request_exception=False)
        client.cookies = copy.copy(self.cookies[who])
        answer = getattr(client, method)(self.path(address), **given)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        where = answer.headers.get("Location", "")
        page = content.decode("utf-8", "replace")
        return Answer(html.unescape(page) + where, answer.status_code, page)

    def known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`CUSTOMER` and `VEHICLE` stand for the centre's own."""
        names = {"CUSTOMER": str(self.centre.customer.pk), "VEHICLE": str(self.centre.vehicle.pk)}
        return {key: names.get(value, value) if isinstance(value, str) else value for key, value in values.items()}

    def complete(self, node: str, values: Mapping[str, Any]) -> Answer:
        """Send the form of the visit that stands at the node."""
        return self.ask("post", f"/tasks/{{{node}}}", "advisor", data=self.known(values))

    def bring_in(self, content: bytes, name: str) -> Answer:
        """Import a workbook for good through the page, the worker doing its part."""
        upload = SimpleUploadedFile(name, content)
        answer = self.ask("post", "/import", "site_manager", data={"file": upload, "mode": "store"})
        if answer.status != 302:
            return answer
        run_due(handlers={imports.KIND: imports.HANDLER})
        return self.ask("get", answer.text, "site_manager")

    def publish(self, xml: str | bytes) -> Answer:
        """Publish a file as the process of visits."""
        try:
            publish(xml, "service_visit", source="上传.bpmn", actor=self.centre.cast.system)
        except BusinessError as refusal:
            return Answer(refusal.message)
        return Answer("published")

    def rehearse(self, xml: str) -> Answer:
        """Run a file in memory as `bihuan bpmn run` does."""
        printed = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
            file = Path(folder) / "上传.bpmn"
            file.write_text(xml, encoding="utf-8")
            main(["bpmn", "run", str(file)])
        return Answer(printed.getvalue())


Send = Callable[[Bench], Answer]


def build_bench(centre: Centre) -> Bench:
    """Drive three cars in and take each to the step the table knocks at."""
    visits = {}
    for node, plate in (("greet", "示A70001"), ("reception", "示A70002"), ("walkaround", "示A70003")):
        visits[node] = centre.arrive(plate)
    for node in ("reception", "walkaround"):
        centre.greet(visits[node])
    centre.complete(visits["walkaround"], "reception", "advisor", {
        "customer": str(centre.customer.pk), "vehicle": str(centre.vehicle.pk), "phone": "13900007001",
        "has_appointment": "no", "requests": [{"raised_by": "customer", "description": "保养"}],
    })  # fmt: skip
    centre.complete(visits["walkaround"], "protect", "advisor", ALL_KIT)
    elsewhere = receive_vehicle("示B80001", actor=centre.cast.actor("other_advisor"))
    # Signing in is written down at the account, so everybody signs in before the table begins.
    cookies = {who: centre.client(who).cookies for who in centre.cast.users if centre.cast.user(who).is_active}
    return Bench(centre, visits, elsewhere, {"": SimpleCookie(), **cookies})


def fingerprint() -> dict[str, tuple[int, str]]:
    """Of every table: how many rows, and a digest of all that stands in them."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        if table in UNWATCHED:
            continue
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = sorted(text for row in cursor.fetchall() if HANDED_IN not in (text := repr(row)))
        found[table] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found
