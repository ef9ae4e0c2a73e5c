// Tables sorted by a click on a heading, what of a table is out of sight, and the filter of solutions.
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

for (const frame of document.querySelectorAll(".framed")) {
  const [box, more] = [frame.querySelector(".scroll"), frame.querySelector(".more")];
  const look = () => {
    const wide = box.scrollWidth - box.clientWidth > 1, tall = box.scrollHeight - box.clientHeight > 1;
    frame.toggleAttribute("data-right", wide && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
    frame.toggleAttribute("data-left", wide && box.scrollLeft > 1);
    frame.style.setProperty("--box-height", `${box.offsetHeight}px`);
    const rows = box.querySelectorAll("tbody tr").length;
    const parts = [wide && "more columns to the right: scroll sideways ↔", tall && `${rows} rows: scroll down ↕`];
    more.textContent = parts.filter(Boolean).join(" · ");
  };
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
  look();
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
