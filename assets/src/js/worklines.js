// Work lines and payments: rows added and removed, picked jobs and parts fill their prices, live sums in fen.
import { attach as attachPicker } from "./picker.js";
import { takeRows } from "./rows.js";

const fen = (text) => {
  const number = Number(String(text ?? "").replace(/[,¥\s]/g, ""));
  return Number.isFinite(number) ? Math.round(number * 100) : 0;
};
const yuan = (cents) => `¥${(cents / 100).toLocaleString("zh-CN", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;

function cell(row, column) {
  const input = row.querySelector(`[name$="-${column}"]`);
  return input ? input.value : row.querySelector(`[data-value="${column}"]`)?.dataset.raw ?? "";
}

function put(row, column, value) {
  const input = row.querySelector(`[name$="-${column}"]`);
  if (input && value !== undefined && value !== null && value !== "") input.value = value;
}

function sum(box) {
  let [parts, labour, hours, paid] = [0, 0, 0, 0];
  for (const row of box.querySelectorAll("[data-rows] > [data-row]:not([data-spare])")) {
    const quantity = Number(cell(row, "quantity")) || (cell(row, "part_price_yuan") ? 1 : 0);
    const partsFee = Math.round(fen(cell(row, "part_price_yuan")) * quantity);
    const labourFee = fen(cell(row, "labour_fee_yuan"));
    const counted = cell(row, "decision") !== "declined";
    const output = row.querySelector("[data-row-sum]");
    if (output) output.textContent = partsFee + labourFee ? (counted ? yuan(partsFee + labourFee) : "不做") : "—";
    if (counted) {
      parts += partsFee;
      labour += labourFee;
      hours += Math.round((Number(cell(row, "labour_hours")) || 0) * 100);
    }
    paid += fen(cell(row, "amount_yuan"));
  }
  const texts = { parts: yuan(parts), labour: yuan(labour), hours: `${hours / 100} 工时`, all: yuan(parts + labour), paid: yuan(paid) };
  for (const element of box.querySelectorAll("[data-total]")) element.textContent = texts[element.dataset.total];
}

function fill(row, kind, result) {
  const note = row.querySelector(`[data-line-picker="${kind}"] [data-picker-note]`);
  if (note) note.textContent = result.note ?? "";
  const description = row.querySelector('[name$="-description"]');
  if (description && !description.value) description.value = result.label;
  if (kind === "part") {
    put(row, "part_price_yuan", result.price_yuan);
    if (!cell(row, "quantity")) put(row, "quantity", "1");
  } else {
    put(row, "labour_hours", result.hours);
    put(row, "labour_fee_yuan", result.labour_fee_yuan);
  }
}

function ready(box, row) {
  row.querySelector("[data-remove-row]")?.removeAttribute("hidden");
  for (const picker of row.querySelectorAll("[data-line-picker]")) {
    const kind = picker.dataset.linePicker;
    attachPicker(picker, { url: kind === "job" ? box.dataset.jobUrl : box.dataset.partUrl, chosen: (result) => fill(row, kind, result) });
  }
}

function attach(box) {
  if (box.dataset.ready) return;
  box.dataset.ready = "true";
  const body = box.querySelector("[data-rows]");
  const template = box.querySelector("[data-row-template]");
  let serial = body.children.length;
  const number = () => [...body.children].forEach((row, at) => {
    const shown = row.querySelector("[data-row-number]");
    if (shown) shown.textContent = at + 1;
  });

  function add() {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const element of row.querySelectorAll("[name], [id]")) {
      if (element.name) element.name = element.name.replace("-__-", `-${serial}-`);
      if (element.id) element.id = element.id.replace("-__-", `-${serial}-`);
    }
    serial += 1;
    body.append(row);
    ready(box, row);
    number();
    return row;
  }

  if (template) {
    body.querySelectorAll("[data-spare]").forEach((row) => row.remove());
    const button = box.querySelector("[data-add-row]");
    button.hidden = false;
    button.addEventListener("click", () => add().querySelector("select, input:not([type=hidden])").focus());
    if (!body.querySelector("[data-row]")) add();
    body.addEventListener("click", (event) => {
      if (!event.target.closest("[data-remove-row]")) return;
      event.target.closest("[data-row]").remove();
      if (!body.children.length) add();
      number();
      sum(box);
      body.dispatchEvent(new Event("change", { bubbles: true }));
    });
    box.closest("form")?.addEventListener("bihuan:restore", (event) => {
      serial = Math.max(serial, takeRows(body, box.dataset.key, event.detail, add));
      if (!body.children.length) add();
      number();
      setTimeout(() => sum(box));
    });
  }
  body.querySelectorAll("[data-row]").forEach((row) => ready(box, row));
  box.addEventListener("input", () => sum(box));
  box.addEventListener("change", () => sum(box));
  number();
  sum(box);
}

const all = () => document.querySelectorAll("[data-lines]").forEach(attach);
all();
document.addEventListener("htmx:afterSettle", all);
