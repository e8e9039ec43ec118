// The diagram of a process: where we are is lit, where we were is ticked with person and time, what is late is red.
import NavigatedViewer from "bpmn-js/lib/NavigatedViewer";
import "diagram-js/assets/diagram-js.css";
import "bpmn-js/dist/assets/bpmn-js.css";
import "../css/diagram/marks.css";

function flag(entry) {
  const box = document.createElement("div");
  box.className = `node-flag node-flag-${entry.state}`;
  const lines = {
    done: [entry.who, entry.at], late: [entry.note ?? "超时", entry.who], current: [entry.note, entry.who],
    added: ["新增"], removed: ["去掉"], changed: [entry.note],
  }[entry.state] ?? [];
  const mark = document.createElement("b");
  mark.textContent = { done: "✓", late: "!", current: "▸", added: "＋", removed: "－", changed: "≠" }[entry.state] ?? "";
  box.append(mark, [...lines].filter(Boolean).join(" "));
  return box;
}

const SVG = "http://www.w3.org/2000/svg";

function shape(name, attributes, parent) {
  const found = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  parent.append(found);
  return found;
}

// What was sent back: a dashed arrow over the diagram. The page says the same in words under it.
function drawReturns(layer, registry, returns) {
  const words = document.createElementNS(SVG, "g");
  words.setAttribute("class", "diagram-return");
  words.setAttribute("aria-hidden", "true");
  for (const { from, to, times } of returns) {
    const [source, target] = [registry.get(drawnId(from)), registry.get(drawnId(to))];
    if (!source || !target) continue;
    const [x1, x2] = [source.x + source.width / 2 - 8, target.x + target.width / 2 + 8];
    const height = Math.min(source.y, target.y) - 30 - Math.min(90, Math.abs(x1 - x2) / 8);
    const group = shape("g", { class: "diagram-return", "aria-hidden": "true" }, layer);
    shape("path", { d: `M${x1},${source.y} C${x1},${height} ${x2},${height} ${x2},${target.y - 2}` }, group);
    shape("path", { class: "diagram-return-tip", d: `M${x2 - 5},${target.y - 10} L${x2},${target.y - 1} L${x2 + 5},${target.y - 10} Z` }, group);
    const middle = (source.y + target.y) / 8 + height * 0.75;
    shape("text", { x: (x1 + x2) / 2, y: middle - 5, "text-anchor": "middle" }, words).textContent = `退回 ${times} 次`;
  }
  // Words lie over all arrows.
  layer.append(words);
}

// Who is told (抄送): an envelope at the upper right of the element, how many beside it, and all of it in words. What the whole
// process tells stands at its pool, else at its beginning.
function drawCopies(figure, overlays, registry, copies) {
  if (copies.length) figure.querySelector(".legend-copies")?.removeAttribute("hidden");
  const whole = registry.filter((one) => one.type === "bpmn:Participant")[0] ?? registry.filter((one) => one.type === "bpmn:StartEvent" && !one.labelTarget)[0];
  for (const { node, label, text } of copies) {
    const element = node ? registry.get(drawnId(node)) : whole;
    if (!element) continue;
    const box = document.createElement("div");
    box.className = "node-copies";
    box.title = text;
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", text);
    const envelope = shape("svg", { viewBox: "0 0 14 10", width: 14, height: 10, "aria-hidden": "true" }, box);
    shape("path", { d: "M.7.7h12.6v8.6H.7zM.7 1 7 5.8 13.3 1" }, envelope);
    box.append(label);
    overlays.add(element, "copies", { position: { top: -9, right: 24 }, html: box, show: { minZoom: 0.3 } });
  }
}

// The viewer leaves out what has an id like “打蜡”, though BPMN allows it: it is given others to draw.
const DRAWN = /^[a-z_][\w.-]*$/i;
const drawnId = (id) => (DRAWN.test(id) ? id : `_${[...id].map((one) => (/\w/.test(one) ? one : `${one.codePointAt(0).toString(16)}_`)).join("")}`);

function withDrawnIds(xml) {
  const model = new DOMParser().parseFromString(xml, "application/xml");
  const all = [...model.getElementsByTagName("*")];
  const ids = new Set(all.map((element) => element.getAttribute("id")).filter((id) => id && !DRAWN.test(id)));
  if (!ids.size) return xml;
  for (const element of all) {
    for (const attribute of element.attributes) {
      if (attribute.name !== "name" && ids.has(attribute.value)) attribute.value = drawnId(attribute.value);
    }
    if (/(Ref|incoming|outgoing)$/.test(element.localName) && ids.has(element.textContent.trim())) element.textContent = drawnId(element.textContent.trim());
  }
  return new XMLSerializer().serializeToString(model);
}

