// Shows and hides fields as their conditions say. Data, not code: ["=", ["name", "x"], "v"]; the server decides again.
function value(tree, names) {
  if (!Array.isArray(tree)) return tree;
  const [operator, ...rest] = tree;
  if (operator === "name") return names.get(rest[0]) ?? null;
  if (operator === "and") return value(rest[0], names) === true && value(rest[1], names) === true;
  if (operator === "or") return value(rest[0], names) === true || value(rest[1], names) === true;
  if (operator === "not") {
    const inner = value(rest[0], names);
    return typeof inner === "boolean" ? !inner : null;
  }
  if (operator === "in") return rest[1].some((choice) => value(choice, names) === value(rest[0], names));
  const [left, right] = [value(rest[0], names), value(rest[1], names)];
  if (operator === "=") return left === right;
  if (operator === "!=") return left !== right;
  if (left === null || right === null || typeof left !== typeof right) return null;
  return { "<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right }[operator];
}

function read(field) {
  const inputs = [...field.querySelectorAll("input, select, textarea")].filter((input) => input.name);
  const first = inputs[0];
  if (!first) return null;
  if (first.type === "radio") return inputs.find((input) => input.checked)?.value ?? null;
  if (first.type === "checkbox" && field.matches(".field-check")) return first.checked;
  if (first.type === "checkbox") return inputs.filter((input) => input.checked).map((input) => input.value);
  if (first.inputMode === "numeric" || first.inputMode === "decimal") return first.value.trim() === "" ? null : Number(first.value.replace(/,/g, ""));
  return first.value === "" ? null : first.value;
}

function apply(section) {
  const names = new Map(Object.entries(JSON.parse(section.dataset.variables || "{}")));
  const fields = [...section.querySelectorAll("[data-field], [data-hide]")];
  for (const field of fields) if (field.dataset.field) names.set(field.dataset.field, level(field, read(field)));
  for (const field of fields) {
    if (!field.dataset.hide) continue;
    const hidden = JSON.parse(field.dataset.hide).some((condition) => value(condition, names) === true);
    field.hidden = hidden;
    field.removeAttribute("data-hidden-first");
    if (hidden && field.dataset.field) names.set(field.dataset.field, null);
  }
  for (const group of section.querySelectorAll(".form-section")) {
    group.hidden = [...group.querySelectorAll(".form-grid > *")].every((field) => field.hidden);
  }
}

// Levels of satisfaction are numbers to conditions.
const level = (field, found) => (field.querySelector(".levels") && found !== null ? Number(found) : found);

export function start() {
  const all = () => document.querySelectorAll("[data-form-fields]").forEach(apply);
  all();
  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      const form = event.target.closest?.("form") ?? event.target;
      form.querySelectorAll?.("[data-form-fields]").forEach(apply);
    });
  }
  document.addEventListener("htmx:afterSettle", all);
}
