// Menus (details), dialogs, messages: closing on Escape and outside clicks, arrow keys inside.
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (menu !== except) menu.open = false;
}

export function toast(text, tone = "ok") {
  // An urgent notice leads to the notices; a message about what was just done leads nowhere.
  const line = document.createElement(tone === "urgent" ? "a" : "div");
  line.className = `toast toast-${tone}`;
  line.textContent = text;
  if (tone === "urgent") line.href = "/notices?unread=1";
  document.getElementById("toasts").append(line);
  fade(line);
}

function fade(line) {
  setTimeout(() => line.remove(), line.matches(".toast-bad, .toast-urgent") ? 12000 : 6000);
  line.addEventListener("click", () => line.remove());
}

function offline() {
  toast("没有连上服务器，已填的内容保留在本机，请稍后再试。", "bad");
}

export function start() {
  document.addEventListener("click", (event) => {
    closeMenus(event.target.closest("details[data-menu]"));
    const opener = event.target.closest("[data-open-dialog]");
    if (opener) document.getElementById(opener.dataset.openDialog)?.showModal();
    if (event.target.closest("[data-close-dialog]")) event.target.closest("dialog").close();
    if (event.target.closest("[data-back]")) history.back();
    if (event.target.closest("[data-print]")) print();
    if (event.target instanceof HTMLDialogElement && event.target.classList.contains("dialog")) event.target.close();
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest?.("details[data-menu]");
    if (event.key === "Escape") {
      const open = menu ?? document.querySelector("details[data-menu][open]");
      closeMenus(null);
      open?.querySelector("summary")?.focus();
    } else if (menu?.open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const items = [...menu.querySelectorAll(".menu-item, .sheet-item")].filter((item) => item.offsetParent);
      const at = items.indexOf(document.activeElement);
      const next = event.key === "ArrowDown" ? at + 1 : at - 1;
      items[(next + items.length) % items.length]?.focus();
    }
  });
  document.addEventListener("toast", (event) => toast(event.detail.text, event.detail.tone));
  document.addEventListener("htmx:sendError", offline);
  document.addEventListener("htmx:timeout", offline);
  document.addEventListener("htmx:responseError", (event) => {
    if (!event.detail.xhr.getResponseHeader("HX-Trigger")) toast("服务器没有完成这个操作，没有保存任何改动。", "bad");
  });
  document.querySelectorAll("[data-toast]").forEach(fade);
  document.querySelector("[data-error-summary]")?.focus();
  // One click is one submission: the button rests while the answer is on its way.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.classList.contains("is-sending")) event.preventDefault();
    form.classList.add("is-sending");
    setTimeout(() => form.classList.remove("is-sending"), 8000);
  });
  addEventListener("pageshow", () => document.querySelectorAll(".is-sending").forEach((form) => form.classList.remove("is-sending")));
}
