"use strict";
// What the parts of the page share: its address, elements, numbers in print, and files to keep.
const page = (() => {
  // The address is #place?choice=value&...: the place a link leads to, and what the reader chose there.
  function address() {
    const [place, choices = ""] = location.hash.slice(1).split("?");
    return { place: decodeURIComponent(place), choices: new URLSearchParams(choices) };
  }

  // Put the choices of a place into the address without a jump; none: the address is left with the place alone.
  function remember(place, choices) {
    const words = new URLSearchParams(Object.entries(choices).filter(([, value]) => value !== "")).toString();
    history.replaceState(null, "", `#${place}${words ? `?${words}` : ""}`);
  }

  function element(tag, attributes = {}, ...content) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...content);
    return made;
  }

  // A proportion as per cent, one decimal; what is not quite 0 or 100 is not printed as such.
  function perCent(share) {
    if (Number.isNaN(share)) return "—";
    const tenths = Math.round(Number(`${Number((share * 100).toPrecision(14))}e1`)) / 10;
    if (tenths === 0 && share > 0) return "<0.1";
    return tenths === 100 && share < 1 ? ">99.9" : tenths.toFixed(1);
  }
  const interval = (lower, upper) => `[${perCent(lower)},\u00a0${perCent(upper)}]`;
  const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

  // A table as CSV; no text that a spreadsheet takes for a formula.
  function csv(rows) {
    const guarded = (text) =>
      /^'*[=+\-@\t\r]/.test(text) && !/^[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?$/i.test(text) ? `'${text}` : text;
    const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    return rows.map((row) => row.map((value) => cell(guarded(String(value)))).join(",")).join("\n") + "\n";
  }

  function save(content, name) {
    const link = element("a", { href: URL.createObjectURL(content), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  // The mark at its start makes a spreadsheet read the file as UTF-8.
  const saveCsv = (rows, name) => save(new Blob(["\ufeff", csv(rows)], { type: "text/csv" }), `${name}.csv`);

  const states = new Map(); // by the place of a part, a function that shows it with the choices of an address

  return { states, address, remember, element, perCent, interval, counted, csv, save, saveCsv };
})();
