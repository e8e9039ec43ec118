"""The page of a talk, and the small form for new customers that it shares with the board."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse

from bihuan.kernel.errors import BusinessError
from bihuan.operations.desk.calls import answer_by
from bihuan.operations.desk.talk import Talk
from bihuan.records.calls import seconds_to_answer
from bihuan.records.models import Customer
from bihuan.web.http import page
from bihuan.web.tasks.prose import prose


@dataclass(frozen=True)
class Newcomer:
    """What was typed into the form and what was refused; with `customer_id` it adds a car to a known customer."""

    name: str = ""
    salutation: str = ""
    phone: str = ""
    plate: str = ""
    brand: str = ""
    model_name: str = ""
    customer_id: int | None = None
    customer_name: str = ""
    error: str = ""
    field: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the form is shown unfolded."""
        return bool(self.error or self.customer_id)

    @classmethod
    def for_customer(cls, customer_id: int | None, *, phone: str = "") -> Newcomer:
        """The empty form, for one more car of a customer when one is named."""
        owner = Customer.objects.filter(pk=customer_id).first() if customer_id is not None else None
        if owner is None:
            return cls(phone=phone)
        return cls(phone=phone, customer_id=owner.pk, customer_name=owner.name)

    @classmethod
    def of(cls, request: HttpRequest, error: BusinessError | None = None) -> Newcomer:
        """As it was sent, with the refusal."""
        sent = request.POST
        found = cls.for_customer(number(sent.get("customer", "")))
        return cls(
            name=sent.get("name", "")[:80],
            salutation=sent.get("salutation", "")[:4],
            phone=sent.get("phone", "")[:40],
            plate=sent.get("plate", "")[:40],
            brand=sent.get("brand", "")[:40],
            model_name=sent.get("model_name", "")[:60],
            customer_id=found.customer_id,
            customer_name=found.customer_name,
            error=error.message if error else "",
            field=(error.field or "") if error else "",
        )


def draw_talk(request: HttpRequest, shown: Talk, newcomer: Newcomer, *, status: int = 200) -> HttpResponse:
    """The talk with everything at hand."""
    context = {
        "shown": shown,
        "newcomer": newcomer,
        "seconds_to_answer": seconds_to_answer,
        "answer_by": answer_by,
        "greeting": prose(shown.greeting),
    }
    return page(request, "calls/talk.html", context, status=status)


def number(text: str) -> int | None:
    """An id from a form or address; None for anything else."""
    return int(text) if text.isdecimal() and len(text) < 18 else None
