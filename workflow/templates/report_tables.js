"use strict";
// Tables that are filtered, sorted and saved. Their rows are data; the elements of a row are made when it is shown.
const tables = (() => {
  const { element, counted } = page;
  const LONG = 12; // rows from which on a table has a search field
  const CHOICE = 4; // rows from which on it has choices
  const AT_ONCE = 100; // rows that are made at a time
  const NOTHING = /^(—|NR\b.*|unclear|not .*|no: .*)?$/i;
  const SIDES = { left: "", center: "c", right: "r" };
  const known = JSON.parse(document.getElementById("facets").textContent); // name, label and values of each choice

  // What a cell is sorted by: a share, the number it begins with, its words, or null for nothing, which comes last.
  function key(words) {
    if (NOTHING.test(words)) return null;
    const share = /^\d/.test(words) && /([\d,]+)\/([\d,]+)/.exec(words)?.slice(1).map((text) => Number(text.replaceAll(",", "")));
    if (share && share[1]) return share[0] / share[1];
    const number = /^[<>]?(-?\d+(?:\.\d+)?)(?![\d.]*[\w-])/.exec(words.replace(/^\d{1,3}(,\d{3})+/, (count) => count.replaceAll(",", "")));
    return number ? Number(number[1]) : words.toLowerCase();
  }
  function compare(a, b, sign) {
    if (a === null || b === null) return (a === null) - (b === null);
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  }

  // Cells and rows -----------------------------------------------------------------------------------------

  // A long address or name may be broken after a slash or a low line.
  function broken(text) {
    if (!/[^\s]{17}/.test(text) || !/[/_]/.test(text)) return [text];
    return text.split(/(?<=[/_])/).flatMap((part, at) => (at ? [element("wbr"), part] : [part]));
  }
  const wordsOf = (cell) => (typeof cell === "string" ? cell : cell.map((part) => (typeof part === "string" ? part : part[0])).join(""));
  function fill(parent, cell, seen = new Set()) {
    for (const part of typeof cell === "string" ? [cell] : cell) {
      if (typeof part === "string") {
        parent.append(...broken(part));
        continue;
      }
      const [words, href] = part;
      const outside = !href.startsWith("#");
      parent.append(element("a", { href, rel: outside && "noreferrer", tabindex: seen.has(href) && "-1" }, ...broken(words)));
      seen.add(href);
    }
    return parent;
  }
  function rowElement({ cells, id = [], bold, facets = {} }, columns) {
    const seen = new Set();
    const made = cells.map((cell, at) => {
      const [tag, scope] = at ? ["td", false] : ["th", "row"];
      const places = at ? [] : id.slice(1).map((place) => element("span", { id: place }));
      return fill(element(tag, { scope, class: SIDES[columns[at].align] || false }, ...places), cell, seen);
    });
    const row = element("tr", { id: id[0] ?? false, class: bold && "total" }, ...made);
    Object.assign(row.dataset, facets);
    return row;
  }
  function headElement(columns) {
    const top = [];
    const below = [];
    for (const { title, align, over } of columns) {
      const head = element("th", { scope: "col", class: SIDES[align] || false }, title);
      if (!over) top.push(head);
      else {
        below.push(head);
        if (top.at(-1)?.dataset.over === over) top.at(-1).colSpan += 1;
        else top.push(element("th", { scope: "colgroup", colspan: 1, "data-over": over }, over));
      }
    }
    if (below.length) for (const head of top) if (head.scope === "col") head.rowSpan = 2;
    return element("thead", {}, element("tr", {}, ...top), ...(below.length ? [element("tr", {}, ...below)] : []));
  }

  // A table as elements, of its data; its rows follow when it is shown.
  function frame(data) {
    const { name, caption, width, columns, notes } = data;
    const table = element(
      "table", { class: `m${width}`, "aria-describedby": notes.length && `${name}-notes` },
      element("caption", { id: `${name}-caption` }, element("span", {}, ...broken(caption))),
      element("colgroup", {}, ...columns.map(({ width: share }) => element("col", { class: `w${share}` }))),
      headElement(columns),
    );
    const said = notes.map((note) => fill(element("p"), note));
    return [
      element("div", { class: "table", role: "group", "aria-labelledby": `${name}-caption`, tabindex: 0 }, table),
      ...(said.length ? [element("div", { class: "notes", id: `${name}-notes` }, ...said)] : []),
    ];
  }

  // Rows of a table that is in the page already.
  function readRows(table) {
    return [...table.tBodies].flatMap((body) => {
      const group = body.querySelector("th[scope=rowgroup]")?.textContent ?? "";
      const own = [...body.rows].filter((row) => row.querySelector("[scope=row]"));
      return own.map((row) => ({ made: row, group, words: [...row.cells].map((cell) => cell.textContent), facets: { ...row.dataset } }));
    });
  }
  function rowsOf({ rows, shared }) {
    const whole = (part) => (typeof part === "number" ? shared[part] : part);
    let group = "";
    return rows.map((row) => {
      group = row.group ?? group;
      const own = { ...row, cells: row.cells.map(whole), facets: whole(row.facets) ?? {} };
      return { data: own, group, words: own.cells.map(wordsOf), facets: own.facets, ids: row.id ?? [] };
    });
  }

  // Headings in the order of their columns; those below a shared heading are in the second row.
  function headings(table) {
    const [first, second] = table.tHead.rows;
    const below = second ? [...second.cells] : [];
    return [...first.cells].flatMap((cell) => (cell.scope === "colgroup" ? below.splice(0, cell.colSpan) : [cell]));
  }

  // Views ----------------------------------------------------------------------------------------------------

  const views = new Map(); // of each table that is shown, by its element

  // Give a table what its reader needs: rows when they are asked for, filters, order, a file to keep.
  // place: its name in the address; data: what its rows are made of, none where they are in the page.
  function prepare(table, place, data = null) {
    const rows = data ? rowsOf(data) : readRows(table);
    const heads = headings(table);
    const plain = rows.length < 2 || table.caption.id.startsWith("results-"); // lines of a result and of its arms stay together
    const name = table.caption.textContent;
    const state = { words: "", sort: [-1, 1], limit: AT_ONCE, chosen: {} };
    const said = element("output", { "aria-live": "polite" });
    const more = element("button", { type: "button", hidden: true, onclick: () => show((state.limit += AT_ONCE)) });

    function elementOf(row) {
      if (!row.made || !row.labelled) {
        row.made ??= rowElement(row.data, data.columns);
        row.labelled = true;
        if (row.group) row.made.cells[0].dataset.group = row.group;
        // for a card, which has no headings: what a cell is, and whether it says nothing
        [...row.made.cells].forEach((cell, at) => {
          cell.dataset.label = heads[at]?.textContent.trim() ?? "";
          cell.classList.toggle("none", row.words[at] === "—");
        });
      }
      return row.made;
    }

    // Choices that tell the rows apart
    const fields = new Map();
    const values = (row, facet) => (row.facets[facet] ?? "").split(";").filter(Boolean);
    for (const { name: facet, label, values: all } of plain || rows.length < CHOICE ? [] : known) {
      const given = new Set(rows.map((row) => row.facets[facet] ?? ""));
      if (given.size < 2) continue;
      const there = new Set(rows.flatMap((row) => values(row, facet)));
      const options = all.filter(([value]) => there.has(value)).map(([value, words]) => element("option", { value }, words));
      if (!options.length) continue;
      const field = element("select", { name: facet, onchange: () => changed() }, element("option", { value: "" }, "all"), ...options);
      fields.set(facet, field);
      field.labelled = label;
    }
    const box = element("input", { type: "search", "aria-label": `Filter: ${name}`, oninput: () => changed() });

    // The name of a disease or level asks for the rows that know it; other words are sought at the beginning of words,
    // so that "IB" is not found in "inhibitor".
    const named = new Map();
    for (const { name: facet, values: all } of known) {
      if (!["diseases", "levels"].includes(facet) || !rows.some((row) => row.facets[facet])) continue;
      for (const [value, words] of all) named.set(words.toLowerCase(), [facet, value]);
    }
    function hasWord(row, word) {
      if (named.has(word)) {
        const [facet, value] = named.get(word);
        return values(row, facet).includes(value);
      }
      row.text ??= ` ${[...row.words, row.group].join(" ")}`.toLowerCase().replace(/[([/]/g, "$& ");
      return row.text.includes(` ${word}`);
    }

    function fitting() {
      const sought = state.words.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = Object.entries(state.chosen).filter(([, value]) => value);
      const fits = (row) => chosen.every(([facet, value]) => values(row, facet).includes(value)) && sought.every((word) => hasWord(row, word));
      const left = rows.filter(fits);
      const [position, sign] = state.sort;
      if (position < 0) return left;
      const byLevel = heads[position].textContent.trim() === "Level";
      const last = (row) => Number(byLevel && row.facets.against === "yes"); // no warning leads a list of the best
      return left
        .map((row) => [key(row.words[position].trim()), row])
        .sort((a, b) => last(a[1]) - last(b[1]) || compare(a[0], b[0], sign))
        .map(([, row]) => row);
    }

    function show() {
      const left = fitting();
      const shown = left.slice(0, state.limit);
      const sorted = state.sort[0] >= 0;
      const bodies = [];
      for (const row of shown) {
        if (!bodies.length || (!sorted && row.group !== bodies.at(-1).group)) {
          const body = element("tbody");
          if (row.group && !sorted) {
            body.append(element("tr", {}, element("th", { scope: "rowgroup", colspan: heads.length }, element("span", {}, row.group))));
          }
          bodies.push({ body, group: row.group });
        }
        bodies.at(-1).body.append(elementOf(row));
      }
      if (!shown.length) {
        const words = rows.length ? "No row fits this choice." : "Nothing to show.";
        bodies.push({ body: element("tbody", {}, element("tr", {}, element("td", { colspan: heads.length }, words))) });
      }
      for (const body of [...table.tBodies]) body.remove();
      table.append(...bodies.map(({ body }) => body));
      table.classList.toggle("sorted", sorted);
      more.hidden = left.length <= shown.length;
      more.textContent = `Show ${counted(Math.min(AT_ONCE, left.length - shown.length), "more row", "more rows")} of ${left.length - shown.length}`;
      return left;
    }

    function update() {
      const [position, sign] = state.sort;
      heads.forEach((head, at) => {
        if (at === position) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        else head.removeAttribute("aria-sort");
      });
      for (const [facet, field] of fields) field.value = state.chosen[facet] ?? "";
      if (box.value.trim() !== state.words) box.value = state.words;
      const left = show();
      const by = [...fields].filter(([, field]) => field.value).map(([, field]) => `${field.labelled}: ${field.selectedOptions[0].text}`);
      if (state.words) by.push(`words: ${state.words}`);
      if (position >= 0) by.push(`sorted by ${heads[position].innerText.trim()}, ${sign > 0 ? "ascending" : "descending"}`);
      said.textContent = by.length ? [`${left.length} of ${rows.length} rows`, ...by].join("; ") : "";
      clear.hidden = !by.length;
      return by.length > 0;
    }

    function changed() {
      state.words = box.value.trim();
      state.limit = AT_ONCE;
      for (const [facet, field] of fields) state.chosen[facet] = field.value;
      update();
      const position = state.sort[0] < 0 ? "" : String(state.sort[1] * (state.sort[0] + 1));
      page.remember(place, { ...state.chosen, words: state.words, sort: position });
    }

    function saveAsSeen() {
      const grouped = rows.some(({ group }) => group);
      const titles = heads.map((head) => head.textContent.trim());
      const lines = fitting().map((row) => [...(grouped ? [row.group] : []), ...row.words.map((words) => words.trim())]);
      page.saveCsv([[...(grouped ? ["Group"] : []), ...titles], ...lines], table.caption.id.replace(/-caption$/, ""));
    }

    const clear = element("button", {
      type: "button", hidden: true,
      onclick: () => {
        state.sort = [-1, 1];
        box.value = "";
        for (const field of fields.values()) field.value = "";
        changed();
      },
    }, "Show all");

    if (!plain) {
      heads.forEach((head, position) => {
        const button = element("button", { type: "button" }, ...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const [now, sign] = state.sort;
          state.sort = now !== position ? [position, 1] : sign > 0 ? [position, -1] : [-1, 1];
          changed();
        });
      });
      const form = element("form", { class: "facets", "aria-label": `Filter ${name}`, onsubmit: (event) => event.preventDefault() });
      form.append(...[...fields.values()].map((field) => element("label", {}, field.labelled, field)));
      if (rows.length >= LONG) form.append(element("label", {}, "Words", box));
      const tools = element("div", { class: "tools" });
      tools.append(said, clear, element("button", { type: "button", onclick: saveAsSeen, "aria-label": `Download as CSV: ${name}` }, "Download as CSV"));
      table.parentElement.before(...(form.children.length ? [form] : []), tools);
      table.parentElement.after(element("div", { class: "tools" }, more));
    }

    // Choices in the address are those of who sent it; what is no choice here is passed over.
    function restore(choices) {
      for (const [facet, field] of fields) {
        const value = choices.get(facet) ?? "";
        state.chosen[facet] = [...field.options].some((option) => option.value === value) ? value : "";
      }
      state.words = choices.get("words") ?? "";
      const column = Number(choices.get("sort") ?? 0);
      const sound = Number.isInteger(column) && column !== 0 && Math.abs(column) <= heads.length;
      state.sort = sound ? [Math.abs(column) - 1, Math.sign(column)] : [-1, 1];
      update();
    }

    // Make a row of that name visible, whatever was filtered before.
    function find(id) {
      const at = rows.findIndex(({ ids = [] }) => ids.includes(id));
      if (at < 0) return;
      if (!fitting().includes(rows[at])) restore(new URLSearchParams());
      state.limit = Math.max(state.limit, fitting().indexOf(rows[at]) + 1);
      show();
    }

    table.classList.add("cards");
    if (!data) rows.forEach(elementOf);
    if (data) show(plain && (state.limit = Infinity));
    page.states.set(place, restore);
    views.set(table, { find });
  }

  // Make a table of its data in place of a holder.
  function build(holder, data, place) {
    holder.replaceChildren(...frame(data));
    prepare(holder.querySelector("table"), place, data);
  }

  const find = (id) => views.forEach((view) => view.find(id));

  return { build, prepare, find, fill };
})();
