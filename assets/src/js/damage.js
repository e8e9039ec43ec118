// Damage marks: tap the outline, or choose a region by keyboard; numbers on the picture follow the list.
import { takeRows } from "./rows.js";

const SVG = "http://www.w3.org/2000/svg";

function attach(box) {
  if (box.dataset.ready) return;
  box.dataset.ready = "true";
  const outline = box.querySelector("[data-outline]");
  const marks = outline.querySelector("[data-marks]");
  const list = box.querySelector("[data-damage-rows]");
  const template = box.querySelector("[data-damage-template]");
  const regions = JSON.parse(box.dataset.regions);
  let serial = list.children.length;

  const rows = () => [...list.querySelectorAll("[data-damage-row]:not([data-spare])")];
  const nearest = (x, y) => Object.entries(regions)
    .map(([name, [rx, ry]]) => [name, (rx - x) ** 2 * 4 + (ry - y) ** 2])
    .sort((one, other) => one[1] - other[1])[0][0];

  function draw() {
    marks.replaceChildren(...rows().map((row, at) => {
      row.querySelector("[data-damage-number]").textContent = at + 1;
      row.querySelector("[data-damage-remove]")?.removeAttribute("hidden");
      const [x, y] = [Number(row.querySelector("[data-x]").value), Number(row.querySelector("[data-y]").value)];
      const group = document.createElementNS(SVG, "g");
      group.setAttribute("class", "outline-mark");
      const circle = document.createElementNS(SVG, "circle");
      circle.setAttribute("cx", x * 440);
      circle.setAttribute("cy", y * 220);
      circle.setAttribute("r", 11);
      const text = document.createElementNS(SVG, "text");
      text.setAttribute("x", x * 440);
      text.setAttribute("y", y * 220 + 4.5);
      text.setAttribute("text-anchor", "middle");
      text.textContent = at + 1;
      group.append(circle, text);
      return row.querySelector("[data-x]").value === "" ? document.createElementNS(SVG, "g") : group;
    }));
  }

  function add(x, y, region) {
    const row = template.content.firstElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("[name]")) input.name = input.name.replace("-__-", `-${serial}-`);
    serial += 1;
    list.append(row);
    if (x !== undefined) {
      row.querySelector("[data-x]").value = x.toFixed(3);
      row.querySelector("[data-y]").value = y.toFixed(3);
      row.querySelector("[data-region]").value = region;
    }
    draw();
    return row;
  }

  box.closest("form")?.addEventListener("bihuan:restore", (event) => {
    if (template) serial = Math.max(serial, takeRows(list, box.dataset.key, event.detail, add));
    setTimeout(draw);
  });
  if (!template) return draw();
  box.classList.add("is-tappable");
  list.querySelectorAll("[data-spare]").forEach((row) => row.remove());
  box.querySelectorAll("[data-damage-add], [data-damage-hint]").forEach((element) => { element.hidden = false; });
  outline.addEventListener("click", (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(outline.getScreenCTM().inverse());
    const [x, y] = [Math.min(Math.max(point.x / 440, 0), 1), Math.min(Math.max(point.y / 220, 0), 1)];
    add(x, y, nearest(x, y));
    list.dispatchEvent(new Event("change", { bubbles: true }));
  });
  box.querySelector("[data-damage-add]").addEventListener("click", () => add().querySelector("[data-region]").focus());
  list.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-region]") && regions[event.target.value]) {
      const row = event.target.closest("[data-damage-row]");
      [row.querySelector("[data-x]").value, row.querySelector("[data-y]").value] = regions[event.target.value];
      draw();
    }
  });
  list.addEventListener("click", (event) => {
    if (!event.target.closest("[data-damage-remove]")) return;
    event.target.closest("[data-damage-row]").remove();
    draw();
    list.dispatchEvent(new Event("change", { bubbles: true }));
  });
  return draw();
}

const all = () => document.querySelectorAll("[data-damage]").forEach(attach);
all();
document.addEventListener("htmx:afterSettle", all);
