// Tables that sort: a button in every head but those of drawings, by the figure in bold, else the first one, else by text.
"use strict";
(() => {
  const figure = (cell) => {
    const text = (cell.querySelector("b") ?? cell).textContent; // names have figures too: baseline_v1
    const found = text.replace(/,(?=\d{3})/g, "").match(/[-+]?\d+(\.\d+)?/);
    return found ? Number(found[0].replace("+", "")) : NaN;
  };
  function sort(table, column, button) {
    const body = table.tBodies[0],
      rows = [...body.rows],
      up = button.parentElement.getAttribute("aria-sort") !== "descending" ? "descending" : "ascending";
    const cells = rows.map((row) => row.cells[column]),
      numeric = cells.filter((cell) => cell && !Number.isNaN(figure(cell))).length > rows.length / 2 && column > 0;
    const sign = up === "ascending" ? 1 : -1;
    const order = rows.map((row, at) => at);
    order.sort((a, b) => {
      if (!numeric) return sign * cells[a].textContent.trim().localeCompare(cells[b].textContent.trim());
      const x = figure(cells[a]),
        y = figure(cells[b]);
      return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : sign * (x - y);
    });
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    button.parentElement.setAttribute("aria-sort", up);
    body.append(...order.map((at) => rows[at]));
  }
  const prepared = new WeakSet();
  const prepare = (table) => {
    const body = table.tBodies[0];
    if (prepared.has(table) || !table.tHead || !body || body.rows.length < 3 || [...body.rows].some((row) => row.querySelector("[colspan]"))) return;
    prepared.add(table);
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const first = body.rows[0].cells[column];
      if (!head.textContent.trim() || (first?.querySelector("svg") && !first.textContent.trim())) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(table, column, button));
      head.append(button);
    });
  };
  const prepareAll = () => document.querySelectorAll("table.cards:not(.items), table.matrix").forEach(prepare);
  document.addEventListener("unpacked", prepareAll);
  prepareAll();
})();
