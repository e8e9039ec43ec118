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

  // Only the ink with a margin, at most 1200 pixels wide: the same look on every device, and small.
  function trimmed() {
    const points = pad.toData().flatMap((stroke) => stroke.points);
    const [xs, ys] = [points.map((point) => point.x), points.map((point) => point.y)];
    const ratio = canvas.width / canvas.offsetWidth;
    const [left, top] = [Math.max(Math.min(...xs) - 24, 0), Math.max(Math.min(...ys) - 24, 0)];
    const width = Math.max(Math.min(Math.max(...xs) + 24, canvas.offsetWidth) - left, 160);
    const height = Math.max(Math.min(Math.max(...ys) + 24, canvas.offsetHeight) - top, 60);
    const scale = Math.min(ratio, 1200 / width);
    const out = document.createElement("canvas");
    out.width = width * scale;
    out.height = height * scale;
    out.getContext("2d").drawImage(canvas, left * ratio, top * ratio, width * ratio, height * ratio, 0, 0, out.width, out.height);
    return out;
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
    const out = trimmed();
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
