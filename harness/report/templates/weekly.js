// Theme, switches and texts that are shown on request.
"use strict";
(() => {
  const root = document.documentElement, all = (selector) => [...document.querySelectorAll(selector)];
  const store = { get: () => { try { return localStorage.getItem("harness-theme"); } catch { return null; } }, set: (v) => { try { localStorage.setItem("harness-theme", v); } catch { /* file:// may forbid it */ } } };
  if (["light", "dark"].includes(store.get())) root.dataset.theme = store.get();
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    store.set(root.dataset.theme);
  });

  const chosen = {};
  const refresh = () => { for (const node of all("[data-when]")) node.hidden = !node.dataset.when.split(" ").every((one) => { const [k, v] = one.split("="); return chosen[k] === undefined || chosen[k] === v; }); };
  for (const input of all("[data-switch]")) {
    if (input.checked) chosen[input.dataset.switch] = input.value;
    input.addEventListener("change", () => { chosen[input.dataset.switch] = input.value; refresh(); });
  }
  refresh();

  const clear = (packed) => new TextDecoder().decode(Uint8Array.from(atob(packed), (one) => one.charCodeAt(0)));
  function reveal(button, isShown) {
    const text = button.parentElement.querySelector("[data-text]");
    text.dataset.masked ??= text.textContent;
    text.textContent = isShown ? clear(text.dataset.text) : text.dataset.masked;
    button.textContent = isShown ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(isShown));
  }
  const buttons = all("button.reveal"), switchAll = document.getElementById("reveal-all");
  for (const button of buttons) button.addEventListener("click", () => reveal(button, button.getAttribute("aria-pressed") !== "true"));
  if (switchAll) switchAll.addEventListener("change", () => { for (const button of buttons) reveal(button, switchAll.checked); });

  // charts: what the pointer or the arrow keys are on is read out below
  for (const chart of all("figure.chart")) {
    const points = [...chart.querySelectorAll("[data-say]")], out = chart.querySelector("output");
    let at = -1;
    const say = (index) => {
      if (at >= 0) points[at].classList.remove("at");
      at = index;
      if (at >= 0) points[at].classList.add("at");
      out.textContent = at >= 0 ? points[at].dataset.say : "";
    };
    points.forEach((point, index) => point.addEventListener("pointerenter", () => say(index)));
    chart.addEventListener("pointerleave", () => { if (document.activeElement !== chart) say(-1); });
    chart.addEventListener("blur", () => say(-1));
    chart.addEventListener("keydown", (event) => {
      const last = points.length - 1,
        next = { ArrowLeft: at < 0 ? last : Math.max(0, at - 1), ArrowRight: at < 0 ? 0 : Math.min(last, at + 1), Home: 0, End: last }[event.key];
      if (event.key === "Escape") say(-1);
      if (next === undefined || last < 0) return;
      event.preventDefault();
      say(next);
    });
  }

  // served by harness view, an item is one click away
  if (location.protocol.startsWith("http")) {
    const run = encodeURIComponent(document.body.dataset.run);
    for (const node of all("code[data-item]")) {
      const link = document.createElement("a");
      link.href = `/item/${run}/${encodeURIComponent(node.dataset.item)}`;
      node.replaceWith(link);
      link.append(node);
    }
  }

  let closed = [];
  window.addEventListener("beforeprint", () => { closed = all("details:not([open]):not(.figures)"); for (const one of closed) one.open = true; });
  window.addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
})();
