"use strict";
// Makes the parts of the page when they come near the screen or a link leads to them, and saves the figures.
(() => {
  const { element } = page;
  const ADDRESS = "data:image/svg+xml,";

  // A part of the page whose content is data, in the script element that follows its holder.
  const dataOf = (holder) => holder.nextElementSibling?.textContent ?? "";
  const closed = new Map(); // what is made when it is opened: a function by its details element
  const waiting = new Set(document.querySelectorAll(".later"));
  const whenNear = new IntersectionObserver(
    (entries) => entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => make(target)),
    { rootMargin: "800px" },
  );

  function make(holder) {
    if (!waiting.delete(holder)) return;
    whenNear.unobserve(holder);
    const table = holder.querySelector("table");
    if (table) tables.prepare(table, holder.closest("section").id);
    else if (holder.dataset.kind === "table") tables.build(holder, JSON.parse(dataOf(holder)), holder.id);
    else makeTreatment(holder, JSON.parse(dataOf(holder)));
  }

  // What there is on a treatment: figures, a reader's own selection, results, rows, harms.
  function makeTreatment(holder, { pictures, results, rows, harms }) {
    const section = holder.closest("section");
    holder.replaceChildren(...pictures.map(figureElement));
    whatif.offer(section, holder);
    const own = (table) => element("div", { id: `${table.name}-own` });
    if (results) tables.build(holder.appendChild(own(results)), results, `${results.name}-own`);
    if (rows) {
      const part = element("details", {}, element("summary", {}, rows.summary), own(rows));
      closed.set(part, () => closed.delete(part) && tables.build(part.lastElementChild, rows, `${rows.name}-own`));
      part.addEventListener("toggle", () => part.open && closed.get(part)?.());
      holder.append(part);
    }
    if (harms) tables.build(holder.appendChild(own(harms)), harms, `${harms.name}-own`);
  }

  function figureElement({ name, title, svg, alt, width, height }) {
    const image = element("img", { src: ADDRESS + encodeURIComponent(svg), "data-name": name, alt, width, height });
    const figure = element("figure", {}, element("div", { class: "picture", role: "group", "aria-label": title, tabindex: 0 }, image));
    offerFigure(image);
    return figure;
  }

  // A figure as the file it is, and as a picture of points for slides.
  function offerFigure(image) {
    const name = image.dataset.name;
    async function asPng() {
      await image.decode();
      const canvas = element("canvas");
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

  // What the reader has not reached is made while the page is idle, so that the search of the browser finds it. A report
  // of hundreds of studies is left as data.
  const IDLE_LIMIT = 3e6; // characters
  function makeWhileIdle() {
    const size = [...waiting].reduce((sum, holder) => sum + dataOf(holder).length, 0);
    if (size > IDLE_LIMIT) return;
    const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 100));
    (function next() {
      const [holder] = waiting;
      const [makeRows] = closed.values();
      if (holder) make(holder);
      else if (makeRows) makeRows();
      else return;
      whenIdle(next);
    })();
  }

  // The element of a name; what is data still is made where the name is found in it.
  function elementOf(name) {
    const word = JSON.stringify(name);
    for (const holder of waiting) {
      if (holder.id === name || holder.parentElement.id === name || dataOf(holder).includes(word)) make(holder);
    }
    if (!document.getElementById(name)) {
      for (const [part, makeRows] of closed) if (dataOf(part.closest(".later")).includes(word)) makeRows();
    }
    if (!document.getElementById(name)) tables.find(name);
    return document.getElementById(name);
  }

  // Show the place that the address names, also in a closed part or a row that a filter hides.
  function reveal() {
    const { place, choices } = page.address();
    const target = place && elementOf(place);
    if (!target) return;
    if (choices.size) page.states.get(place)?.(choices);
    for (let part = target.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    target.scrollIntoView();
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  }

  for (const holder of waiting) whenNear.observe(holder);
  document.querySelectorAll("figure img").forEach(offerFigure);
  addEventListener("load", makeWhileIdle);
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => waiting.forEach((holder) => holder.dataset.kind === "treatment" && make(holder)));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) reveal();
  });
  reveal();
})();
