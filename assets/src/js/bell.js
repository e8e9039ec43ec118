// The bell: the count also stands in the title; a page nobody looks at does not ask, and asks at once when looked at again.
const bell = () => document.getElementById("bell");
const bare = (title) => title.replace(/^\(\d+\+?\) /, "");

function show() {
  const unread = Number(bell()?.dataset.unread ?? 0);
  document.title = (unread ? `(${unread > 99 ? "99+" : unread}) ` : "") + bare(document.title);
}

export function start() {
  if (!bell()) return;
  show();
  document.addEventListener("htmx:afterSwap", show);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target.id === "bell" && document.hidden) event.preventDefault();
  });
  // Nobody asked for this: when the line is down, the page says so where somebody acts, not every quarter of a minute.
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, (event) => event.target.id === "bell" && event.stopImmediatePropagation(), true);
  }
  document.addEventListener("visibilitychange", () => document.hidden || window.htmx?.trigger(bell(), "look"));
}
