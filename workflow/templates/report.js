"use strict";
// Sorts, filters and saves the tables, saves the figures and opens what a link leads to. Without it the page is complete.
(() => {
  const { element } = page;
  const LONG = 12; // rows from which on a table has a filter
  const NOTHING = /^(—|NR\b.*|unclear|not .*|no: .*)?$/i;

  // What a cell is sorted by: a share, the number it begins with, its words, or null for nothing, which comes last.
  function key(cell) {
    const words = cell.textContent.trim();
    if (NOTHING.test(words)) return null;
    const share = /^\d/.test(words) && /([\d,]+)\/([\d,]+)/.exec(words)?.slice(1).map((text) => Number(text.replaceAll(",", "")));
    if (share && share[1]) return share[0] / share[1];
    const number = /^[<>]?(-?\d+(?:\.\d+)?)(?![\d.]*[\w-])/.exec(words.replace(/^\d{1,3}(,\d{3})+/, (count) => count.replaceAll(",", "")));
    return number ? Number(number[1]) : words.toLowerCase();
  }

  const states = new Map(); // by the place of a table, a function that shows it in a state of the address

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

  // A table gets its tools when it comes near the screen, or when an address asks for it: most are never looked at.
  const waiting = new Set(document.querySelectorAll(".table > table"));
  const whenNear = new IntersectionObserver(
    (entries) => entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => ready(target)),
    { rootMargin: "800px" },
  );
  function ready(table) {
    if (!waiting.delete(table)) return;
    whenNear.unobserve(table);
    prepare(table);
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
    const wordsOf = (one) => {
      const cells = [...one.row.cells].map((cell) => cell.textContent);
      const all = [...cells, one.row.cells[0].dataset.group ?? ""].join(" ");
      one.words ||= ` ${all}`.toLowerCase().replace(/[([/]/g, "$& ");
      return one.words;
    };
    const name = table.caption.textContent;
    const said = element("output", { "aria-live": "polite" });
    const heads = headings(table);
    const facets = [...(table.parentElement.parentElement.querySelector("form.facets")?.elements ?? [])].filter(
      (field) => field.name,
    );
    const box = element("input", { type: "search", "aria-label": `Filter: ${name}`, oninput: () => filtered() });
    const place = facets.length ? table.closest("section").id : table.caption.id;
    const sort = { position: -1, sign: 1 };

    function order() {
      const { position, sign } = sort;
      heads.forEach((head, at) => {
        if (at === position) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      table.classList.toggle("sorted", position >= 0);
      const byLevel = heads[position]?.textContent.trim() === "Level";
      const last = ({ row }) => Number(byLevel && row.dataset.against === "yes"); // no warning leads a list of the best
      const sorted =
        position < 0
          ? rows
          : rows
              .map((one) => [key(one.row.cells[position]), one])
              .sort((a, b) => last(a[1]) - last(b[1]) || compare(a[0], b[0], sign))
              .map(([, one]) => one);
      for (const one of sorted) (position < 0 ? one.body : bodies[0]).append(one.row);
    }

    // What a row knows of itself (data-diseases="ssc;jdm") is compared with what is chosen; words are sought at the
    // beginning of words, so that "IB" is not found in "inhibitor".
    function filter() {
      const chosen = facets.filter((field) => field.value);
      const sought = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const one of rows) {
        const fits = chosen.every((field) => (one.row.dataset[field.name] ?? "").split(";").includes(field.value));
        one.row.hidden = !(fits && sought.every((word) => wordsOf(one).includes(` ${word}`)));
      }
      for (const { group, body } of rows) {
        if (group) group.hidden = sort.position >= 0 || rows.every((one) => one.body !== body || one.row.hidden);
      }
      const by = chosen.map((field) => `${field.labels[0].firstChild.textContent.trim()}: ${field.selectedOptions[0].text}`);
      if (sought.length) by.push(`words: ${box.value.trim()}`);
      if (sort.position >= 0) by.push(`sorted by ${heads[sort.position].innerText.trim()}, ${sort.sign > 0 ? "ascending" : "descending"}`);
      const shown = rows.filter(({ row }) => !row.hidden).length;
      said.textContent = [`${shown} of ${rows.length} rows`, ...by].join("; ");
      return by.length > 0;
    }

    function remember() {
      const state = Object.fromEntries(facets.map((field) => [field.name, field.value]));
      const position = sort.position < 0 ? "" : String(sort.sign * (sort.position + 1));
      page.remember(place, { ...state, words: box.value.trim(), sort: position });
    }

    function filtered() {
      filter();
      remember();
    }

    heads.forEach((head, position) => {
      const button = element("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const next = sort.position !== position ? [position, 1] : sort.sign > 0 ? [position, -1] : [-1, 1];
        [sort.position, sort.sign] = next;
        order();
        filtered();
      });
    });
    for (const field of facets) {
      field.form.hidden = false;
      field.addEventListener("change", filtered);
    }
    facets[0]?.form.addEventListener("reset", () => {
      box.value = "";
      sort.position = -1;
      order();
      setTimeout(filtered);
    });

    function saveAsSeen() {
      const grouped = rows.some(({ group }) => group);
      const own = (row) => [...row.cells].map((cell) => cell.textContent.trim());
      const titles = heads.map((head) => head.textContent.trim());
      const seen = [...table.querySelectorAll("tbody tr")].filter((row) => !row.hidden && row.querySelector("[scope=row]"));
      const lines = seen.map((row) => [...(grouped ? [row.cells[0].dataset.group ?? ""] : []), ...own(row)]);
      page.saveCsv([[...(grouped ? ["Group"] : []), ...titles], ...lines], table.caption.id.replace(/-caption$/, ""));
    }

    // For a card, which has no headings: what a cell is, and whether it says nothing.
    if (place === "table-iv") {
      for (const { row } of rows) {
        [...row.cells].forEach((cell, position) => {
          cell.dataset.label = heads[position].textContent.trim();
          cell.classList.toggle("none", cell.textContent.trim() === "—");
        });
      }
    }

    const tools = element("div", { class: "tools" });
    if (rows.length >= LONG) tools.append(element("label", {}, "Filter ", box));
    tools.append(said, element("button", { type: "button", onclick: saveAsSeen, "aria-label": `Download as CSV: ${name}` }, "Download as CSV"));
    table.parentElement.before(tools);

    // Choices in the address are those of who sent it; what is no choice here is passed over.
    states.set(place, (choices) => {
      for (const field of facets) {
        const value = choices.get(field.name) ?? "";
        field.value = [...field.options].some((option) => option.value === value) ? value : "";
      }
      box.value = choices.get("words") ?? "";
      const column = Number(choices.get("sort") ?? 0);
      const known = Number.isInteger(column) && column !== 0 && Math.abs(column) <= heads.length;
      [sort.position, sort.sign] = known ? [Math.abs(column) - 1, Math.sign(column)] : [-1, 1];
      order();
      if (!filter()) said.textContent = "";
    });
  }

  // A figure as the file it is, and as a picture of points for slides.
  function offerFigure(image) {
    const name = image.dataset.name;
    async function asPng() {
      await image.decode();
      const canvas = element("canvas", { width: 2 * image.width, height: 2 * image.height });
      canvas.width = 2 * Number(image.getAttribute("width"));
      canvas.height = 2 * Number(image.getAttribute("height"));
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      canvas.toBlob((blob) => page.save(blob, `${name}.png`));
    }
    function asSvg() {
      const text = decodeURIComponent(image.src.slice(image.src.indexOf(",") + 1));
      page.save(new Blob([text], { type: "image/svg+xml" }), `${name}.svg`);
    }
    const button = (format, onclick) => element("button", { type: "button", onclick, "aria-label": `Download as ${format}: ${name}` }, format);
    image.closest("figure").append(element("div", { class: "tools" }, "Download as ", button("SVG", asSvg), button("PNG", asPng)));
  }

  // Show the place that the address names, also in a closed part or a row that a filter hides.
  function reveal() {
    const { place, choices } = page.address();
    const target = document.getElementById(place);
    if (!target) return;
    if (choices.size) {
      const there = target.closest("table");
      (there ? [there] : [...target.querySelectorAll(".table > table")]).forEach(ready);
      states.get(place)?.(choices);
    }
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    const row = target.closest("tr");
    if (row) row.hidden = false;
    target.scrollIntoView();
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  for (const table of waiting) whenNear.observe(table);
  document.querySelectorAll("figure img").forEach(offerFigure);
  addEventListener("hashchange", reveal);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();
})();
