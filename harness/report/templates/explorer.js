// The threshold explorer: what flagging every score at or above a threshold would do. Works on counts in the page.
"use strict";
(() => {
  const place = document.getElementById("explorer");
  if (!place) return;
  const rows = JSON.parse(document.getElementById("explorer-data").textContent);
  for (const one of rows)
    for (const name of ["caught", "wrong"]) {
      let left = one[name][0];
      one[name] = one[name].map((by, at) => (at ? (left -= by) : left));
    }
  const by = (id) => document.getElementById(id),
    category = by("x-category"),
    candidate = by("x-candidate"),
    slider = by("x-threshold");
  const unique = (name) => [...new Set(rows.map((one) => one[name]))];
  const fill = (select, texts) => {
    const before = select.value;
    select.replaceChildren(...texts.map((text) => Object.assign(document.createElement("option"), { value: text, textContent: text })));
    if (texts.includes(before)) select.value = before;
  };
  fill(category, unique("category"));
  const chosen = () => rows.find((one) => one.category === category.value && one.candidate === candidate.value);
  const share = (x) => (Number.isNaN(x) ? "n/a" : `${(100 * x).toFixed(1)}%`);
  // Wilson (1927), as everywhere in this report
  function interval(k, n) {
    if (!n) return [NaN, NaN, NaN];
    const z = 1.959963984540054,
      p = k / n,
      d = 1 + (z * z) / n,
      middle = (p + (z * z) / (2 * n)) / d,
      half = (z / d) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
    return [p, k === 0 ? 0 : middle - half, k === n ? 1 : middle + half];
  }
  const shown = ([value, low, high]) =>
    value === null || Number.isNaN(value) ? "n/a" : `${share(value)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}]`;
  const count = (x) => (Number.isNaN(x) ? "n/a" : x.toLocaleString("en", { maximumFractionDigits: x >= 100 ? 0 : 1 }));
  function draw() {
    const one = chosen();
    if (!one) return;
    const at = Number(slider.value),
      t = (at / 100).toFixed(2),
      [positives, negatives, labelled] = one.n,
      tp = one.caught[at],
      fp = one.wrong[at],
      traffic = Number(by("traffic")?.value || place.dataset.traffic);
    by("x-value").textContent = t;
    const recall = interval(tp, positives),
      fpr = interval(fp, negatives),
      pi = one.prevalence,
      caught = pi === null ? NaN : pi * recall[0],
      wrong = pi === null ? NaN : (1 - pi) * fpr[0];
    by("x-recall").textContent = shown(recall);
    by("x-precision").textContent = shown(interval(tp, tp + fp));
    by("x-fpr").textContent = shown(fpr);
    by("x-flagged").textContent = count(tp + fp);
    by("x-production").textContent = pi === null ? "not known" : share(caught + wrong ? caught / (caught + wrong) : NaN);
    by("x-flags").textContent = pi === null ? "not known" : count((caught + wrong) * traffic);
    by("x-missed").textContent = pi === null ? "not known" : count(pi * (1 - recall[0]) * traffic);
    // heard when the slider moves: figures with their names, which cells of a table alone would not have
    const heard = [["recall", "recall"], ["precision", "precision"], ["production", "precision in production"], ["flags", "flags a day"]];
    slider.setAttribute("aria-valuetext", `flag from ${t} on: ${heard.map(([id, name]) => `${name} ${by(`x-${id}`).textContent}`).join(", ")}`);
    by("x-now-recall").textContent = shown(one.now[0]);
    by("x-now-precision").textContent = shown(one.now[1]);
    by("x-now-fpr").textContent = shown(one.now[2]);
    by("x-now-flagged").textContent = count(one.now[3]);
    const [production, flags, missed] = one.day.length ? one.day : [null, null, null];
    by("x-now-production").textContent = production === null ? "not known" : share(production);
    by("x-now-flags").textContent = flags === null ? "not known" : count(flags * traffic);
    by("x-now-missed").textContent = missed === null ? "not known" : count(missed * traffic);
    by("x-items").textContent =
      `On the ${count(positives + negatives)} of ${count(labelled)} labelled items that have a score (${count(positives)} violating). ` +
      "“As it decides now” counts every labelled item, failed answers as declared" +
      (pi === null ? "; the policy states no prevalence for this category." : `; production at a prevalence of ${(100 * pi).toFixed(2)}% and ${count(traffic)} items a day.`);
  }
  function candidates() {
    fill(candidate, rows.filter((one) => one.category === category.value).map((one) => one.candidate));
    draw();
  }
  category.addEventListener("change", candidates);
  candidate.addEventListener("change", draw);
  slider.addEventListener("input", draw);
  by("traffic")?.addEventListener("input", draw);
  const names = unique("candidate");
  candidates();
  if (names.includes(place.dataset.first)) candidate.value = place.dataset.first;
  place.hidden = false;
  draw();
})();
