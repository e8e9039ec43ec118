// "/" searches, j and k walk through a list, Enter opens, Ctrl+Enter completes the form, "?" shows all this.
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open]");

function move(step) {
  const rows = [...document.querySelectorAll("[data-list] [data-row]")].filter((row) => row.offsetParent !== null);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function complete(event) {
  const form = event.target.closest("form") ?? document.querySelector("form[data-draft]");
  const button = form?.querySelector('.form-actions [type="submit"], .button-primary[type="submit"]');
  if (button) {
    event.preventDefault();
    form.requestSubmit(button);
  }
}

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return complete(event);
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return undefined;
    if (event.key === "/") {
      const search = document.getElementById("search");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (event.key === "?") document.getElementById("shortcuts")?.showModal();
    else if (event.key === "Enter" && event.target.matches?.("[data-row]")) event.target.querySelector("[data-open]")?.click();
    return undefined;
  });
  const search = document.getElementById("search");
  const results = document.getElementById("search-results");
  search?.addEventListener("keydown", (event) => {
    const links = [...results.querySelectorAll("a")];
    if (event.key === "ArrowDown" && links.length) {
      event.preventDefault();
      links[0].focus();
    } else if (event.key === "Escape") {
      results.replaceChildren();
      search.blur();
    }
  });
  results?.addEventListener("keydown", (event) => {
    const links = [...results.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      (event.key === "ArrowDown" ? links[at + 1] : links[at - 1] ?? search)?.focus();
    } else if (event.key === "Escape") {
      results.replaceChildren();
      search.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (results && !event.target.closest(".search")) results.replaceChildren();
  });
}
