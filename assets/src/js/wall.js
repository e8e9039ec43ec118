// A board on the wall: as many rows as fit, the next ones every few seconds, and a word when the server is away.
const ROTATE = 12_000;
const WALL = matchMedia("(min-width: 1000px)");
let turn = 0;
let heardAt = new Date();

function show() {
  const table = document.querySelector("[data-wall-rows]");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) row.hidden = false;
  const room = table.parentElement.clientHeight - table.tHead.offsetHeight;
  const tallest = Math.max(...rows.map((row) => row.offsetHeight));
  const fitting = WALL.matches ? Math.max(1, Math.floor(room / tallest)) : rows.length;
  const pages = Math.ceil(rows.length / fitting);
  const page = turn % pages;
  rows.forEach((row, number) => {
    row.hidden = Math.floor(number / fitting) !== page;
  });
  const told = document.querySelector("[data-wall-pages]");
  told.textContent = pages > 1 ? `第 ${page + 1} / ${pages} 页，共 ${rows.length} 行　` : "";
}

function lost(isLost) {
  const banner = document.getElementById("wall-lost");
  if (!isLost) heardAt = new Date();
  else if (banner.hidden) {
    const time = heardAt.toLocaleTimeString("zh-CN", { hour: "2-digit", minute: "2-digit", hour12: false });
    banner.querySelector("[data-lost-at]").textContent = time;
  }
  banner.hidden = !isLost;
}

show();
// Before the first paint of what was swapped in, so that nothing jumps.
document.addEventListener("htmx:afterSwap", show);
document.addEventListener("htmx:afterRequest", (event) => lost(!event.detail.successful));
addEventListener("resize", show);
setInterval(() => {
  turn += 1;
  show();
}, ROTATE);
