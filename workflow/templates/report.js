"use strict";
// Sorts and filters the tables and opens what a link leads to. Without it the page is complete.
(() => {
  const LONG = 12; // rows from which on a table has a filter
  const NOTHING = /^(—|NR\b.*|unclear|not .*|no: .*)?$/i;

  // What a cell is sorted by: a share, the number it begins with, its words, or null for nothing, which comes last.
  function key(cell) {
    const words = cell.textContent.trim();
    if (NOTHING.test(words)) return null;
    const share = /^\d/.test(words) && /([\d,]+)\/([\d,]+)/.exec(words)?.slice(1).map((text) => Number(text.replaceAll(",", "")));
    if (share && share[1]) return share[0] / share[1];
    const number = /^[<>]?(-?\d+(?:\.\d+)?)(?![\d.]*[\w-])/.exec(words);
    return number ? Number(number[1]) : words.toLowerCase();
  }

  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  }

  // Headings in the order of their columns; those below a shared heading stand in the second row.
  function headings(table) {
    const [first, second] = table.tHead.rows;
    const below = second ? [...second.cells] : [];
    return [...first.cells].flatMap((cell) => (cell.scope === "colgroup" ? below.splice(0, cell.colSpan) : [cell]));
  }

  function prepare(table) {
    const bodies = [...table.tBodies];
    const rows = bodies.flatMap((body) => {
      const group = body.querySelector("th[scope=rowgroup]");
      const own = [...body.rows].filter((row) => row.querySelector("[scope=row]"));
      if (group) for (const row of own) row.cells[0].dataset.group = group.textContent;
      return own.map((row) => ({ row, body, group: group?.parentElement, words: "" }));
    });
    // the lines of a result and of its arms stay together
    if (rows.length < 2 || table.caption.id.startsWith("results-")) return;
    for (const one of rows) {
      const cells = [...one.row.cells].map((cell) => cell.textContent);
      one.words = ` ${[...cells, one.row.cells[0].dataset.group ?? ""].join(" ")}`.toLowerCase().replace(/[([/]/g, "$& ");
    }
    const tools = document.createElement("div");
    const said = document.createElement("output");
    tools.className = "tools";
    said.setAttribute("aria-live", "polite");
    const name = table.caption.textContent;

    const heads = headings(table);
    heads.forEach((head, position) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const order = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")] ?? "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        if (order) head.setAttribute("aria-sort", order);
        table.classList.toggle("sorted", Boolean(order));
        const sign = order === "descending" ? -1 : 1;
        const sorted = order
          ? rows.map((one) => [key(one.row.cells[position]), one]).sort((a, b) => compare(a[0], b[0], sign))
          : rows.map((one) => [null, one]);
        for (const [, one] of sorted) (order ? bodies[0] : one.body).append(one.row);
        for (const { group } of rows) if (group) group.hidden = Boolean(order);
        said.textContent = order ? `Sorted by ${button.textContent}, ${order}` : "In the first order";
      });
    });

    // What a row knows of itself (data-diseases="ssc;jdm") is compared with what is chosen; words are sought at the
    // beginning of words, so that "IB" is not found in "inhibitor".
    const facets = [...(table.parentElement.parentElement.querySelector("form.facets")?.elements ?? [])].filter(
      (field) => field.name,
    );
    let sought = [];
    function filter() {
      const chosen = facets.filter((field) => field.value);
      for (const { row, words } of rows) {
        const fits = chosen.every((field) => (row.dataset[field.name] ?? "").split(";").includes(field.value));
        row.hidden = !(fits && sought.every((word) => words.includes(` ${word}`)));
      }
      const sorted = table.classList.contains("sorted");
      for (const { group, body } of rows) {
        if (group) group.hidden = sorted || rows.every((one) => one.body !== body || one.row.hidden);
      }
      said.textContent = `${rows.filter(({ row }) => !row.hidden).length} of ${rows.length} rows`;
    }
    for (const field of facets) {
      field.form.hidden = false;
      field.addEventListener("change", filter);
    }
    facets[0]?.form.addEventListener("reset", () => setTimeout(filter));

    if (rows.length >= LONG) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "search";
      label.append("Filter ", box);
      box.setAttribute("aria-label", `Filter: ${name}`);
      box.addEventListener("input", () => {
        sought = box.value.toLowerCase().split(/\s+/).filter(Boolean);
        filter();
      });
      tools.append(label);
    }
    tools.append(said);
    table.parentElement.before(tools);
  }

  // Show the place that the address names, also in a closed part or a row that a filter hides.
  function reveal() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    const row = target.closest("tr");
    if (row) row.hidden = false;
    target.scrollIntoView();
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  document.querySelectorAll(".table > table").forEach(prepare);
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const part of closed) part.open = true;
  });
  addEventListener("afterprint", () => {
    for (const part of closed) part.open = false;
  });
})();
