// Draws the pairs of the page's data, a page at a time. All text goes in as text, never as HTML.
"use strict";
const DATA = JSON.parse(document.getElementById("data").textContent);
const SIZE = 10, KEEP = 3;
const el = (tag, cls, ...inside) => {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  e.append(...inside);
  return e;
};
const splitLines = text => {
  const lines = text.split("\n"), last = lines.pop();
  const out = lines.map(l => l + "\n");
  if (last) out.push(last);
  return out;
};

// --- differences ---------------------------------------------------------------------------------------------
// Offsets count characters (code points), not JavaScript's half ones.
function side(text, marks) {
  const lines = splitLines(text).map(l => [...l]), starts = [0];
  for (const l of lines) starts.push(starts.at(-1) + l.length);
  return { lines, starts, marks, changed: new Set(marks.lines), total: starts.at(-1) };
}
function code(cell, s, n, more = []) {
  const chars = s.lines[n], start = s.starts[n], end = start + chars.length;
  const gaps = new Set([...s.marks.gaps, ...more].filter(g => g >= start && g < end));
  const mine = s.marks.chars.filter(([a, b]) => a < end && b > start);
  const cuts = new Set([start, end]);
  for (const [a, b] of mine) { cuts.add(Math.max(a, start)); cuts.add(Math.min(b, end)); }
  for (const g of gaps) cuts.add(g);
  const at = [...cuts].sort((x, y) => x - y);
  at.slice(0, -1).forEach((a, k) => {
    if (gaps.has(a)) cell.append(gapSign());
    const b = at[k + 1], marked = mine.some(([x, y]) => x <= a && b <= y);
    const piece = chars.slice(a - start, b - start).join("");
    const visible = piece.replace(/\n$/, "");
    if (marked) {
      const m = el("mark", "", visible);
      if (visible !== piece) m.append(el("span", "nl", "⏎"));
      cell.append(m);
    } else cell.append(visible);
  });
  return cell;
}
const gapSign = () => { const g = el("span", "gap", "◆"); g.title = "gap: lines of the other side are missing before here"; return g; };
function endGap(s) { return s.marks.gaps.includes(s.total); }

function rowsOf(pair, a, c) {
  const rows = [];
  let i = 0, j = 0;
  const equal = (ti, tj) => { while (i < ti && j < tj) rows.push(["=", i++, j++]); };
  for (const [i1, i2, j1, j2] of pair.hunks) {
    equal(i1, j1);
    for (let k = 0; k < Math.max(i2 - i1, j2 - j1); k++) rows.push(["x", i1 + k < i2 ? i1 + k : null, j1 + k < j2 ? j1 + k : null]);
    i = i2; j = j2;
  }
  equal(a.lines.length, c.lines.length);
  return rows;
}
const columns = unified => el("colgroup", "", ...(unified ? ["number", "number", "sign", ""] : ["number", "", "number", ""]).map(c => el("col", c)));
const near = (rows, r) => rows.slice(Math.max(0, r - KEEP), r + KEEP + 1).some(([kind]) => kind === "x");

function diffTable(pair, unified) {
  const a = side(pair.incorrect, pair.diff.incorrect), c = side(pair.correct, pair.diff.correct);
  const rows = rowsOf(pair, a, c), table = el("table", "code mono", columns(unified));
  const number = n => el("td", "n", n === null ? "" : String(n + 1));
  const cell = (s, n, cls) => n === null ? el("td", "none") : code(el("td", s.changed.has(n) ? cls : ""), s, n);
  const draw = r => {
    const [kind, i, j] = rows[r];
    const tr = el("tr");
    tr.append(number(i), cell(a, i, "del"));
    const n = number(j); n.classList.add("middle");
    tr.append(n, cell(c, j, "add"));
    return [tr];
  };
  const single = (s, n, other, sign, cls, more = []) => {
    const tr = el("tr"), on = s.changed.has(n) ? cls : "";
    tr.append(number(s === a ? n : other), number(s === c ? n : other), el("td", `s ${on}`, sign), code(el("td", on), s, n, more));
    return tr;
  };
  const drawUnified = (from, to) => {
    const out = [];
    for (let r = from; r < to; r++) if (rows[r][0] === "=") {
      const [, i, j] = rows[r];
      out.push(single(c, j, i, " ", "add", shift(a, i, c, j)));
    } else {
      let stop = r; while (stop < to && rows[stop][0] === "x") stop++;
      for (let k = r; k < stop; k++) if (rows[k][1] !== null) out.push(single(a, rows[k][1], null, "−", "del"));
      for (let k = r; k < stop; k++) if (rows[k][2] !== null) out.push(single(c, rows[k][2], null, "+", "add"));
      r = stop - 1;
    }
    return out;
  };
  const all = (from, to) => {
    if (unified) return drawUnified(from, to);
    const out = []; for (let r = from; r < to; r++) out.push(...draw(r)); return out;
  };
  for (let r = 0; r < rows.length;) {
    let stop = r; const shown = near(rows, r);
    while (stop < rows.length && near(rows, stop) === shown) stop++;
    if (shown || stop - r < 4) table.append(...all(r, stop));
    else {
      const [from, to] = [r, stop], td = el("td", "", `⋯ ${to - from} equal lines`); td.colSpan = 4;
      const fold = el("tr", "fold", td); fold.onclick = () => fold.replaceWith(...all(from, to));
      table.append(fold);
    }
    r = stop;
  }
  if (endGap(a) || endGap(c)) {
    const tr = el("tr"), end = s => { const td = el("td", ""); if (endGap(s)) td.append(gapSign(), el("span", "nl", " end")); return td; };
    if (unified) tr.append(el("td", "n"), el("td", "n"), el("td", "s"), endGap(a) ? end(a) : end(c));
    else { const m = el("td", "n middle"); tr.append(el("td", "n"), end(a), m, end(c)); }
    table.append(tr);
  }
  return table;
}
// The gaps of an incorrect line, at the same places of the equal correct line.
const shift = (a, i, c, j) => a.marks.gaps.filter(g => g >= a.starts[i] && g < a.starts[i + 1]).map(g => g - a.starts[i] + c.starts[j]);

