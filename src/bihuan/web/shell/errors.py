"""The pages for what goes wrong; named as handlers by the root urls."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import requires_csrf_token

from bihuan.web.http import is_htmx, notify

TEXTS: dict[int, tuple[str, str, str]] = {
    400: ("请求无法识别", "浏览器发来的内容不完整，没有保存任何改动。", "返回上一页，刷新后再试。"),
    403: ("没有权限", "您的岗位不能打开这个页面。", "需要时请找服务经理或系统管理员。"),
    404: (
        "找不到这个页面",
        "地址可能写错了，或者这张单据不属于您的门店。",
        "可以用上方的搜索框按车牌、电话或单号查找。",
    ),
    429: ("操作太频繁", "为保护系统，请稍等片刻再试。", "已经填写的内容还在本机，没有丢失。"),
    500: (
        "系统出错了",
        "这一步没有保存，之前保存的内容都在。",
        "请刷新再试一次；仍不行，请把下面的时间告诉系统管理员。",
    ),
}


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """One of the designed error pages; a short notice when htmx asked."""
    title, what, action = TEXTS[status]
    if is_htmx(request):
        return notify(HttpResponse(status=status, headers={"HX-Reswap": "none"}), f"{title}。{action}", tone="bad")
    context = {"status": status, "title": title, "what": what, "action": action}
    return render(request, "shell/error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 400)


@requires_csrf_token
def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 403)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form sent too late or from elsewhere: nothing is saved, the draft stays in the browser."""
    context: dict[str, Any] = {
        "status": 403,
        "title": "页面已过期",
        "what": "为安全起见，这次提交没有保存；填写的内容还在本机。",
        "action": "返回上一页并刷新，内容会自动恢复，再提交一次即可。",
    }
    return render(request, "shell/error.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return error_page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return error_page(request, 500)
