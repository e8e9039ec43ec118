// Runs before the first paint: says that scripts work and picks the theme of the system unless one was chosen.
const root = document.documentElement;
root.classList.add("js");
if (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) root.dataset.theme = "dark";
