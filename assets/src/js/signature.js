// Signing on the screen: full screen on touch, shows what is signed with its sums, name and time under it.
import SignaturePad from "signature_pad";

const clock = () => new Date().toLocaleString("zh-CN", { hour12: false, dateStyle: "medium", timeStyle: "short" });

function summary(box) {
  const given = box.querySelector("[data-signature-what]");
  if (given) return given.cloneNode(true);
  const totals = box.closest("form")?.querySelector("[data-totals]");
  return totals ? totals.cloneNode(true) : null;
}

function attach(box) {
  if (box.dataset.ready) return;
  box.dataset.ready = "true";
  const find = (name) => box.querySelector(`[data-signature-${name}]`);
  const dialog = box.querySelector("dialog");
  const canvas = find("canvas");
  const pad = new SignaturePad(canvas, { penColor: "#161b20", minWidth: 1.2, maxWidth: 3.2 });
  const open = find("open");
  open.hidden = false;

  function fit() {
    const ratio = Math.max(devicePixelRatio || 1, 1);
    const kept = pad.toData();
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.clear();
    pad.fromData(kept);
  }

  function preview() {
    const shown = box.querySelector(".signature-preview");
    const context = shown.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, shown.width, shown.height);
    const image = new Image();
    image.addEventListener("load", () => {
      const scale = Math.min(shown.width / image.width, shown.height / image.height);
      context.drawImage(image, (shown.width - image.width * scale) / 2, (shown.height - image.height * scale) / 2, image.width * scale, image.height * scale);
    });
    image.src = find("value").value;
    find("preview").hidden = false;
    find("who").textContent = find("signer").value || "签名人未填";
    find("when").textContent = clock();
    open.querySelector("span").textContent = "重新签名";
  }

  open.addEventListener("click", () => {
    find("summary").replaceChildren(...[summary(box)].filter(Boolean));
    find("signer-shown").textContent = find("signer").value ? `签名人：${find("signer").value}` : "";
    find("time").textContent = clock();
    dialog.showModal();
    fit();
  });
  find("clear").addEventListener("click", () => pad.clear());
  find("cancel").addEventListener("click", () => dialog.close());
  find("done").addEventListener("click", () => {
    if (pad.isEmpty()) {
      find("time").textContent = "还没有签名";
      return;
    }
    // Drawn again at one pixel a point: the same look on every device, and small.
    const out = document.createElement("canvas");
    const scale = Math.min(1, 1200 / canvas.width);
    out.width = canvas.width * scale;
    out.height = canvas.height * scale;
    out.getContext("2d").drawImage(canvas, 0, 0, out.width, out.height);
    find("value").value = out.toDataURL("image/png");
    dialog.close();
    preview();
    find("value").dispatchEvent(new Event("change", { bubbles: true }));
  });
  find("signer").addEventListener("input", () => { find("who").textContent = find("signer").value; });
  addEventListener("resize", () => { if (dialog.open) fit(); });
  if (find("value").value) preview();
}

const all = () => document.querySelectorAll("[data-signature]").forEach(attach);
all();
document.addEventListener("htmx:afterSettle", all);
