// What every page needs. Each behaviour is one file; pages work without any of them.
import { start as bell } from "./bell.js";
import { start as conditions } from "./conditions.js";
import { start as countdown } from "./countdown.js";
import { start as diagrams } from "./diagrams.js";
import { start as drafts } from "./drafts.js";
import { start as keyboard } from "./keyboard.js";
import { start as menus } from "./menus.js";
import { start as photos } from "./photos.js";
import { start as picker } from "./picker.js";

function ticks() {
  for (const button of document.querySelectorAll("[data-tick-all]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-tick-all]");
    if (!button) return;
    for (const input of button.parentElement.querySelectorAll('input[type="checkbox"]')) input.checked = true;
    button.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// A long chain of steps opens at the present one.
function steps() {
  for (const chain of document.querySelectorAll("[data-steps]")) {
    const present = chain.querySelector('[aria-current="step"]');
    if (present) chain.scrollLeft = present.offsetLeft - chain.offsetLeft - 40;
  }
}

bell();
countdown();
steps();
diagrams();
picker(); // before a draft puts its people back
drafts();
conditions();
menus();
keyboard();
photos();
ticks();
