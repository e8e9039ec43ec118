// The appointment board: a card is dragged to a slot, which opens the same dialog the keyboard reaches; full slots say so first.
let dragged = null;

function slotOf(event) {
  return event.target.closest?.("[data-slot]");
}

function full(slot) {
  return Number(slot.dataset.free) < 1 && slot.dataset.slot !== dragged.dataset.from;
}

function clear() {
  for (const slot of document.querySelectorAll(".lane-target, .lane-refused")) slot.classList.remove("lane-target", "lane-refused");
}

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-card]") ?? null;
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.card);
  dragged.classList.add("is-dragged");
});

document.addEventListener("dragover", (event) => {
  const slot = dragged && slotOf(event);
  if (!dragged) return;
  clear();
  if (!slot) return;
  slot.classList.add(full(slot) ? "lane-refused" : "lane-target");
  if (full(slot)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "move";
});

document.addEventListener("drop", (event) => {
  const slot = dragged && slotOf(event);
  if (!slot || full(slot) || slot.dataset.slot === dragged.dataset.from) return;
  event.preventDefault();
  const address = new URL(dragged.dataset.href, location.href);
  address.searchParams.set("day", slot.dataset.day);
  address.searchParams.set("slot", slot.dataset.slot);
  document.getElementById("booking").showModal();
  htmx.ajax("GET", address.pathname + address.search, { target: "#booking-body" });
});

document.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
  clear();
});

// The board does not change under a hand that is moving a card, nor behind an open dialog.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.matches("[data-board]") && (dragged || document.querySelector("dialog[open]"))) event.preventDefault();
});

for (const input of document.querySelectorAll("input[data-go]")) {
  input.addEventListener("change", () => input.value && input.form.requestSubmit());
}

// On a phone the week is wider than the screen: the chosen day comes into view.
function showDay() {
  for (const week of document.querySelectorAll(".week")) {
    const day = week.querySelector('[aria-current="date"]');
    if (day) week.scrollLeft = day.offsetLeft - week.offsetLeft - 40;
  }
}
showDay();
document.addEventListener("htmx:afterSettle", showDay);
