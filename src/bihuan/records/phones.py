"""Telephone numbers as the counter takes them: Chinese mobile and landline, stored as bare digits."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

from bihuan.kernel.errors import BusinessError
from bihuan.records.search_keys import plain

_REACHABLE = frozenset([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE])
_EXAMPLE = "请填写 11 位手机号，或带区号的座机，例如 0871-63120000"


def is_mobile(number: str) -> bool:
    """Whether a stored number can take a short message."""
    return len(number) == 11 and number.startswith("1")


def clean_phone(text: str, *, field: str = "phone") -> str:
    """The number as stored: '139 0000 0001' is '13900000001', '(0871) 6312-0000' is '087163120000'.

    Raises BusinessError naming the field when it is no number under which a customer in China can be reached.
    """
    typed = plain(text)
    if not typed:
        raise BusinessError("请填写电话号码", field)
    if len(typed) > 40:
        raise BusinessError(f"电话号码太长。{_EXAMPLE}", field)
    try:
        number = phonenumbers.parse(typed, "CN")
    except NumberParseException:
        raise BusinessError(f"“{typed[:20]}”不是电话号码。{_EXAMPLE}", field) from None
    if number.country_code != 86:
        raise BusinessError("只支持中国大陆的电话号码", field)
    if number.extension:
        raise BusinessError("电话号码不能带分机号，请把分机号写在备注里", field)
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _REACHABLE:
        raise BusinessError(f"电话号码“{typed[:20]}”不对，可能多了或少了数字。{_EXAMPLE}", field)
    national = phonenumbers.national_significant_number(number)
    mobile = phonenumbers.number_type(number) == PhoneNumberType.MOBILE
    return national if mobile else f"0{national}"
