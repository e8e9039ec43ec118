"""Publishing a new version of a process on screen: checked, compared, confirmed."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile

from bihuan.processes import engine_store as store
from bihuan.processes.models import Version
from tests.processes.models import END, START, bpmn, flow, task
from tests.web.visits import Centre

HERE = "/processes/polish/publish"
ODD = '<parallelGateway id="g" name="分流"/>'


def polishing(*more: str, flows: str, **wash: str) -> str:
    return bpmn("polish", START, task("wash", role="technician", **wash), *more, END, flows=flows)


def upload(centre: Centre, xml: str, who: str = "admin") -> tuple[int, str]:
    answer = centre.client(who).post(HERE, {"file": SimpleUploadedFile("polish.bpmn", xml.encode())})
    return answer.status_code, answer.content.decode()


def test_a_file_is_compared_its_advice_told_and_then_published(centre: Centre) -> None:
    store.publish(polishing(flows="start>wash wash>end"), "polish", name="漆面养护")
    browser = centre.client("admin")
    assert HERE in browser.get("/processes/polish").content.decode()
    assert "BPMN 文件" in browser.get(HERE).content.decode()
    new = polishing("\n" + ODD, task("wax", role="technician"), flows="start>wash wash>g g>wax wax>end")
    status, told = upload(centre, new)
    assert status == 200 and "和第 1 版的不同" in told and "新增" in told and "wax" in told
    assert "流程图的提醒" in told and '<b>分流</b> <span class="row-note">第 2 行</span>' in told
    assert Version.objects.filter(definition__key="polish").count() == 1, "only looked at"
    asked = {"text": new.replace("\n", "\r\n"), "expected": 1}
    assert browser.post(HERE, asked).headers["Location"] == "/processes/polish"
    made = store.current_version("polish")
    assert (made.number, made.name, made.xml) == (
        2,
        "漆面养护",
        new.partition("?>")[2],
    ) and made.published_by is not None
    stale = browser.post(HERE, asked)
    assert stale.status_code == 422 and "刚刚被同事换过版本" in stale.content.decode()


def test_what_cannot_be_published_is_told_with_every_reason(centre: Centre) -> None:
    store.publish(polishing(flows="start>wash wash>end"), "polish")
    status, told = upload(centre, polishing(flows="start>wash wash>end", form="none", limit="none"))
    assert status == 422 and "没有表单“none”" in told and "没有时限“none”" in told and "确认发布" not in told
    begin, last = START.replace('start"', 'begin"'), END.replace('end"', 'last"')
    steps = begin + task("towel", form="gone", role="technician") + last + flow("begin>towel") + flow("towel>last")
    called = f'<process id="dry" isExecutable="true">{steps}</process>'
    whole = polishing(flows="start>wash wash>end").replace("</definitions>", f"{called}</definitions>")
    status, told = upload(centre, whole)
    assert status == 422 and "没有表单“gone”" in told, "of another process of the file"
    status, told = upload(centre, polishing(flows="start>wash wash>nowhere"))
    assert status == 422 and "不能发布的原因" in told
    assert upload(centre, "nothing")[0] == 422
    assert centre.client("admin").post(HERE).status_code == 422, "no file"
    assert upload(centre, polishing(flows="start>wash wash>end"), "advisor")[0] == 403
    assert centre.client("advisor").get(HERE).status_code == 403
    assert centre.client("admin").get("/processes/nothing/publish").status_code == 404
    assert Version.objects.filter(definition__key="polish").count() == 1
