// Finds a customer, vehicle, part, job or person while typing. Without it the typed text is resolved by the server.
const WAIT = 220;

export function attach(picker, { url, role = "", chosen = () => {} }) {
  if (picker.dataset.ready || !url) return;
  picker.dataset.ready = "true";
  const text = picker.querySelector("[data-picker-text]");
  const id = picker.querySelector("[data-picker-id]");
  const was = picker.querySelector("[data-picker-was]");
  const list = picker.querySelector(".picker-list");
  if (!list.id) list.id = `pick-${Math.random().toString(36).slice(2, 9)}`;
  text.setAttribute("aria-controls", list.id);
  let timer = 0;
  let active = -1;
  let found = [];
  let asked = 0;

  function close() {
    list.hidden = true;
    active = -1;
    text.setAttribute("aria-expanded", "false");
    text.removeAttribute("aria-activedescendant");
  }

  function choose(result) {
    id.value = result.id;
    text.value = result.code && !result.label.includes(result.code) ? `${result.code} ${result.label}` : result.label;
    if (was) was.value = text.value;
    close();
    chosen(result);
    text.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function highlight(next) {
    const items = [...list.querySelectorAll('[role="option"]')];
    active = (next + items.length) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === active)));
    text.setAttribute("aria-activedescendant", items[active].id);
    items[active].scrollIntoView({ block: "nearest" });
  }

  function show() {
    list.replaceChildren(...found.map((result, at) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${at}`;
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.textContent = [result.code, result.label].filter(Boolean).join(" ");
      if (result.note) {
        const note = document.createElement("small");
        note.textContent = result.note;
        item.append(note);
      }
      item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(result); });
      return item;
    }));
    if (!found.length) {
      const none = document.createElement("li");
      none.className = "picker-none";
      none.textContent = "没有找到，换个写法试试";
      list.append(none);
    }
    list.hidden = false;
    active = -1;
    text.setAttribute("aria-expanded", "true");
  }

  async function ask() {
    const query = text.value.trim();
    if (!query) return close();
    const mine = (asked += 1);
    const address = new URL(url, location.href);
    address.searchParams.set("q", query);
    if (role) address.searchParams.set("role", role);
    const { site } = picker.closest("[data-site]")?.dataset ?? {};
    if (site) address.searchParams.set("site", site); // the work may be at another site than the person
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" } });
      if (!answer.ok || mine !== asked) return undefined;
      found = (await answer.json()).results;
      if (document.activeElement === text) show();
    } catch {
      close(); // offline: what is typed is still sent with the form
    }
    return undefined;
  }

  text.addEventListener("input", () => {
    id.value = "";
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  text.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) ask();
      else if (found.length) highlight(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter" && !list.hidden && found.length) {
      event.preventDefault();
      choose(found[Math.max(active, 0)]);
    } else if (event.key === "Escape") close();
  });
  text.addEventListener("blur", () => setTimeout(close, 120));
}

// Several people: each choice becomes a chip with a field of its own, and the box is free for the next.
function gather(picker) {
  const chips = picker.querySelector("[data-picker-chips]");
  const text = picker.querySelector("[data-picker-text]");
  const said = picker.querySelector("[data-picker-said]");
  const { name } = picker.dataset;
  const ids = () => [...chips.querySelectorAll("[type=checkbox]")].map((field) => field.value);
  const changed = () => text.dispatchEvent(new Event("change", { bubbles: true }));

  function add(id, label) {
    if (ids().includes(String(id))) return;
    const chip = picker.querySelector("template").content.cloneNode(true);
    chip.querySelector("[type=checkbox]").value = id;
    chip.querySelector("[type=hidden]").value = label;
    chip.querySelector("span").textContent = label;
    chip.querySelector("button").setAttribute("aria-label", `去掉${label}`);
    chips.append(chip);
  }

  chips.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const chip = button.closest("li");
    said.textContent = `已去掉${chip.querySelector("span").textContent}，还有 ${ids().length - 1} 人`;
    chip.remove();
    changed();
    text.focus();
  });
  picker.closest("form")?.addEventListener("bihuan:restore", (event) => {
    const kept = (field) => event.detail.filter(([key]) => key === field).map(([, value]) => value);
    const labels = kept(`${name}-name`);
    chips.replaceChildren();
    kept(name).forEach((id, at) => add(id, labels[at] ?? ""));
  });
  return (result) => {
    picker.querySelector("[data-picker-id]").value = "";
    text.value = "";
    add(result.id, result.label);
    said.textContent = `已选${result.label}，共 ${ids().length} 人`;
  };
}

export function start() {
  const all = () => {
    for (const picker of document.querySelectorAll("[data-picker]:not([data-ready])")) {
      if (!picker.querySelector("[data-picker-text]")) continue;
      const { url, role } = picker.dataset;
      attach(picker, { url, role, ...("pickerMany" in picker.dataset && { chosen: gather(picker) }) });
    }
  };
  all();
  document.addEventListener("htmx:afterSettle", all);
}
