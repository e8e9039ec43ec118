// Nothing typed is ever lost: a form with data-draft keeps its entries on this device until it was accepted.
const PREFIX = "bihuan:draft:";
const SENT = "bihuan:draft-sent";
const KEEP = 14 * 24 * 3600 * 1000;

const skipped = (element) => !element.name || element.name === "csrfmiddlewaretoken" || element.type === "file" ||
  element.type === "password" || element.hasAttribute("data-no-draft");

// As the server drew it, whatever was typed into it since.
function drawnValue(element) {
  if (!element.options) return element.defaultValue ?? element.value;
  const options = [...element.options];
  return (options.find((option) => option.defaultSelected) ?? options[0])?.value ?? "";
}

function read(form, drawn = false) {
  const entries = [];
  for (const element of form.elements) {
    if (skipped(element) || element.disabled || ["submit", "button"].includes(element.type)) continue;
    if (["checkbox", "radio"].includes(element.type)) {
      if (drawn ? element.defaultChecked : element.checked) entries.push([element.name, element.value]);
    } else entries.push([element.name, drawn ? drawnValue(element) : element.value]);
  }
  return entries;
}

const same = (some, others) => JSON.stringify([...some].sort()) === JSON.stringify([...others].sort());

function store(action) {
  try {
    return action(localStorage);
  } catch {
    return null; // storage switched off or full: the form works without drafts
  }
}

function write(form, entries) {
  form.dispatchEvent(new CustomEvent("bihuan:restore", { detail: entries }));
  const byName = new Map();
  for (const [name, value] of entries) byName.set(name, [...(byName.get(name) ?? []), value]);
  for (const element of form.elements) {
    if (skipped(element)) continue;
    const values = byName.get(element.name);
    if (["checkbox", "radio"].includes(element.type)) element.checked = Boolean(values?.includes(element.value));
    else if (values) element.value = values.shift() ?? element.value;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

const key = (form) => PREFIX + (document.body.dataset.user ?? "") + form.dataset.draft;

function note(form, fresh) {
  const line = document.createElement("p");
  line.className = "draft-note";
  line.setAttribute("role", "status");
  line.textContent = "已恢复上次没有提交的内容。";
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "link";
  drop.textContent = "放弃，用系统内容";
  drop.addEventListener("click", () => {
    store((storage) => storage.removeItem(key(form)));
    write(form, fresh);
    line.remove();
  });
  line.append(drop);
  form.prepend(line);
}

// What the person changed stays theirs; what they had left alone follows the system (a customer registered meanwhile).
function merged(kept, fresh) {
  if (!kept.fresh) return kept.entries;
  const group = (entries) => {
    const found = new Map();
    for (const [name, value] of entries) found.set(name, `${found.get(name) ?? ""}\n${value}`);
    return found;
  };
  const [before, typed] = [group(kept.fresh), group(kept.entries)];
  const touched = (name) => before.get(name) !== typed.get(name);
  const now = new Map();
  for (const entry of fresh) now.set(entry[0], [...(now.get(entry[0]) ?? []), entry]);
  // In the order in which it was kept: rows are built again one after the other.
  const result = [];
  for (const entry of kept.entries) {
    if (touched(entry[0])) result.push(entry);
    else {
      result.push(...(now.get(entry[0]) ?? []));
      now.delete(entry[0]);
    }
  }
  for (const [name, entries] of now) if (!touched(name)) result.push(...entries);
  return result;
}

function watch(form) {
  if (form.dataset.draftReady) return;
  form.dataset.draftReady = "true";
  const fresh = read(form, true);
  // Whoever began to type before this script had come loses nothing, neither to the server's values nor to a draft.
  const early = read(form);
  const isEarly = !same(early, fresh);
  const refused = Boolean(form.querySelector("[data-error-summary]"));
  const kept = store((storage) => JSON.parse(storage.getItem(key(form)) ?? "null"));
  const draft = !refused && kept && Date.now() - kept.at < KEEP ? merged(kept, fresh) : fresh;
  const restored = isEarly ? merged({ entries: early, fresh }, draft) : draft;
  if (!same(restored, early)) {
    write(form, restored);
    note(form, fresh);
  }
  let timer = 0;
  const save = () => store((storage) => storage.setItem(key(form), JSON.stringify({ at: Date.now(), entries: read(form), fresh })));
  const soon = (event) => {
    if (!event.isTrusted && event.target === form) return;
    clearTimeout(timer);
    timer = setTimeout(save, 300);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("submit", () => {
    clearTimeout(timer);
    save();
    store((storage) => storage.setItem(SENT, key(form)));
  });
  if (isEarly) save();
}

// A form was accepted when the page after it is not the same form again and not an error page.
function forgetAccepted() {
  const sent = store((storage) => storage.getItem(SENT));
  if (!sent || document.body.dataset.error) return;
  const again = [...document.querySelectorAll("form[data-draft]")].some((form) => key(form) === sent);
  store((storage) => {
    if (!again) storage.removeItem(sent);
    storage.removeItem(SENT);
  });
}

export function start() {
  forgetAccepted();
  const all = () => document.querySelectorAll("form[data-draft]").forEach(watch);
  all();
  document.addEventListener("htmx:afterSettle", () => { forgetAccepted(); all(); });
}