// --- tokens --------------------------------------------------------------------------------------------------
function tokens(s) {
  const box = el("div", "tokens mono");
  s.text.forEach((text, k) => {
    const end = k === s.text.length - 1 && s.end, bytes = Array.isArray(text);
    const t = el("span", `t v${s.mask[k]}${end ? " end" : ""}${bytes ? " bytes" : ""}${s.anchors.includes(k) ? " anchor" : ""}`);
    t.dataset.tip = `token ${k}, id ${s.ids[k]}, value ${s.mask[k]}${s.anchors.includes(k) ? ", anchored" : ""}${end ? ", end of response" : ""}`;
    if (bytes) t.append(text[0]);
    else text.split("\n").forEach((part, n) => { if (n) t.append(el("span", "nl", "⏎"), "\n"); t.append(part); });
    box.append(t);
  });
  if (s.cut) box.append(el("span", "nl", " … cut"));
  return box;
}
function tokenSides(pair) {
  const sides = el("div", "sides");
  for (const name of ["incorrect", "correct"]) {
    const s = pair[name], count = v => s.mask.filter(m => m === v).length;
    sides.append(el("div", "", el("h3", name, `${name} · ${s.mask.length} tokens · ${count(1)} × 1, ${count(2)} × 2`), tokens(s)));
  }
  return sides;
}

// --- the page ------------------------------------------------------------------------------------------------
const unified = () => document.getElementById("gallery-layout")?.value === "unified";
function card(pair, n) {
  const box = el("article", "card");
  const head = el("h2", "", `Pair ${n + 1}`, el("small", "", pair.note), el("small", "id mono", pair.id));
  const asked = el("details", "", el("summary", "", pair.asked.slice(0, 300)), el("pre", "mono", pair.prompt ?? pair.asked));
  box.append(head, asked, (pair.kind ?? DATA.kind) === "diff" ? diffTable(pair, unified()) : tokenSides(pair));
  return box;
}
let at = 0;
function show(page) {
  const pages = Math.max(1, Math.ceil(DATA.pairs.length / SIZE));
  at = Math.min(Math.max(0, page), pages - 1);
  const list = document.getElementById("gallery-pairs");
  list.replaceChildren(...DATA.pairs.slice(at * SIZE, at * SIZE + SIZE).map((p, k) => card(p, at * SIZE + k)));
  if (!DATA.pairs.length) list.append(el("p", "note", "No pairs."));
  document.getElementById("gallery-where").textContent = `page ${at + 1} of ${pages}`;
  document.getElementById("gallery-back").disabled = at === 0;
  document.getElementById("gallery-on").disabled = at === pages - 1;
}
const toTop = () => document.querySelector(".gallery").scrollIntoView();
document.getElementById("gallery-back").onclick = () => { show(at - 1); toTop(); };
document.getElementById("gallery-on").onclick = () => { show(at + 1); toTop(); };
document.getElementById("gallery-layout")?.addEventListener("change", () => show(at));
addEventListener("keydown", e => {
  if (["SELECT", "INPUT", "SUMMARY"].includes(e.target.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === "ArrowLeft") show(at - 1);
  if (e.key === "ArrowRight") show(at + 1);
});
const tip = document.getElementById("gallery-tip");
addEventListener("mousemove", e => {
  const said = e.target.closest?.("[data-tip]")?.dataset.tip;
  tip.style.display = said ? "block" : "none";
  if (said) { tip.textContent = said; tip.style.left = `${Math.min(e.clientX + 14, innerWidth - 240)}px`; tip.style.top = `${e.clientY + 18}px`; }
});
show(0);
