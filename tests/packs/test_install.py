"""Installing and seeding the car service pack."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bihuan.accounts.models import User
from bihuan.forms.models import FormVersion
from bihuan.forms.publishing import publish_form
from bihuan.forms.texts import publish_text, script_body
from bihuan.kernel.errors import Conflict, NotAllowed
from bihuan.org.access import load_actor, system_actor
from bihuan.org.models import Role
from bihuan.packs.install import install_pack
from bihuan.packs.loading import PackError, load_pack, pack_folder
from bihuan.packs.seeding import load_seed
from bihuan.processes.models import Definition, Version
from bihuan.records.knowledge import save_note
from bihuan.records.models import Customer, JobType, KnowledgeNote, Part, SlotCapacity, Stock, Vehicle

AUTO = pack_folder("auto_service")
NINE_ROLES = {
    "customer_care", "advisor", "front_desk", "technician", "workshop_manager", "parts_clerk", "technical_director",
    "cashier", "guard",
}  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the pack that a test may change."""
    folder = tmp_path / "auto_service"
    shutil.copytree(AUTO, folder)
    return folder


@pytest.mark.django_db
@pytest.mark.covers("AUTO-33")
def test_installing_publishes_everything_and_gives_every_role_its_rights() -> None:
    report = install_pack(AUTO, actor=system_actor())
    pack = load_pack(AUTO)
    assert not report.kept
    assert set(Definition.objects.values_list("key", flat=True)) == {process.key for process in pack.processes}
    assert set(FormVersion.objects.values_list("key", flat=True)) == set(pack.forms)
    assert "欢迎来到{门店}" in script_body("greet")
    assert NINE_ROLES <= set(Role.objects.filter(grants__isnull=False).values_list("key", flat=True))
    assert KnowledgeNote.objects.get(key="diagnosis_principles").title == "汽车故障诊断原则"


@pytest.mark.django_db
def test_installing_twice_changes_nothing() -> None:
    install_pack(AUTO, actor=system_actor())
    versions = Version.objects.count(), FormVersion.objects.count()
    report = install_pack(AUTO, actor=system_actor())
    assert not (report.new or report.renewed or report.kept)
    assert (Version.objects.count(), FormVersion.objects.count()) == versions


@pytest.mark.django_db
def test_a_newer_pack_stands_beside_the_old_versions(copy: Path) -> None:
    install_pack(AUTO, actor=system_actor())
    file = copy / "processes" / "suggestion.bpmn"
    file.write_text(file.read_text(encoding="utf-8").replace("建议已了结", "建议办结"), encoding="utf-8")
    (copy / "scripts" / "greet.md").write_text("您好！我是{本人}。\n", encoding="utf-8")
    limits = copy / "limits.toml"
    limits.write_text(limits.read_text(encoding="utf-8").replace('target = "10m"', 'target = "12m"'), encoding="utf-8")
    report = install_pack(copy, actor=system_actor())
    # Of the processes whose file is the same, those with one of the changed limits get a new version.
    assert sorted(report.renewed) == [
        "limits auto_service",
        "process service_visit",
        "process suggestion",
        "script greet",
    ]
    visits = Version.objects.filter(definition__key="service_visit").order_by("number")
    assert [version.limits["dispatch"]["target"] for version in visits] == ["10m", "12m"]
    definition = Definition.objects.get(key="suggestion")
    assert definition.versions.count() == 2
    assert definition.current is not None and definition.current.number == 2
    assert script_body("greet") == "您好！我是{本人}。\n"


@pytest.mark.django_db
def test_what_was_changed_locally_is_kept_and_named(copy: Path) -> None:
    install_pack(AUTO, actor=system_actor())
    publish_text("script/greet", "您好，这里是我们自己的问候。")
    schema = dict(load_pack(AUTO).forms["greet"]) | {"title": "本店的迎接"}
    publish_form("greet", schema)
    save_note("diagnosis_principles", actor=system_actor(), title="汽车故障诊断原则", body="先看油液。")
    (copy / "scripts" / "greet.md").write_text("新的问候", encoding="utf-8")
    (copy / "knowledge" / "diagnosis_principles.md").write_text("新的原则", encoding="utf-8")
    report = install_pack(copy, actor=system_actor())
    assert sorted(report.kept) == ["form greet", "knowledge diagnosis_principles", "script greet"]
    assert script_body("greet") == "您好，这里是我们自己的问候。"
    assert KnowledgeNote.objects.get(key="diagnosis_principles").body == "先看油液。"
    assert not install_pack(copy, actor=system_actor(), overwrite=True).kept
    assert script_body("greet") == "新的问候"


@pytest.mark.django_db
def test_a_pack_with_a_problem_installs_nothing(copy: Path) -> None:
    (copy / "scripts" / "greet.md").write_text("您好，{不存在的词}", encoding="utf-8")
    with pytest.raises(PackError, match="不存在的词"):
        install_pack(copy, actor=system_actor())
    assert not Definition.objects.exists() and not FormVersion.objects.exists() and not Role.objects.exists()


@pytest.mark.django_db
def test_only_who_manages_processes_may_install() -> None:
    install_pack(AUTO, actor=system_actor())
    sites = load_seed(AUTO).sites
    technician = User.objects.get(username="zhaotj")
    with pytest.raises(NotAllowed):
        install_pack(AUTO, actor=load_actor(technician, sites["YL"]))


@pytest.mark.django_db
def test_the_seed_fills_an_empty_installation_once() -> None:
    install_pack(AUTO, actor=system_actor())
    report = load_seed(AUTO)
    assert (Customer.objects.count(), Vehicle.objects.count(), Part.objects.count()) == (40, 50, 60)
    assert JobType.objects.at(report.sites["YL"]).count() == 40
    assert SlotCapacity.objects.at(report.sites["YL"]).exists()
    assert Stock.objects.at(report.sites["YL"]).get(part__code="P-1001").on_hand == 36
    for role in NINE_ROLES:
        people = User.objects.filter(
            is_demo=True, positions_held__position__roles__key=role, positions_held__position__site__code="YL"
        )
        assert people.exists(), role
    with pytest.raises(Conflict):
        load_seed(AUTO)


@pytest.mark.django_db
def test_demo_people_cannot_sign_in_with_a_password() -> None:
    install_pack(AUTO, actor=system_actor())
    load_seed(AUTO)
    assert not any(user.has_usable_password() for user in User.objects.filter(is_demo=True))
