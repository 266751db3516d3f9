"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const base = location.pathname;
  const WORDS = { 1: "violates", 0: "does not", x: "cannot tell", s: "skip", e: "escalate" };
  let state = null, item = null, at = 0, focus = 0, revealed = false, busy = Promise.resolve();
  let shownAt = 0, paused = 0, hiddenAt = null, workedSince = Date.now(), lastKey = Date.now();
  let lastId = null;

  const call = async (path, body) => {
    const options = body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json", "X-Review": "1" }, body: JSON.stringify(body),
    };
    let answer;
    try {
      answer = await fetch(base + path, options);
    } catch (error) {
      throw new Error("The review does not answer. Nothing that was decided is lost; start it again and open its new link.");
    }
    if (answer.status === 409) return { conflict: true };
    if (!answer.ok) throw new Error((await answer.text()).trim() || "The review refused this.");
    return answer.json();
  };
  const tell = (text) => { $("banner").textContent = text; $("banner").hidden = !text; };
  const say = (text) => { $("live").textContent = text; };
  const element = (tag, text, attributes) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    return made;
  };
  const category = (id) => state.categories.find((one) => one.id === id) || { id, name: id, definition: "", allowed: [] };
  const keyOf = (decided) => decided === undefined ? "" : decided.action === "skip" ? "s" : decided.action === "escalate" ? "e"
    : decided.label === null ? "x" : String(decided.label);

  const progress = (found) => {
    state.progress = found; lastId = found.last;
    $("progress").max = found.of; $("progress").value = found.done;
    $("count").textContent = `${found.done.toLocaleString("en")} of ${found.of.toLocaleString("en")}`;
    $("pace").textContent = found.seconds_per_item === null ? "" : `${found.seconds_per_item} s an item`;
  };

  const show = async (number) => {
    at = number;
    $("done").hidden = true; $("item").hidden = false;
    item = await call(`item/${at}`);
    document.body.dataset.at = at;
    revealed = false; shownAt = performance.now(); paused = 0; hiddenAt = document.hidden ? shownAt : null;
    $("reason").value = "";
    $("id").textContent = item.item;
    $("slices").replaceChildren(...Object.entries(item.slices).map(([name, values]) =>
      element("span", `${name}: ${values.join(", ")}`, { class: "tag" })));
    $("why").textContent = item.why ? `In this queue: ${item.why}` : ""; $("why").hidden = !item.why;
    const first = item.categories.findIndex((name) => !(name in item.decided));
    focus = first < 0 ? 0 : first;
    mask(); draw();
    document.body.dataset.ready = "1";
    say(`Item ${at + 1} of ${state.progress.of}`);
  };

  const mask = () => {
    revealed = false;
    const text = $("text");
    text.className = "masked";
    text.textContent = item.is_withheld ? "The text of this item is withheld." : item.has_text ? "Hidden until you ask for it." : "This item has no text.";
    $("images").className = "masked";
    $("images").replaceChildren(...Array.from({ length: item.n_images }, (_, number) =>
      element("img", undefined, { src: `${base}image/${at}/${number}`, alt: `Image ${number + 1}, blurred until shown` })));
    $("context").hidden = true;
    $("reveal").replaceChildren(element("kbd", "Space"), " Show");
    $("reveal").setAttribute("aria-pressed", "false");
  };
  const reveal = async () => {
    if (item.is_withheld) return;
    if (revealed) { mask(); return; }
    const content = await call(`content/${at}`);
    revealed = true;
    if (content.text !== null) { $("text").className = ""; $("text").textContent = content.text; }
    $("images").className = "";
    if (content.context !== null && content.context !== undefined) {
      $("context").hidden = false;
      $("context").querySelector("pre").textContent =
        typeof content.context === "string" ? content.context : JSON.stringify(content.context, null, 2);
    }
    $("reveal").replaceChildren(element("kbd", "Space"), " Hide");
    $("reveal").setAttribute("aria-pressed", "true");
  };

  const draw = () => {
    const isAdjudication = state.mode === "adjudicate";
    $("categories").replaceChildren(...item.categories.map((name, number) => {
      const chosen = keyOf(item.decided[name]);
      const row = element("div", undefined, { class: "category" + (number === focus ? " current" : ""), role: "listitem", "data-category": name });
      if (number === focus) row.setAttribute("aria-current", "true");
      const left = element("div");
      left.append(element("span", category(name).name, { class: "name" }));
      if (item.labels) left.append(element("div", `label now: ${item.labels[name] === null || item.labels[name] === undefined ? "none" : item.labels[name]}`, { class: "said" }));
      for (const one of (item.said || {})[name] || []) {
        const what = one.action === "label" ? (one.label === null ? "cannot tell" : WORDS[one.label]) : one.action;
        left.append(element("div", `${one.who}: ${what}${one.reason ? `, “${one.reason}”` : ""}`, { class: "said" }));
      }
      if (item.decided[name] && item.decided[name].reason) left.append(element("div", `why: ${item.decided[name].reason}`, { class: "said" }));
      const keys = element("div", undefined, { class: "keys" });
      for (const key of isAdjudication ? ["1", "0", "x"] : ["1", "0", "x", "s", "e"]) {
        const button = element("button", undefined, { type: "button", "data-key": key, "aria-pressed": String(chosen === key), tabindex: number === focus ? "0" : "-1" });
        button.append(element("kbd", key.toUpperCase()), ` ${WORDS[key]}`);
        button.addEventListener("click", () => { focus = number; queue(() => decide(key)); });
        keys.append(button);
      }
      row.append(left, keys);
      return row;
    }));
    const one = category(item.categories[focus]);
    const policy = $("policy");
    policy.querySelector("h2").textContent = one.name;
    $("policy-name").textContent = `${state.policy}${one.severity ? `, severity ${one.severity}` : ""}${one.parent ? `, part of ${category(one.parent).name}` : ""}`;
    const body = policy.querySelector("div");
    body.replaceChildren(element("p", one.definition));
    if (one.allowed.length) {
      const list = element("ul");
      list.append(...one.allowed.map((text) => element("li", text)));
      body.append(element("p", "Allowed:", { class: "muted" }), list);
    }
    const current = $("categories").querySelector(".current");
    if (current) current.scrollIntoView({ block: "nearest" });
  };

  const seconds = () => (performance.now() - shownAt - paused - (hiddenAt === null ? 0 : performance.now() - hiddenAt)) / 1000;

  const decide = async (key, moves = true) => {
    const name = item.categories[focus], known = item.decided[name];
    const action = key === "s" ? "skip" : key === "e" ? "escalate" : "label";
    const label = key === "1" ? 1 : key === "0" ? 0 : null;
    const spent = seconds();
    const found = await call("decide", { at, category: name, action, label, seen: known ? known.id : null, reason: $("reason").value, seconds: spent });
    if (found.conflict) return conflict();
    tell("");
    shownAt = performance.now(); paused = 0; hiddenAt = document.hidden ? shownAt : null;
    item.decided[name] = found.decided;
    progress(found.progress);
    say(`${category(name).name}: ${WORDS[key]}`);
    const open = item.categories.findIndex((one, number) => number > focus && !(one in item.decided));
    const anyOpen = item.categories.findIndex((one) => !(one in item.decided));
    if (!moves) return;
    if (open >= 0 || anyOpen >= 0) { focus = open >= 0 ? open : anyOpen; draw(); return; }
    if (found.next === null) finish(); else if (found.next !== at) await show(found.next); else draw();
  };
  const rest = async () => {
    for (let number = 0; number < item.categories.length; number++) {
      if (item.categories[number] in item.decided) continue;
      focus = number;
      const isLast = item.categories.every((name, other) => other === number || name in item.decided);
      await decide("0", isLast);
      if ($("banner").hidden === false) return;
    }
  };
  const conflict = async () => {
    await show(at);
    progress((await call("state")).progress);
    tell("This item was decided in another window meanwhile; here is what stands now. Nothing was overwritten.");
  };
  const undo = async () => {
    const found = await call("undo", { seen: lastId });
    if (found.conflict) return conflict();
    progress(found.progress);
    await show(found.at);
    focus = Math.max(0, item.categories.indexOf(found.category));
    draw(); say("taken back");
  };
  const finish = () => {
    $("item").hidden = true; $("done").hidden = false; $("policy").querySelector("div").replaceChildren();
    $("policy").querySelector("h2").textContent = ""; $("policy-name").textContent = "";
    $("done-text").textContent = state.mode === "adjudicate"
      ? "Stop the review in the terminal, then publish: harness golden release CARD."
      : "You may close this page. Press U to take back your last decision, or ← to look again.";
    delete document.body.dataset.at; say("Everything is decided");
  };
  const move = async (step) => {
    const to = $("done").hidden ? at + step : at;
    if (to >= 0 && to < state.progress.of) await show(to);
  };
  const queue = (work) => { busy = busy.then(work).catch((error) => tell(error.message)); };

  const actions = {
    back: () => move(-1), forward: () => move(1), undo, rest, help: async () => { $("help").showModal(); },
  };
  document.querySelectorAll("[data-do]").forEach((button) =>
    button.addEventListener("click", () => queue(actions[button.dataset.do])));
  $("reveal").addEventListener("click", () => queue(reveal));
  $("theme").addEventListener("click", () => {
    const dark = document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  });
  $("reason").addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") { event.preventDefault(); $("reason").blur(); $("main").focus(); }
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || !state) return;
    const key = event.key.toLowerCase(), isDone = !$("done").hidden;
    rested();
    const known = {
      " ": () => reveal(), u: undo, arrowleft: () => move(-1), arrowright: () => move(1), "?": actions.help, h: actions.help,
      arrowdown: async () => { focus = Math.min(focus + 1, item.categories.length - 1); draw(); },
      arrowup: async () => { focus = Math.max(focus - 1, 0); draw(); },
      j: async () => { focus = Math.min(focus + 1, item.categories.length - 1); draw(); },
      k: async () => { focus = Math.max(focus - 1, 0); draw(); },
      a: rest, r: async () => { $("reason").focus(); },
    };
    const isPress = key === " " && event.target.tagName === "BUTTON" && event.target.id !== "reveal";
    if (isPress || event.target.tagName === "SUMMARY") return;
    if (isDone && !["u", "arrowleft", "?", "h"].includes(key)) return;
    if (known[key]) { event.preventDefault(); queue(known[key]); }
    else if (["1", "0", "x"].includes(key) || (["s", "e"].includes(key) && state.mode !== "adjudicate")) {
      if (event.repeat) return;
      event.preventDefault(); queue(() => decide(key));
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (hiddenAt !== null) { paused += performance.now() - hiddenAt; hiddenAt = null; }
  });
  const rested = () => {
    const now = Date.now();
    if (now - lastKey > 300000) workedSince = now;
    lastKey = now;
    if (state.break_after_s > 0 && now - workedSince > 1000 * state.break_after_s && !document.querySelector("dialog[open]")) {
      $("rest-text").textContent = `You have been at it for ${Math.round((now - workedSince) / 60000)} minutes. Look away for a few; everything is saved.`;
      workedSince = now;
      $("rest-dialog").showModal();
    }
  };

  queue(async () => {
    state = await call("state");
    document.title = `Review: ${state.golden_set}`;
    $("set").textContent = state.golden_set;
    $("mode").textContent = state.mode === "adjudicate" ? "adjudication" : state.reviewers > 1 ? `review, ${state.reviewers} blind reviewers` : "review";
    $("who").textContent = state.reviewer;
    if (state.mode === "adjudicate") document.querySelectorAll(".review").forEach((row) => row.remove());
    progress(state.progress);
    if (state.at === null) finish(); else await show(state.at);
  });
})();
