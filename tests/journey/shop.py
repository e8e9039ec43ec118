"""A person at a screen of the service centre: signs in, opens work, types, ticks, signs and sends, as people do."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect


class Shop:
    """One browser in which people take turns; whoever signed in last is at the screen."""

    def __init__(self, page: Page, address: str, plate: str) -> None:
        self.page = page
        self.address = address
        self.plate = plate
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(10_000)

    # --- who is at the screen, and where ---------------------------------------------------------------------------
    def become(self, name: str, path: str = "/") -> None:
        """The one at the screen leaves, and the next one signs in by one click."""
        if self.page.url.startswith(self.address):
            self.page.get_by_role("button", name="换一位").click()
        self.page.goto(f"{self.address}/sign-in?next={path}")
        self.page.locator(".demo-card", has_text=name).click()
        self.page.wait_for_url(f"{self.address}{path}")

    def open(self, task: str) -> None:
        """Find the work of this car on the workbench and open it, unless it has come up by itself."""
        if self.heading.inner_text() != task:
            if self.page.url != f"{self.address}/":
                self.page.goto(f"{self.address}/")
            rows = self.page.locator(".work-row", has_text=self.plate).filter(has_text=task)
            rows.first.get_by_role("link", name=task, exact=True).click()
        expect(self.heading).to_have_text(task)

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    # --- filling in ------------------------------------------------------------------------------------------------
    def field(self, key: str) -> Locator:
        return self.page.locator(f'[data-field="{key}"]')

    def write(self, key: str, value: str) -> None:
        self.page.locator(f'[data-field="{key}"] .input[name="{key}"]').fill(value)

    def choose(self, key: str, label: str) -> None:
        """A radio button, or an entry of a list."""
        field = self.field(key)
        if field.locator("select").count():
            field.locator("select").select_option(label=label)
        else:
            field.locator("label", has_text=re.compile(f"^\\s*{re.escape(label)}\\s*$")).click()

    def tick(self, *keys: str) -> None:
        """Tick a box; of a list, every box of it."""
        for key in keys:
            field = self.field(key)
            if field.locator("label.choice").count():
                for box in field.locator("label.choice").all():
                    box.click()
            else:
                field.locator("label.tick").click()

    def pick(self, box: Locator, typed: str, offered: str) -> None:
        """Type into a picker and take what it offers."""
        box.click()
        box.fill("")
        box.press_sequentially(typed, delay=5)
        self.page.locator(".picker-list:visible [role=option]", has_text=offered).first.click()

    def person(self, key: str, typed: str, name: str) -> None:
        self.pick(self.field(key).locator("[data-picker-text]"), typed, name)

    def cell(self, key: str, row: int, column: str) -> Locator:
        rows = self.page.locator(f'[data-lines][data-key="{key}"] tbody [data-row]')
        return rows.nth(row).locator(f'.input[name$="-{column}"]')

    def add_row(self, key: str) -> None:
        self.page.locator(f'[data-lines][data-key="{key}"] [data-add-row]').click()

    def tick_rows(self, key: str) -> None:
        """Tick the box of every line."""
        for box in self.page.locator(f'[data-lines][data-key="{key}"] tbody [data-row] label.tick').all():
            box.click()

    def sign(self, key: str, signer: str = "") -> None:
        """Write a name, open the pad and draw with the mouse."""
        field = self.field(key)
        if signer:
            field.locator("[data-signature-signer]").fill(signer)
        field.get_by_role("button", name="点此签名").click()
        dialog = field.locator(".signature-dialog")
        box = dialog.locator("canvas").bounding_box()
        assert box
        mouse = self.page.mouse
        mouse.move(box["x"] + 40, box["y"] + 60)
        mouse.down()
        for step in range(1, 10):
            mouse.move(box["x"] + 40 + step * 16, box["y"] + 60 + (step % 3) * 22)
        mouse.up()
        dialog.get_by_role("button", name="确认签名").click()
        expect(dialog).to_be_hidden()

    def mark_damage(self, note: str) -> None:
        """Tap the outline of the car and say what is there."""
        outline = self.page.locator("[data-outline]")
        outline.scroll_into_view_if_needed()
        box = outline.bounding_box()
        assert box
        outline.click(position={"x": box["width"] * 0.45, "y": box["height"] * 0.14})
        self.page.locator("[data-damage-row]:visible").last.get_by_label("说明").fill(note)

    def photograph(self, key: str, picture: Path) -> None:
        self.field(key).locator("input[type=file]").set_input_files(str(picture))

    # --- sending ---------------------------------------------------------------------------------------------------
    def send(self, done: str) -> None:
        """Press the button of the step; it is done when the next page says so."""
        self.page.locator(".form-actions .button-primary").click()
        expect(self.page.locator(".toast").filter(has_text=f"“{done}”已完成")).to_be_visible()
        assert self.complaints == []
