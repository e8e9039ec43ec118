// Shows what was photographed before it is sent, and lets one take a picture back. Long sides are shrunk to 2000 px.
const LONGEST = 2000;

async function shrink(file) {
  if (file.size < 1_500_000) return file;
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => { canvas.toBlob(done, "image/jpeg", 0.86); });
    return blob && blob.size < file.size ? new File([blob], file.name.replace(/\.\w+$/, ".jpg"), { type: "image/jpeg" }) : file;
  } catch {
    return file; // not a picture this browser reads; the server says what is wrong with it
  }
}

function attach(box) {
  if (box.dataset.ready) return;
  box.dataset.ready = "true";
  const input = box.querySelector("[data-photos-input]");
  const list = box.querySelector("[data-photos-list]");
  let files = [];

  function show() {
    const all = new DataTransfer();
    files.forEach((file) => all.items.add(file));
    input.files = all.files;
    list.replaceChildren(...files.map((file, at) => {
      const item = document.createElement("li");
      const image = document.createElement("img");
      image.alt = `第 ${at + 1} 张照片`;
      image.src = URL.createObjectURL(file);
      image.addEventListener("load", () => URL.revokeObjectURL(image.src));
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "icon-button";
      remove.setAttribute("aria-label", `删除第 ${at + 1} 张照片`);
      remove.textContent = "✕";
      remove.addEventListener("click", () => { files.splice(at, 1); show(); });
      item.append(image, remove);
      return item;
    }));
  }

  input.addEventListener("change", async () => {
    const added = await Promise.all([...input.files].map(shrink));
    files = [...files, ...added].slice(0, Number(box.dataset.most));
    show();
  });
}

export function start() {
  const all = () => document.querySelectorAll("[data-photos]").forEach(attach);
  all();
  document.addEventListener("htmx:afterSettle", all);
}