async function draw(figure) {
  if (figure.dataset.ready) return;
  figure.dataset.ready = "true";
  const container = figure.querySelector("[data-canvas]");
  const [xml, state] = await Promise.all([
    fetch(figure.dataset.xml).then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status))))),
    figure.dataset.marks ? { nodes: JSON.parse(figure.dataset.marks) } : figure.dataset.state ? fetch(figure.dataset.state, { headers: { Accept: "application/json" } }).then((answer) => answer.json()) : { nodes: {} },
  ]);
  container.replaceChildren();
  const viewer = new NavigatedViewer({ container, bpmnRenderer: { defaultStrokeColor: "#47525c", defaultFillColor: "#ffffff", defaultLabelColor: "#161b20" } });
  await viewer.importXML(withDrawnIds(xml));
  const [canvas, overlays, registry] = ["canvas", "overlays", "elementRegistry"].map((name) => viewer.get(name));
  const present = [];
  for (const [id, entry] of Object.entries(state.nodes ?? {})) {
    const element = registry.get(drawnId(id));
    if (!element || (element.waypoints && !figure.dataset.marks)) continue;
    canvas.addMarker(element, `is-${entry.state}`);
    if (element.waypoints) continue;
    if (entry.state !== "done") present.push(element);
    // Who and when stand at the work only: at gateways and events they would cover their names.
    if (entry.state !== "done" || (entry.who && /(Task|SubProcess|CallActivity|Transaction)$/.test(element.type))) overlays.add(element, { position: { bottom: 2, left: 0 }, html: flag(entry), show: { minZoom: 0.45 } });
  }

  drawCopies(figure, overlays, registry, figure.dataset.copies ? JSON.parse(figure.dataset.copies) : (state.copies ?? []));
  drawReturns(canvas.getLayer("returns", 2), registry, state.returns ?? []);

  const fit = () => canvas.zoom("fit-viewport", "auto");
  const shown = () => ({ width: container.clientWidth, height: container.clientHeight });
  // A process nobody is in opens at its beginning, large enough to read, the lane names at the left edge.
  function beginning() {
    const starts = registry.filter((element) => element.type === "bpmn:StartEvent" && !element.labelTarget);
    const [first] = starts.sort((one, other) => one.x - other.x);
    const scale = container.clientWidth < 600 ? 0.85 : 0.72;
    if (!first || canvas.zoom() >= scale) return;
    const { inner } = canvas.viewbox();
    const size = { width: shown().width / scale, height: shown().height / scale };
    const middle = first.y + first.height / 2 - size.height / 2;
    const y = inner.height < size.height ? inner.y - (size.height - inner.height) / 2 : Math.max(inner.y - 20, middle);
    canvas.viewbox({ x: inner.x - 20, y, ...size });
  }
  function current() {
    fit();
    if (!present.length) {
      beginning();
      return;
    }
    const { x, y, width, height } = present[0];
    const scale = Math.max(canvas.zoom(), container.clientWidth < 600 ? 0.85 : 0.72);
    const size = { width: shown().width / scale, height: shown().height / scale };
    canvas.viewbox({ x: x + width / 2 - size.width / 2, y: y + height / 2 - size.height / 2, ...size });
  }
  current();
  figure.addEventListener("click", (event) => {
    const step = event.target.closest("[data-zoom]")?.dataset.zoom;
    if (step === "fit") fit();
    else if (step === "current") current();
    else if (step) canvas.zoom(canvas.zoom() * (step === "in" ? 1.25 : 0.8));
  });
  container.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (step) {
      event.preventDefault();
      canvas.scroll({ dx: step[0], dy: step[1] });
    } else if (event.key === "+" || event.key === "=") canvas.zoom(canvas.zoom() * 1.25);
    else if (event.key === "-") canvas.zoom(canvas.zoom() * 0.8);
  });
}

function failed(figure, error) {
  const canvas = figure.querySelector("[data-canvas]");
  canvas.classList.add("diagram-none");
  canvas.textContent = /no diagram/.test(error?.message) ? "这个流程的文件里没有画图，步骤照常办理。" : "流程图暂时打不开，不影响办理。";
}

const all = () => document.querySelectorAll("[data-diagram]").forEach((figure) => draw(figure).catch((error) => failed(figure, error)));
all();
document.addEventListener("htmx:afterSettle", all);
