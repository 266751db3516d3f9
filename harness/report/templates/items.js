// The item table: reads the packed blocks, filters, sorts, pages and reveals. Text only ever enters the page as text.
"use strict";
const H = (() => {
  const about = JSON.parse(document.getElementById("about").textContent);
  const { categories, candidates, pairs, outcomes, chunk, folder, n_changes } = about;
  const n = about.n,
    k = categories.length,
    stride = Math.ceil(n / 4);
  const waiting = new Map(),
    blocks = new Map(),
    chunks = new Map();
  let index = null,
    codes = null,
    revealAll = false;
  const revealed = new Set(),
    open = new Set();

  // ------------------------------------------------------------------------------------------------ blocks
  window.harnessBlock = (name, text) => {
    const done = waiting.get(name);
    if (done) done(text);
  };
  function raw(name) {
    const inline = document.querySelector(`script[data-block="${name}"]`);
    if (inline) return Promise.resolve(inline.textContent.trim());
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `${folder}/${name}.js`;
      script.onload = () => script.remove();
      script.onerror = () => reject(new Error(`${folder}/${name}.js is missing: keep the folder beside this page`));
      document.head.append(script);
    });
  }
  async function unpacked(text) {
    const binary = atob(text.slice(1)),
      bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    if (text[0] === "p") return bytes;
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }
  const block = async (name) => unpacked(await raw(name));
  const json = async (name) => JSON.parse(new TextDecoder().decode(await block(name)));
  function part(number) {
    if (!chunks.has(number)) chunks.set(number, json(`items-${number}`));
    return chunks.get(number);
  }

  // ------------------------------------------------------------------------------------------------- codes
  const code = (column, i) => (codes[column * stride + (i >> 2)] >> ((i & 3) * 2)) & 3;
  const gold = (c, i) => code(c, i);
  const decision = (arm, c, i) => code(k * (1 + arm) + c, i);
  const change = (pair, c, i) => code(k * (1 + candidates.length + pair) + c, i);
  const outcome = (arm, i) => codes[k * (1 + candidates.length + n_changes) * stride + arm * n + i];

  function kinds(arm, c, i) {
    // fp, fn, ws, te of one candidate, in one category or in any (c < 0)
    const found = new Set();
    if (!["ok", "not_asked"].includes(outcomes[outcome(arm, i)])) found.add("te");
    let hit = false,
      wrong = false,
      violating = false;
    for (let j = 0; j < k; j++) {
      const g = gold(j, i),
        d = decision(arm, j, i);
      if (g === 1) violating = true;
      if (g === 1 && d === 1) hit = true;
      if (g === 0 && d === 1) wrong = true;
      if (c >= 0 && j !== c) continue;
      if (g === 0 && d === 1) found.add("fp");
      if (g === 1 && d === 0) found.add("fn");
    }
    if (violating && wrong && !hit && (c < 0 || found.size)) found.add("ws");
    return found;
  }

  // ----------------------------------------------------------------------------------------------- filters
  const START = {
    pair: about.first,
    category: -1,
    change: pairs[about.first].baseline === null ? "all" : "changed",
    kind: "",
    outcome: "",
    slice: "",
    q: "",
    sort: "change",
    page: 0,
    size: 10,
  };
  const state = { ...START };
  let result = [];
  const pair = () => pairs[state.pair];
  const columns = () => (state.category >= 0 ? [state.category] : [...categories.keys()]);

  function changes(i) {
    const fixed = [],
      broken = [];
    if (pair().baseline === null) return { fixed, broken };
    for (const c of columns()) {
      const v = change(state.pair, c, i);
      if (v === 1) fixed.push(c);
      else if (v === 2) broken.push(c);
    }
    return { fixed, broken };
  }
  // by gold label and direction: the first two move recall, the others precision
  const NEWLY = {
    caught: ["fixed", 1, "newly caught"],
    missed: ["broken", 1, "newly missed"],
    wrongly_flagged: ["broken", 0, "newly wrongly flagged"],
    cleared: ["fixed", 0, "no longer wrongly flagged"],
  };
  const newly = (name, found, i) => found[NEWLY[name][0]].some((c) => gold(c, i) === NEWLY[name][1]);
  const newlyWords = (side, c, i) =>
    Object.values(NEWLY).find((one) => one[0] === side && one[1] === gold(c, i))?.[2] ?? side;
  function errs(arm, i) {
    for (const c of columns()) {
      const g = gold(c, i);
      if (g < 2 && decision(arm, c, i) < 2 && decision(arm, c, i) !== g) return true;
    }
    return false;
  }

  function matches(i, suspect, inSlice) {
    const p = pair();
    if (inSlice && !inSlice(i)) return false;
    if (
      state.outcome &&
      outcomes[outcome(p.candidate, i)] !== state.outcome &&
      (p.baseline === null || outcomes[outcome(p.baseline, i)] !== state.outcome)
    )
      return false;
    let side = p.candidate;
    if (state.change !== "all") {
      if (state.change === "suspect") {
        if (!suspect.has(i)) return false;
      } else if (state.change === "errors") {
        if (!errs(p.candidate, i)) return false;
      } else if (state.change === "both") {
        if (p.baseline === null || !errs(p.candidate, i) || !errs(p.baseline, i)) return false;
      } else {
        const found = changes(i),
          { fixed, broken } = found;
        if (state.change in NEWLY && !newly(state.change, found, i)) return false;
        if (state.change === "fixed" && !fixed.length) return false;
        if (state.change === "broken" && !broken.length) return false;
        if (state.change === "changed" && !fixed.length && !broken.length) return false;
        const isGain = NEWLY[state.change]?.[0] === "fixed" || state.change === "fixed";
        if (isGain || (state.change === "changed" && !broken.length)) side = p.baseline;
      }
    }
    return !state.kind || kinds(side, state.category, i).has(state.kind);
  }
  function sliceTest() {
    if (!state.slice) return null;
    const [name, value] = state.slice.split(":").map(Number),
      slice = index.slices[name];
    const sets = slice.sets.map((one) => one.includes(value));
    return (i) => sets[slice.of[i]];
  }
  const ORDER = {
    change: () => {
      const rank = new Map();
      for (const i of result) {
        const c = changes(i);
        rank.set(i, c.fixed.length - 100 * c.broken.length);
      }
      return (a, b) => rank.get(a) - rank.get(b) || a - b;
    },
    file: () => (a, b) => a - b,
    id: () => (a, b) => (index.ids[a] < index.ids[b] ? -1 : index.ids[a] > index.ids[b] ? 1 : a - b),
    errors: () => {
      const rank = new Map();
      for (const i of result) {
        let s = 0;
        for (const arm of candidates.keys()) if (errs(arm, i)) s++;
        rank.set(i, s);
      }
      return (a, b) => rank.get(b) - rank.get(a) || a - b;
    },
  };

  let turn = 0;
  async function apply() {
    if (!codes) return;
    const mine = ++turn,
      suspect = new Set(index.suspect),
      inSlice = sliceTest(),
      q = state.q.trim().toLowerCase();
    const found = [];
    for (let i = 0; i < n; i++) if (matches(i, suspect, inSlice)) found.push(i);
    const kept = q ? await search(found, q, () => mine === turn) : found;
    if (mine !== turn) return;
    result = kept;
    result.sort(ORDER[state.sort]());
    state.page = Math.max(0, Math.min(Math.trunc(state.page) || 0, Math.ceil(result.length / state.size) - 1));
    await render();
  }
  async function search(found, q, current) {
    const slices = index.slices.map((s) => s.values.map((v) => v.toLowerCase().includes(q)));
    const inText = index.mode === "full" || revealAll,
      kept = [];
    let loaded = -1,
      data = null;
    for (const i of found) {
      let hit =
        index.ids[i].toLowerCase().includes(q) ||
        index.slices.some((s, x) => s.sets[s.of[i]].some((v) => slices[x][v]));
      if (!hit && inText) {
        const number = Math.floor(i / chunk);
        if (number !== loaded) {
          say(`Searching: ${Math.round((100 * i) / n)}%`);
          data = await part(number);
          loaded = number;
          if (!current()) return [];
        }
        const at = i - number * chunk,
          texts = [data.t[at], ...data.r.map((r) => r && r[at])];
        hit = texts.some((t) => t && t.toLowerCase().includes(q));
      }
      if (hit) kept.push(i);
    }
    return kept;
  }

  // ---------------------------------------------------------------------------------------------- drawing
  function el(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") node.className = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((c) => c !== null && c !== undefined));
    return node;
  }
  const say = (text) => {
    document.getElementById("count").textContent = text;
  };
  const mask = (text) =>
    text.replace(/[\p{L}\p{N}\p{M}_]+/gu, (w) => {
      const c = [...w];
      return c[0] + "•".repeat(c.slice(1).filter((x) => !/\p{M}/u.test(x)).length);
    });
  const isShown = (i) => index.mode === "full" || revealAll || revealed.has(i);

  const cut = (text, width) => (text.length > width ? `${[...text.slice(0, width)].slice(0, -1).join("")}…` : text);

  function textNode(text, i, width = Infinity) {
    if (index.mode === "none") return el("span", { class: "muted" }, "(not shown)");
    if (text === null || text === undefined || text === "") return el("span", { class: "muted" }, "(none)");
    text = cut(text, width);
    if (isShown(i)) return el("bdi", { class: "clear" }, text);
    return el(
      "span",
      {},
      el("span", { class: "vh" }, "Masked text. "),
      el("bdi", { class: "masked", "aria-hidden": "true" }, mask(text)),
    );
  }
  // a name, or a text, that runs from right to left must not draw the figure behind it before it
  const apart = (text) => el("bdi", {}, text);
  const named = (c) => apart(categories[c].name);
  function listOf(cs, class_ = "chip") {
    return cs.map((c) => el("span", { class: class_ }, named(c)));
  }
  function decided(arm, i) {
    const cell = el("span"),
      out = outcomes[outcome(arm, i)];
    if (out === "not_asked") cell.append(el("span", { class: "muted" }, "not asked"));
    else if (out !== "ok") cell.append(el("span", { class: "chip failed" }, out));
    const flags = [...categories.keys()].filter((c) => decision(arm, c, i) === 1);
    if (flags.length) cell.append(...listOf(flags));
    else if (out === "ok") cell.append(el("span", { class: "muted" }, "nothing"));
    return cell;
  }
  function goldCell(i) {
    const hits = [...categories.keys()].filter((c) => gold(c, i) === 1);
    if (hits.length) return el("span", {}, ...listOf(hits));
    return el(
      "span",
      { class: "muted" },
      [...categories.keys()].every((c) => gold(c, i) > 1) ? "not labelled" : "nothing",
    );
  }
  // one argument of a shell, whatever the id holds
  const quoted = (text) => (/^[\w.:@%+=/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
  function detail(i, data, width) {
    const at = i % chunk,
      box = el("td", { colspan: String(width) }),
      facts = el("dl");
    const add = (name, ...value) => facts.append(el("dt", {}, name), el("dd", {}, ...value));
    if (index.ids[i].length > 80) add("Id", index.ids[i]);
    if (data.t && data.t[at] && data.t[at].length > 300) add("Text", textNode(data.t[at], i));
    candidates.forEach((name, arm) => {
      const r = data.r && data.r[arm],
        more = (data.a && data.a[arm]) || {},
        out = outcomes[outcome(arm, i)],
        told = [];
      if (out !== "ok") told.push(out.replace("_", " ") + (more.why && more.why[at] ? `: ${more.why[at]}` : ""));
      if (more.ms && more.ms[at] !== null) told.push(more.ms[at] < 10000 ? `${more.ms[at]} ms` : `${(more.ms[at] / 1000).toFixed(1)} s`);
      if (more.usd && more.usd[at] !== null) told.push(`$${(more.usd[at] / 1e6).toFixed(6)}`);
      for (const [c, times] of Object.entries((more.rep && more.rep[at]) || {}))
        told.push(el("span", {}, named(c), ` flagged in ${times} of ${about.n_repeats} repeats`));
      if (r && r[at] !== null) add(`Why (${name})`, textNode(r[at], i));
      if (told.length) add(name, ...told.flatMap((one, at) => [at ? ", " : "", one]));
    });
    index.slices.forEach((s) => {
      const v = s.sets[s.of[i]];
      if (v.length) add(s.name, ...v.flatMap((x, at) => [at ? ", " : "", apart(s.values[x])]));
    });
    const ofPair = state.pair === START.pair ? "" : `&pair=${state.pair}`;
    const links = [el("a", { href: `#item=${encodeURIComponent(index.ids[i])}${ofPair}` }, "to this item")];
    for (const run of about.runs) {
      const tail = about.runs.length > 1 ? ` (${run})` : "";
      if (location.pathname.startsWith("/run/") || location.pathname.startsWith("/pair/"))
        links.push(" · ", el("a", { href: `/item/${encodeURIComponent(run)}/${encodeURIComponent(index.ids[i])}` }, `what was sent and what came back${tail}`));
    }
    add("Link", ...links);
    if (about.runs.length) add("Sent, and came back", ...about.runs.flatMap((run) => [el("code", {}, `harness show ${run} ${quoted(index.ids[i])}`), " "]));
    box.append(facts);
    const rows = [...categories.keys()].filter(
      (c) => k <= 8 || gold(c, i) !== 0 || candidates.some((_, arm) => decision(arm, c, i) === 1),
    );
    const word = { 0: "no", 1: "yes", 3: "–" };
    // an answer that failed decides nothing, one that leaves a category open decides nothing there
    const isFallback = (arm, c) => outcomes[outcome(arm, i)] !== "ok" || ((((data.a && data.a[arm]) || {}).fb || {})[at] || []).includes(c);
    const votes = (data.v && data.v[at]) || null;
    const head = el(
      "tr",
      {},
      ...["Category", "Gold", ...(votes ? ["Votes"] : []), ...candidates, "This label"].map((t) => el("th", { scope: "col" }, t)),
    );
    const defined = (c) => {
      const text = categories[c].definition;
      if (!text) return named(c);
      return el("details", {}, el("summary", {}, named(c)), el("p", { class: "small", dir: "auto" }, text));
    };
    const why = (c) => {
      const contradict = candidates.filter((_, arm) => gold(c, i) < 2 && outcomes[outcome(arm, i)] === "ok" && decision(arm, c, i) < 2 && decision(arm, c, i) !== gold(c, i));
      return `looks wrong to a reader of a report; gold ${word[gold(c, i)]}` + (contradict.length ? `, contradicted by ${contradict.join(", ")}` : "");
    };
    const body = rows.map((c) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, defined(c)),
        el("td", {}, word[gold(c, i)]),
        ...(votes ? [el("td", { class: "num" }, votes[c] ? `${votes[c][0]} of ${votes[c][1]} yes` : "–")] : []),
        ...candidates.map((_, arm) => {
          const s = data.s[arm] && data.s[arm][at][c];
          return el(
            "td",
            { class: "num" },
            word[decision(arm, c, i)] + (isFallback(arm, c) && decision(arm, c, i) < 2 ? " (fallback)" : "") + (s === null || s === undefined ? "" : ` (${(s / 1000).toFixed(3)})`),
          );
        }),
        el("td", {}, Marks.button(index.ids[i], categories[c].id, `${word[gold(c, i)]} of ${categories[c].name}`, why(c))),
      ),
    );
    if (rows.length) box.append(el("table", {}, el("thead", {}, head), el("tbody", {}, ...body)));
    return el("tr", { class: "detail" }, box);
  }
  async function row(i) {
    const data = await part(Math.floor(i / chunk)),
      at = i % chunk,
      p = pair(),
      isWithheld = index.withheld.includes(i);
    const id = el(
      "button",
      { class: "id", type: "button", "aria-expanded": String(open.has(i)), onclick: () => toggle(i) },
      cut(index.ids[i], 80),
    );
    const text = el("td", { class: "text", "data-label": "Text" });
    text.append(isWithheld ? el("span", { class: "muted" }, "(withheld)") : textNode(data.t && data.t[at], i, 300));
    if (index.mode === "masked" && !revealAll && !isWithheld && data.t[at]) {
      text.append(
        el(
          "button",
          {
            class: "reveal",
            type: "button",
            "aria-pressed": String(revealed.has(i)),
            onclick: async () => {
              revealed.has(i) ? revealed.delete(i) : revealed.add(i);
              await redraw(i);
              focusIn(i, ".reveal");
            },
          },
          revealed.has(i) ? "Hide" : "Show",
          el("span", { class: "vh" }, ` text of ${index.ids[i]}`),
        ),
      );
    }
    const picture = ([url, words]) =>
      url ? el("img", { src: url, alt: words, title: words, class: index.mode === "full" ? "" : "masked" }) : el("span", { class: "small muted" }, words);
    const pictures = (data.pic && data.pic[at]) || [];
    if (pictures.length) text.append(el("div", { class: "thumbs" }, ...pictures.map(picture)));
    const { fixed, broken } = changes(i),
      what = el("td", { "data-label": "What changed" });
    for (const c of fixed) what.append(el("span", { class: "chip fixed" }, `✓ ${newlyWords("fixed", c, i)}: `, named(c)));
    for (const c of broken) what.append(el("span", { class: "chip broken" }, `✗ ${newlyWords("broken", c, i)}: `, named(c)));
    const cells = [el("td", { "data-label": "Item" }, id), text, el("td", { "data-label": "Gold" }, goldCell(i))];
    if (p.baseline !== null) cells.push(el("td", { "data-label": candidates[p.baseline] }, decided(p.baseline, i)));
    cells.push(el("td", { "data-label": candidates[p.candidate] }, decided(p.candidate, i)));
    if (p.baseline !== null) cells.push(what);
    const main = el("tr", { "data-index": String(i), class: open.has(i) ? "open" : "" }, ...cells);
    return open.has(i) ? [main, detail(i, data, cells.length)] : [main];
  }
  const focusIn = (i, selector) => {
    const node = document.querySelector(`tr[data-index="${i}"] ${selector}`);
    if (node) node.focus();
  };
  async function toggle(i) {
    open.has(i) ? open.delete(i) : open.add(i);
    await redraw(i);
    focusIn(i, ".id");
  }
  async function redraw(i) {
    const rows = await row(i),
      old = document.querySelector(`tr[data-index="${i}"]`);
    if (!old) return;
    if (old.nextElementSibling && old.nextElementSibling.className === "detail") old.nextElementSibling.remove();
    old.replaceWith(...rows);
    document.getElementById("items").dataset.ready = String(++drawing);
  }

  let drawing = 0;
  async function render() {
    const mine = ++drawing,
      p = pair(),
      from = state.page * state.size,
      shown = result.slice(from, from + state.size);
    const rows = (await Promise.all(shown.map(row))).flat();
    if (mine !== drawing) return;
    const heads = [
      "Item",
      "Text",
      "Gold",
      ...(p.baseline === null ? [] : [candidates[p.baseline]]),
      candidates[p.candidate],
      ...(p.baseline === null ? [] : ["What changed"]),
    ];
    document.getElementById("item-head").replaceChildren(...heads.map((t) => el("th", { scope: "col" }, t)));
    document.getElementById("item-rows").replaceChildren(...rows);
    const pages = Math.max(1, Math.ceil(result.length / state.size));
    say(
      result.length
        ? `${result.length.toLocaleString("en")} of ${n.toLocaleString("en")} items, showing ${(from + 1).toLocaleString("en")} to ${(from + shown.length).toLocaleString("en")}`
        : `No item matches. ${n.toLocaleString("en")} in all.`,
    );
    document.getElementById("page-of").textContent = `Page ${state.page + 1} of ${pages}`;
    for (const [id, off] of [
      ["first", state.page === 0],
      ["prev", state.page === 0],
      ["next", state.page >= pages - 1],
      ["last", state.page >= pages - 1],
    ])
      document.getElementById(id).disabled = off;
    document.getElementById("items").dataset.ready = String(mine);
  }

  // ---------------------------------------------------------------------------------------------- controls
  const controls = {};
  const show = () => {
    for (const [name, control] of Object.entries(controls)) {
      control.value = String(state[name]);
      if (control.value !== String(state[name])) control.value = String((state[name] = START[name])); // an address names no choice
    }
  };
  function set(values, keepPage = false) {
    Object.assign(state, values, keepPage ? {} : { page: 0 });
    show();
    return apply();
  }
  // the address of what is shown now: a link that is passed on shows the same items
  function remember() {
    const told = pairs.length > 1 ? ["change", "pair"] : ["change"]; // said always: an older address never means the state of now
    const parts = Object.entries(state).filter(([name, value]) => told.includes(name) || value !== START[name]);
    const hash = `#items${parts.map(([name, value]) => `&${name}=${encodeURIComponent(value)}`).join("")}`;
    try {
      history.replaceState(null, "", hash);
    } catch {
      /* some viewers of attachments forbid it */
    }
  }
  async function goTo(id) {
    const i = index.ids.indexOf(id);
    if (i < 0) {
      say(`There is no item ${id}.`);
      return;
    }
    if (!result.includes(i)) {
      Object.assign(state, START, { pair: state.pair, change: "all", sort: "file" });
      show();
      await apply();
    }
    open.add(i);
    state.page = Math.floor(result.indexOf(i) / state.size);
    await render();
    const node = document.querySelector(`tr[data-index="${i}"]`);
    if (node) {
      node.scrollIntoView({ block: "center" });
      focusIn(i, ".id");
    }
  }
  async function start() {
    say("Loading items…");
    index = await json("index");
    codes = await block("codes");
    const slice = document.getElementById("f-slice");
    index.slices.forEach((s, x) => {
      const group = el("optgroup", { label: s.name });
      s.values.forEach((v, y) => group.append(el("option", { value: `${x}:${y}` }, v)));
      slice.append(group);
    });
    for (const name of ["category", "change", "kind", "outcome", "slice", "q", "sort", "size"]) {
      const control = (controls[name] = document.getElementById(`f-${name}`));
      const numeric = name === "category" || name === "size";
      let timer = 0;
      const read = () => set({ [name]: numeric ? Number(control.value) : control.value }).then(remember);
      if (name === "q")
        control.addEventListener("input", () => {
          clearTimeout(timer);
          timer = setTimeout(read, 200);
        });
      else control.addEventListener("change", read);
    }
    const all = document.getElementById("reveal-all");
    if (all)
      all.addEventListener("change", () => {
        revealAll = all.checked;
        document.getElementById("search-hint").hidden = revealAll;
        return apply();
      });
    const last = () => Math.max(0, Math.ceil(result.length / state.size) - 1);
    for (const [id, to] of [
      ["first", () => 0],
      ["prev", () => state.page - 1],
      ["next", () => state.page + 1],
      ["last", last],
    ])
      document.getElementById(id).addEventListener("click", () => {
        state.page = to();
        return render().then(remember);
      });
    document.getElementById("reset").addEventListener("click", () => set({ ...START, pair: state.pair }).then(remember));
    await apply();
  }
  return { start, set, remember, goTo, state, START, about, unpacked, fail: (error) => say(String(error.message || error)) };
})();
