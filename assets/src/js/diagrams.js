// The diagram viewer is large: it is fetched only when a diagram comes into view.
function load(figure) {
  if (document.querySelector(`script[src="${figure.dataset.script}"]`)) return;
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = figure.dataset.style;
  const script = document.createElement("script");
  script.src = figure.dataset.script;
  document.head.append(style, script);
}

export function start() {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      load(entry.target);
    }
  }, { rootMargin: "200px" });
  const all = () => document.querySelectorAll("[data-diagram]:not([data-ready])").forEach((figure) => seen.observe(figure));
  all();
  document.addEventListener("htmx:afterSettle", all);
}
