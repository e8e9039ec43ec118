"""Lists and pages of customers and vehicles, and the same rows for a workbook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bihuan.kernel import clock
from bihuan.kernel.errors import NotFound
from bihuan.kernel.paging import PAGE_SIZE, Part, part_of
from bihuan.org.actor import Actor
from bihuan.org.models import Site
from bihuan.records.access import require_anywhere
from bihuan.records.consents import consents_of
from bihuan.records.customers import mask_mail, mask_phone
from bihuan.records.exporting import MAX_EXPORT_ROWS, export_xlsx
from bihuan.records.lookup import prefix
from bihuan.records.models import CallLog, Case, Consent, ConsentMedium, Customer, Vehicle, Voucher
from bihuan.records.search_keys import digits, mirrored, plain, plate_key

DUE_WITHIN = timedelta(days=30)
CUSTOMER_ORDERS = {"name": "pinyin", "created": "created_at"}
VEHICLE_ORDERS = {"plate": "plate_key", "due": "service_due_on", "visit": "last_visit_on", "mileage": "mileage_km"}


@dataclass(frozen=True, slots=True)
class PartyQuery:
    """What a list shows, as it stands in the address: search, filter, order, page."""

    search: str = ""
    filter: str = ""
    order: str = ""
    page: int = 1

    @classmethod
    def of(cls, params: Mapping[str, Any], *, filters: Mapping[str, str], orders: Mapping[str, str]) -> PartyQuery:
        """The query of an address; what makes no sense is left out rather than refused."""
        chosen, order, page = (str(params.get(key, "")) for key in ("filter", "order", "page"))
        return cls(
            search=plain(str(params.get("q", "")))[:60],
            filter=chosen if chosen in filters else "",
            order=order if order.removeprefix("-") in orders else "",
            page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self, **changed: Any) -> str:
        """The address of this view with something changed; a change goes back to the first page."""
        other = replace(self, **{"page": 1, **changed})
        parts = {"q": other.search, "filter": other.filter, "order": other.order, "page": other.page}
        return urlencode({key: value for key, value in parts.items() if value and (key, value) != ("page", 1)})

    def choices(self, filters: Mapping[str, str]) -> list[dict[str, object]]:
        """The filters as links, the present one marked."""
        return [
            {"label": label, "href": f"?{self.address(filter=key)}", "current": self.filter == key}
            for key, label in {"": "全部", **filters}.items()
        ]


_AGREED = {True: "同意", False: "不接收", None: ""}
CUSTOMER_FILTERS = {"person": "个人", "company": "单位", "voucher": "有未用折扣券"}
VEHICLE_FILTERS = {"due": "30 天内该保养", "overdue": "保养已过期", "in_house": "正在店里"}


@dataclass(frozen=True, slots=True)
class PartyList:
    """One page of customers or vehicles."""

    query: PartyQuery
    part: Part


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """Whether a customer may be written to by a medium, as last said; `missing` says what has to be there first."""

    medium: str
    label: str
    said: Consent | None
    missing: str = ""

    @property
    def is_given(self) -> bool:
        return self.said is not None and self.said.is_given


@dataclass(frozen=True, slots=True)
class PartyPage:
    """A customer with cars, visits, vouchers and calls; or one car with its visits."""

    customer: Customer
    vehicles: list[Vehicle]
    cases: list[Case]
    vouchers: list[Voucher]
    calls: list[CallLog]
    vehicle: Vehicle | None = None
    consents: list[ConsentLine] = field(default_factory=list)


def customer_list(query: PartyQuery, *, actor: Actor) -> PartyList:
    """A page of customers: by name, pinyin, phone or its tail, or plate."""
    return _paged(query, _customers(query, actor))


def vehicle_list(query: PartyQuery, *, actor: Actor) -> PartyList:
    """A page of vehicles: by plate or its end, model, owner."""
    return _paged(query, _vehicles(query, actor))


def export_customers(query: PartyQuery, *, actor: Actor) -> bytes:
    """Exactly the customers of this view; phones stay masked without the right to see them."""
    require_anywhere(actor, "customer.export")
    whole = actor.can_anywhere("phone.reveal")
    cells = (
        (
            row.name,
            row.get_kind_display(),
            row.salutation,
            row.phone if whole else mask_phone(row.phone),
            row.mail if whole else mask_mail(row.mail),
            _AGREED[row.sms],
            _AGREED[row.by_mail],
            row.address,
            row.cars,
            row.note,
        )
        for row in _customers(query, actor).annotate(sms=_said("sms"), by_mail=_said("mail"))[: MAX_EXPORT_ROWS + 1]
    )
    headings = ("姓名", "类别", "称谓", "电话", "邮箱", "接收短信", "接收邮件", "地址", "车辆数", "备注")
    return export_xlsx(headings, cells, title="客户")


def _said(medium: str) -> Subquery:
    return Subquery(Consent.objects.filter(customer=OuterRef("pk"), medium=medium).values("is_given")[:1])


def export_vehicles(query: PartyQuery, *, actor: Actor) -> bytes:
    """Exactly the vehicles of this view."""
    require_anywhere(actor, "customer.export")
    whole = actor.can_anywhere("phone.reveal")
    headings = (
        "车牌", "车架号", "品牌", "车型", "颜色", "车主", "车主电话", "里程（公里）", "上次保养", "下次保养",
        "上次来店",
    )  # fmt: skip
    cells = (
        (
            row.plate,
            row.vin,
            row.brand,
            row.model_name,
            row.colour,
            row.customer.name,
            row.customer.phone if whole else mask_phone(row.customer.phone),
            row.mileage_km,
            row.last_service_on,
            row.next_service_on,
            row.last_visit_on,
        )
        for row in _vehicles(query, actor)[: MAX_EXPORT_ROWS + 1]
    )
    return export_xlsx(headings, cells, title="车辆")


def customer_page(customer_id: int, *, actor: Actor) -> PartyPage:
    """One customer with everything the counter asks about. Raises NotFound."""
    require_anywhere(actor, "customer.view")
    customer = Customer.objects.select_related("advisor").filter(pk=customer_id).first()
    if customer is None:
        raise NotFound("没有这位客户")
    said = consents_of(customer_id)
    consents = [
        ConsentLine(medium, label, said.get(medium), "请先登记邮箱" if medium == "mail" and not customer.mail else "")
        for medium, label in ConsentMedium.choices
    ]
    return replace(_page(customer, actor, Q(customer=customer)), consents=consents)


def vehicle_page(vehicle_id: int, *, actor: Actor) -> PartyPage:
    """One car with its visits. Raises NotFound."""
    require_anywhere(actor, "customer.view")
    vehicle = Vehicle.objects.select_related("customer__advisor").filter(pk=vehicle_id).first()
    if vehicle is None:
        raise NotFound("没有这辆车")
    return replace(_page(vehicle.customer, actor, Q(vehicle=vehicle)), vehicle=vehicle)


def _page(customer: Customer, actor: Actor, which: Q) -> PartyPage:
    cases = Case.objects.visible_to(actor).filter(which).select_related("vehicle", "site", "advisor")
    calls = CallLog.objects.visible_to(actor).filter(customer=customer).select_related("user")
    return PartyPage(
        customer=customer,
        vehicles=list(customer.vehicles.order_by("plate_key")),
        cases=list(cases.order_by("-opened_at", "-pk")[:PAGE_SIZE]),
        vouchers=list(Voucher.objects.filter(customer=customer).order_by("-pk")[:20]),
        calls=list(calls.order_by("-ringing_at")[:20]),
    )


def _paged(query: PartyQuery, rows: QuerySet[Any]) -> PartyList:
    part = part_of(rows, query.page)
    return PartyList(replace(query, page=part.number), part)


def _customers(query: PartyQuery, actor: Actor) -> QuerySet[Any]:
    require_anywhere(actor, "customer.view")
    # Counted for the rows of the page, not for every customer there is.
    cars = Vehicle.objects.filter(customer=OuterRef("pk")).order_by().values("customer").annotate(n=Count("pk"))
    rows: QuerySet[Any] = Customer.objects.select_related("advisor").annotate(
        cars=Coalesce(Subquery(cars.values("n")), 0)
    )
    if query.filter in ("person", "company"):
        rows = rows.filter(kind=query.filter)
    elif query.filter == "voucher":
        rows = rows.filter(pk__in=Voucher.objects.filter(used_at__isnull=True).values("customer_id"))
    if query.search:
        rows = rows.filter(_found(query.search, "", "vehicles__")).distinct()
    return _ordered(rows, query, CUSTOMER_ORDERS, "name")


def _vehicles(query: PartyQuery, actor: Actor) -> QuerySet[Any]:
    require_anywhere(actor, "customer.view")
    rows: QuerySet[Any] = Vehicle.objects.select_related("customer")
    today = clock.now().astimezone(_zone(actor)).date()
    if query.filter == "due":
        rows = rows.filter(service_due_on__gte=today, service_due_on__lte=today + DUE_WITHIN)
    elif query.filter == "overdue":
        rows = rows.filter(service_due_on__lt=today)
    elif query.filter == "in_house":
        here = Case.objects.visible_to(actor).filter(kind="service_visit", status="open", vehicle__isnull=False)
        rows = rows.filter(pk__in=here.values("vehicle_id"))
    if query.search:
        rows = rows.filter(_found(query.search, "customer__", "") | prefix("model_name", query.search))
    return _ordered(rows, query, VEHICLE_ORDERS, "plate")


def _found(text: str, person: str, car: str) -> Q:
    """By name, pinyin, phone (or its tail) and plate (or its end); each by the start of an indexed key."""
    found = prefix(f"{person}name", text)
    if text.isascii() and text.isalpha():
        found |= prefix(f"{person}initials", text.lower()) | prefix(f"{person}pinyin", text.lower())
    number = digits(text)
    if number and number == text.replace(" ", ""):
        found |= prefix(f"{person}phone", number)
        if len(number) >= 4:
            found |= prefix(f"{person}phone_mirrored", mirrored(number))
    key = plate_key(text)
    if len(key) >= 3:
        found |= prefix(f"{car}plate_key", key) | prefix(f"{car}plate_mirrored", mirrored(key))
    return found


def _ordered(rows: QuerySet[Any], query: PartyQuery, orders: Mapping[str, str], usual: str) -> QuerySet[Any]:
    down = "-" if query.order.startswith("-") else ""
    return rows.order_by(f"{down}{orders[query.order.removeprefix('-') or usual]}", "pk")


def _zone(actor: Actor) -> ZoneInfo:
    zone = Site.objects.filter(pk=actor.site_id or 0).values_list("timezone", flat=True).first()
    return ZoneInfo(zone or "Asia/Shanghai")
