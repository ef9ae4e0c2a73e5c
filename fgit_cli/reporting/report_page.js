// Tables sorted by a click on a heading, and the filter of solutions.
"use strict";

for (const table of document.querySelectorAll(".scroll table")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "descending";
      const up = heading.getAttribute("aria-sort") === "ascending";
      const direction = up ? -1 : down ? 1 : heading.classList.contains("number") ? -1 : 1;
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      const rows = [...body.rows].map((row, place) => ({ row, place, key: row.cells[column].dataset.key }));
      rows.sort((a, b) => {
        if (!a.key !== !b.key) return a.key ? -1 : 1; // cells without a value stay last
        const order = heading.classList.contains("number") ? a.key - b.key : a.key.localeCompare(b.key);
        return order * direction || a.place - b.place;
      });
      body.append(...rows.map(({ row }) => row));
    });
  });
}

for (const filter of document.querySelectorAll(".filter")) {
  const [choice, search, count] = ["select", "input", "output"].map((name) => filter.querySelector(name));
  const items = [...filter.parentElement.querySelectorAll("details")];
  const show = () => {
    const words = search.value.toLowerCase();
    let shown = 0;
    for (const item of items) {
      const fits = (!choice.value || item.dataset.outcome === choice.value) && item.textContent.toLowerCase().includes(words);
      item.hidden = !fits;
      shown += fits;
    }
    count.value = `${shown} of ${items.length}`;
  };
  choice.addEventListener("input", show);
  search.addEventListener("input", show);
  show();
}
