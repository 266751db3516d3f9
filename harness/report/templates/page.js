// Switches, theme, links and the production sums.
"use strict";
(() => {
  const root = document.documentElement,
    all = (selector) => [...document.querySelectorAll(selector)];
  const store = {
    get: () => {
      try {
        return localStorage.getItem("harness-theme");
      } catch {
        return null;
      }
    },
    set: (v) => {
      try {
        localStorage.setItem("harness-theme", v);
      } catch {
        /* file:// may forbid it */
      }
    },
  };
  if (["light", "dark"].includes(store.get())) root.dataset.theme = store.get();
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    store.set(root.dataset.theme);
  });

  // panels: an element with data-when="metric=recall pair=0" is shown while every switch says so
  const chosen = {};
  const refresh = () => {
    for (const node of all("[data-when]"))
      node.hidden = !node.dataset.when.split(" ").every((one) => {
        const [k, v] = one.split("=");
        return (chosen[k] ?? "0") === v;
      });
  }; // a switch with one choice is not drawn
  function choose(name, value) {
    chosen[name] = value;
    for (const input of all("[data-switch]"))
      if (input.dataset.switch === name) {
        if (input.type === "radio") input.checked = input.value === value;
        else input.value = value;
      }
    refresh();
  }
  for (const input of all("[data-switch]")) {
    if (input.type !== "radio" || input.checked) chosen[input.dataset.switch] = input.value;
    input.addEventListener("change", () => {
      choose(input.dataset.switch, input.value);
      if (input.dataset.switch === "pair") H.set({ pair: Number(input.value) }).then(H.remember).catch(H.fail);
    });
  }
  refresh();

  // parts that travel packed are put in their places as soon as the page stands
  async function unpack() {
    const parts = all("script[data-packed]"),
      contents = await Promise.all(parts.map((one) => H.unpacked(one.textContent)));
    for (const [at, one] of parts.entries()) {
      const part = document.createElement("template");
      part.innerHTML = new TextDecoder().decode(contents[at]);
      one.replaceWith(part.content);
    }
    if (!parts.length) return;
    refresh();
    document.dispatchEvent(new Event("unpacked"));
  }

  // production view
  const traffic = document.getElementById("traffic"),
    seconds = document.getElementById("seconds");
  if (traffic) {
    // as numbers.amount_with_interval: value and both ends have the same digits
    const digits = (x) => (x >= 100 ? 0 : x >= 10 ? 1 : 2),
      text = (x, most, fewest) =>
        x.toLocaleString("en", { maximumFractionDigits: most, minimumFractionDigits: fewest });
    const amounts = (ends) => {
      const [v, lo, hi] = ends,
        d = digits(v || Math.max(...ends));
      if (lo === hi) return [text(v, digits(v), 0), ""];
      const fewest = ends.every((x) => Number.isInteger(Number(x.toFixed(d)))) ? 0 : d;
      return [text(v, d, fewest), ` [${text(lo, d, fewest)}, ${text(hi, d, fewest)}]`];
    };
    const update = () => {
      const perDay = Number(traffic.value),
        each = Number(seconds.value);
      if (!(perDay >= 0) || !(each >= 0)) return;
      for (const cell of all("[data-share]")) {
        const factor = perDay * (cell.dataset.unit === "hours" ? each / 3600 : 1),
          [value, interval] = amounts(cell.dataset.share.split(" ").map((x) => Number(x) * factor));
        cell.replaceChildren(Object.assign(document.createElement("b"), { textContent: value }), interval);
      }
    };
    traffic.addEventListener("input", update);
    seconds.addEventListener("input", update);
    document.addEventListener("unpacked", update);
    update();
  }

  // paper shows what is folded, what is long only as the reader left it; the table of items has no place there
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("details:not([open])").filter((one) => !one.closest("#items, details.long"));
    for (const one of closed) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of closed) one.open = false;
  });

  // a link to a section opens it
  function unfold(id) {
    const folded = id && document.getElementById(id)?.querySelector(":scope > details.fold");
    if (folded && !folded.open) {
      folded.open = true;
      folded.scrollIntoView();
    }
  }

  // links: #items&category=2&change=fixed&pair=0 filters the table, #item=ID&pair=1 opens one; back to none, as it began
  async function route(event) {
    const hash = location.hash.slice(1),
      isItem = hash.startsWith("item="),
      isStart = !hash && event;
    unfold(hash);
    if (!isItem && !isStart && !hash.startsWith("items&")) return;
    const wanted = { ...H.START, pair: isStart || isItem ? H.START.pair : H.state.pair };
    const [place, ...others] = hash.split("&");
    for (const one of others) {
      const [k, v] = one.split("=");
      if (k in H.START) wanted[k] = typeof H.START[k] === "number" ? Number(v) : decodeURIComponent(v);
    }
    if (!H.about.pairs[wanted.pair]) wanted.pair = H.START.pair;
    const isMoved = wanted.pair !== H.state.pair;
    if (isMoved) choose("pair", String(wanted.pair));
    if (isItem) {
      if (isMoved) await H.set({ pair: wanted.pair });
      await H.goTo(decodeURIComponent(place.slice(5)));
      return;
    }
    await H.set(wanted, true);
    if (isStart) return;
    const title = document.getElementById("items-title");
    title.scrollIntoView();
    title.focus({ preventScroll: true });
  }
  window.addEventListener("hashchange", (event) => route(event).catch(H.fail));
  document.addEventListener("click", (event) => {
    // the same link again changes no hash
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href") === location.hash) route().catch(H.fail);
  });
  requestAnimationFrame(() => setTimeout(() => unpack().then(H.start).then(() => route()).catch(H.fail)));
})();
