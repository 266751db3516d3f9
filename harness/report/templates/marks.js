// "This label looks wrong": marks on labels, kept in this browser, and a CSV of them for the review of the golden set.
"use strict";
const Marks = (() => {
  const set = document.body.dataset.goldenSet ?? "",
    key = `harness-marks:${set}`,
    separator = "\u001f";
  const read = () => {
    try {
      return JSON.parse(localStorage.getItem(key)) || {};
    } catch {
      return {};
    }
  };
  let marks = read(); // item and category -> name of the category, in the order of marking
  const keep = () => {
    try {
      localStorage.setItem(key, JSON.stringify(marks));
    } catch {
      /* file:// may forbid it: the marks last as long as the page */
    }
    draw();
  };
  const name = (item, category) => `${item}${separator}${category}`;
  const has = (item, category) => name(item, category) in marks;
  function toggle(item, category, why) {
    if (has(item, category)) delete marks[name(item, category)];
    else marks[name(item, category)] = why;
    keep();
  }
  // cells that a spreadsheet would run are made text, as the harness itself writes and reads them
  const safe = (text) => (/^[=+\-@\t\r']/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text);
  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = () =>
    [["item", "category", "why", "score"], ...Object.entries(marks).map(([one, why]) => [...one.split(separator), why, ""])]
      .map((row) => row.map((text) => cell(safe(text))).join(","))
      .join("\n") + "\n";
  function draw() {
    const n = Object.keys(marks).length,
      bar = document.getElementById("marks");
    if (!bar) return;
    bar.hidden = n === 0;
    document.getElementById("marks-count").textContent = `${n.toLocaleString("en")} ${n === 1 ? "label" : "labels"} marked as looking wrong`;
  }
  function button(item, category, title, why) {
    const node = document.createElement("button");
    node.type = "button";
    node.className = "mark";
    const show = () => {
      const on = has(item, category);
      node.setAttribute("aria-pressed", String(on));
      node.textContent = on ? "✓ marked as wrong" : "looks wrong";
      const what = document.createElement("span");
      what.className = "vh";
      what.textContent = `: the label ${title}`;
      node.append(what);
    };
    node.addEventListener("click", () => {
      toggle(item, category, why);
      show();
    });
    show();
    return node;
  }
  const save = document.getElementById("marks-save");
  if (save) {
    save.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
      link.download = "marks.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    document.getElementById("marks-clear").addEventListener("click", () => {
      marks = {};
      keep();
      for (const node of document.querySelectorAll('.mark[aria-pressed="true"]')) {
        node.setAttribute("aria-pressed", "false");
        node.firstChild.textContent = "looks wrong";
      }
    });
  }
  for (const place of document.querySelectorAll("[data-mark]")) {
    const { item, category, title, why } = place.dataset;
    place.append(button(item, category, title, why));
  }
  draw();
  return { button, csv };
})();
