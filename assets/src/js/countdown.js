// Live time left: <time class="countdown" data-due="ISO" data-warn="ISO">. The server's clock counts, not this device's.
const SOON = 10 * 60 * 1000;
let offset = 0;

export function span(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  if (seconds < 60) return `${seconds} 秒`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} 分`;
  const [big, small, size] = minutes < 1440 ? ["时", "分", 60] : ["天", "时", 1440];
  const rest = size === 60 ? minutes % 60 : Math.floor(minutes / 60) % 24;
  return `${Math.floor(minutes / size)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}

function paint(element, now) {
  const due = Date.parse(element.dataset.due);
  if (Number.isNaN(due)) return;
  const warn = element.dataset.warn ? Date.parse(element.dataset.warn) : due - SOON;
  const state = due < now ? "late" : now >= warn ? "soon" : "ok";
  const text = `${due < now ? "超时" : "还剩"} ${span(due - now)}`;
  const target = element.querySelector("[data-text]");
  if (target.textContent !== text) target.textContent = text;
  for (const name of ["ok", "soon", "late"]) element.classList.toggle(`countdown-${name}`, name === state);
}

function tick() {
  const now = Date.now() + offset;
  for (const element of document.querySelectorAll("[data-due]")) paint(element, now);
}

export function start() {
  const server = Date.parse(document.body.dataset.now);
  if (!Number.isNaN(server)) offset = server - Date.now();
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:afterSettle", tick);
}
