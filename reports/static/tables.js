"use strict";
(function () {
  // --- tables: sort by a heading's button, filter by words ---------------------------------------

  function sortKey(cell) {
    if (cell.dataset.sort !== undefined) return Number(cell.dataset.sort);
    return cell.classList.contains("none") ? null : cell.textContent.trim().toLowerCase();
  }

  function compareKeys(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function sortTable(table, heading) {
    const descending = heading.getAttribute("aria-sort") === "ascending";
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const column = heading.cellIndex;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row) => ({ row, key: sortKey(row.cells[column]) }));
    rows.sort((a, b) => {
      // What was not measured stays at the end in both directions.
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
      return descending ? compareKeys(b.key, a.key) : compareKeys(a.key, b.key);
    });
    body.append(...rows.map((entry) => entry.row));
  }

  function filterTable(input) {
    const rows = Array.from(document.getElementById(input.dataset.table).tBodies[0].rows);
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    const count = document.querySelector(`output[for="${input.id}"]`);
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of Array.from(table.tHead.rows).at(-1).cells) {
      heading.querySelector("button").addEventListener("click", () => sortTable(table, heading));
    }
  }
  for (const input of document.querySelectorAll("input.filter")) {
    input.addEventListener("input", () => filterTable(input));
  }

  // --- links into folded parts open them ---------------------------------------------------------

  function openTarget() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", openTarget);
  openTarget();
})();
