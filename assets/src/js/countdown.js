// Live time left: <time class="countdown" data-due="ISO" data-warn="ISO"><span data-text>…; data-since counts up.
// One timer for all of a page, no request per row. The server's clock counts: its moment at load is carried on by a
// steady clock, so that setting this device's clock changes nothing, and put right from the answers that come anyway.
const SOON = 10 * 60 * 1000;
const WORDS = { ok: "还剩", soon: "仅剩", late: "超时" };
const ANSWER_IS_FRESH = 2000;
let server = Date.now();
let steady = performance.now();
let device = Date.now();

function now() {
  return server + performance.now() - steady;
}

function set(moment) {
  server = moment;
  steady = performance.now();
  device = Date.now();
}

export function span(milliseconds) {
  const seconds = Math.abs(Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds} 秒`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} 分`;
  const [big, small, size] = minutes < 1440 ? ["时", "分", 60] : ["天", "时", 1440];
  const rest = size === 60 ? minutes % 60 : Math.floor(minutes / 60) % 24;
  return `${Math.floor(minutes / size)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}

function write(element, text) {
  const target = element.querySelector("[data-text]") ?? element;
  if (target.textContent !== text) target.textContent = text;
}

function paint(element, moment) {
  if (element.dataset.since) {
    write(element, span(Math.max(0, moment - Date.parse(element.dataset.since))));
    return;
  }
  const due = Date.parse(element.dataset.due);
  if (Number.isNaN(due)) return;
  const warn = element.dataset.warn ? Date.parse(element.dataset.warn) : due - SOON;
  const state = due < moment ? "late" : moment >= warn ? "soon" : "ok";
  write(element, `${WORDS[state]} ${span(due - moment)}`);
  for (const name of ["ok", "soon", "late"]) element.classList.toggle(`countdown-${name}`, name === state);
}

function tick() {
  if (document.hidden) return;
  const moment = now();
  for (const element of document.querySelectorAll("[data-due], [data-since]")) paint(element, moment);
  for (const element of document.querySelectorAll("[data-clock]")) {
    const zone = { timeZone: element.dataset.clock, hour: "2-digit", minute: "2-digit", hour12: false };
    write(element, new Date(moment).toLocaleTimeString("zh-CN", zone));
  }
}

// Answers name their moment to the second: good enough against a device that slept, too coarse to touch a good clock.
function heard(date) {
  const moment = Date.parse(date ?? "") + 500;
  if (!Number.isNaN(moment) && Math.abs(moment - now()) > ANSWER_IS_FRESH) set(moment);
}

// After sleep the steady clock may have stood still: the two clocks of the device then disagree, and the server is asked.
async function awake() {
  const slept = Math.abs(Date.now() - device - (performance.now() - steady)) > ANSWER_IS_FRESH;
  if (document.hidden || !slept) return tick();
  try {
    heard((await fetch("/healthz", { method: "HEAD", cache: "no-store" })).headers.get("Date"));
    device = Date.now() - (performance.now() - steady);
  } catch {
    // Offline: the next answer puts it right.
  }
  tick();
}

export function start() {
  const told = Date.parse(document.body.dataset.now);
  if (!Number.isNaN(told)) set(told);
  tick();
  setInterval(awake, 1000);
  document.addEventListener("visibilitychange", awake);
  document.addEventListener("htmx:afterRequest", (event) => heard(event.detail.xhr?.getResponseHeader("Date")));
  document.addEventListener("htmx:afterSettle", tick);
}
