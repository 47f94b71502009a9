"use strict";
// A reader's own selection: in the part of a treatment studies are unticked and choices changed, and the result is
// computed again by `arms` and `model`. The figure and the tables above stay those of the review.
const whatif = (() => {
  const { choices: review, unit, rows, studies, therapies, diseases, groups } = JSON.parse(document.getElementById("whatif-data").textContent);
  const { element, perCent, interval, counted } = page;
  const WIDTH = 320; // of the plot in each row, in pixels
  const EDGE = 10;
  const REASONS = {
    complete_not_reported: () => "complete responses not reported",
    counts_missing: () => "counts not available",
    counts_unverified: () => "counts not verified",
    secondary_source: () => "known from a secondary source only",
    unverified: () => "not verified by a second person",
    other_time_point: () => "another time point of the same patients",
    same_patients: (arm) => `same patients as ${studies[arm.detail]?.label ?? therapies[arm.detail]}`,
    maybe_same_patients: (arm) => `perhaps the same patients as ${therapies[arm.detail]}`,
    small_arm: (arm, chosen) => `fewer than ${chosen.leastArm} ${unit} (${arm.n})`,
  };
  const reasonWords = (arm, chosen) => arm.words || REASONS[arm.reason](arm, chosen);

  // The choices: their name in the address, label, and what the review has
  const threshold = Number((100 * review.threshold).toPrecision(12));
  const USUAL = {
    without: "", response: review.response, secondary: review.secondary, leastArm: String(review.leastArm),
    threshold: String(threshold), estimate: "median", disease: "",
  };

  function draw(parent, shapes) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const all = { viewBox: `0 0 ${WIDTH} 28`, width: WIDTH, height: 28, "aria-hidden": "true" };
    for (const [name, value] of Object.entries(all)) picture.setAttribute(name, value);
    for (const [tag, attributes, words] of shapes) {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
      if (words !== undefined) shape.textContent = words;
      picture.append(shape);
    }
    parent.append(picture);
    return parent;
  }
  const at = (share) => EDGE + share * (WIDTH - 2 * EDGE);
  const bar = (lower, upper, kind) => ["line", { x1: at(lower), x2: at(upper), y1: 14, y2: 14, class: kind }];
  const square = (share, side) => [
    "rect", { x: at(share) - side / 2, y: 14 - side / 2, width: side, height: side, class: "square" },
  ];
  const diamond = (lower, share, upper) => [
    "polygon", { points: `${at(lower)},14 ${at(share)},6 ${at(upper)},14 ${at(share)},22`, class: "diamond" },
  ];
  const line = (share) => ["line", { x1: at(share), x2: at(share), y1: 0, y2: 28, class: "reference" }];
  const axis = () => [
    ["line", { x1: at(0), x2: at(1), y1: 3, y2: 3, class: "whisker" }],
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
      ["line", { x1: at(share), x2: at(share), y1: 3, y2: 8, class: "whisker" }],
      ["text", { x: at(share), y: 22, "text-anchor": "middle" }, String(100 * share)],
    ]),
  ];

  // Arms and results of a selection.
  function compute(group, chosen) {
    const own = rows.filter(({ therapy }) => group.therapies.includes(therapy));
    const all = arms.select(own, studies, {
      ...review, response: chosen.response, secondary: chosen.secondary, leastArm: Number(chosen.leastArm),
      disease: chosen.disease,
    });
    const name = ({ study }) => `${studies[study].year ?? 9999} ${studies[study].label}`;
    const sorted = all.toSorted((a, b) => name(a).localeCompare(name(b), "en"));
    const unticked = new Set(chosen.without.split(";"));
    const offered = sorted.filter(({ reason }) => reason === "");
    const used = offered.filter((arm) => !unticked.has(arm.ids[0]));
    const x = used.map(({ responders }) => responders);
    const n = used.map((arm) => arm.n);
    const k = new Set(used.map(({ study }) => study)).size;
    const total = (values) => values.reduce((sum, value) => sum + value, 0);
    const crude = { events: total(x), n: total(n) };
    if (k) [crude.lower, crude.upper] = model.exactInterval(crude.events, crude.n, review.level);
    const pooled = model.pool(x, n, review.level);
    const mean = chosen.estimate === "mean" && !Number.isNaN(pooled.mean);
    const result = mean
      ? { estimate: pooled.mean, lower: pooled.meanLower, upper: pooled.meanUpper }
      : { estimate: pooled.estimate, lower: pooled.lower, upper: pooled.upper };
    const others = sorted.filter(({ reason }) => reason !== "");
    return { offered, others, used, k, crude, pooled, result, enough: k >= review.leastStudies };
  }

  function directionOf({ pooled, result }, chosen) {
    const limit = Number(chosen.threshold) / 100;
    if (pooled.status === "tau_not_identified" || Number.isNaN(result.lower)) return "";
    if (result.lower > limit) return "above";
    return result.upper < limit ? "below" : "across";
  }

  function differences(chosen, group) {
    const own = rows.filter(({ therapy }) => group.therapies.includes(therapy));
    const label = (id) => studies[own.find((row) => row.id === id)?.study]?.label;
    const unticked = chosen.without.split(";").map(label).filter(Boolean);
    const words = {
      without: `without ${unticked.join(", ")}`,
      response: chosen.response === "complete" ? "complete responses only" : "complete and partial responses",
      secondary: chosen.secondary === "exclude" ? "without counts from secondary sources" : "with counts from secondary sources",
      leastArm: `arms of ${chosen.leastArm} or more (review: ${review.leastArm})`,
      threshold: `response threshold ${chosen.threshold}% (review: ${threshold}%)`,
      estimate: "mean instead of median study",
      disease: `${diseases[chosen.disease]} only`,
    };
    return Object.keys(USUAL).filter((name) => chosen[name] !== USUAL[name]).map((name) => words[name]);
  }

  // Sentences on the result.
  function sentences(found, chosen) {
    const { k, crude, pooled, result, enough } = found;
    if (!k) return ["No study arm is left in this selection."];
    const made = [];
    const coverage = `${Number((100 * review.level).toPrecision(12))}% interval`;
    const whose = chosen.estimate === "mean" ? "mean study" : "median study";
    if (enough && !Number.isNaN(result.estimate)) {
      made.push(`Pooled (${whose}): ${perCent(result.estimate)}% ${interval(result.lower, result.upper)}, ${coverage}.`);
      if (!Number.isNaN(pooled.predictedLower)) {
        made.push(`Prediction interval of a further study: ${interval(pooled.predictedLower, pooled.predictedUpper)}%.`);
      }
      if (!Number.isNaN(pooled.tau2)) {
        const tau2 = pooled.tau2 > 0 && pooled.tau2 < 0.001 ? "<0.001" : String(Number(pooled.tau2.toFixed(2)));
        made.push(`Between-study variance (τ², logit scale): ${tau2}.`);
      }
    } else {
      const why = enough ? "no estimate" : `${counted(k, "study", "studies")}, ${review.leastStudies} needed`;
      made.push(`Not pooled: ${why}.`);
      const share = perCent(crude.events / crude.n);
      made.push(`Summed counts: ${crude.events}/${crude.n} (${share}%), exact ${coverage} ${interval(crude.lower, crude.upper)}.`);
    }
    const where = directionOf(found, chosen);
    if (where) made.push(`The interval lies ${where} ${chosen.threshold}%.`);
    return made;
  }

  function panelOf(section, holder, group) {
    const place = section.id;
    const chosen = { ...USUAL };
    const banner = element("p", { role: "status", class: "banner" });
    const back = element("button", { type: "button", hidden: true, onclick: () => change(USUAL) }, "Back to the review");
    const table = element("table", { class: "plot" });
    const words = element("p", { class: "result", "aria-live": "polite" });
    const left = element("div");
    const fields = {};

    function choice(name, label, options) {
      const made = options.map(([value, text]) => element("option", { value }, text));
      fields[name] = element("select", { onchange: (event) => change({ [name]: event.target.value }) }, ...made);
      return element("label", {}, label, fields[name]);
    }
    function number(name, label, low, high) {
      const given = (event) => {
        const value = event.target.valueAsNumber;
        if (value >= low && value <= high) change({ [name]: String(value) });
      };
      const attributes = { type: "number", min: low, max: high, step: name === "leastArm" ? 1 : "any", onchange: given };
      fields[name] = element("input", attributes);
      return element("label", {}, label, fields[name]);
    }
    const own = rows.filter(({ therapy }) => group.therapies.includes(therapy));
    const there = Object.entries(diseases).filter(([slug]) => own.some(({ disease }) => disease === slug));
    const form = element(
      "div", { class: "facets" },
      choice("response", "Response", [["any", "complete or partial"], ["complete", "complete only"]]),
      choice("secondary", "Secondary sources", [["include", "included"], ["exclude", "left out"]]),
      number("leastArm", `Least ${unit} in an arm`, 1, 1e6),
      number("threshold", "Response threshold, %", 0, 100),
      choice("estimate", "Pooled value of the", [["median", "median study"], ["mean", "mean study"]]),
      choice("disease", "Disease", [["", "all"], ...there]),
    );
    const download = element("button", { type: "button", onclick: () => keep() }, "Download as CSV");

    function change(some, address = true) {
      Object.assign(chosen, some);
      for (const [name, field] of Object.entries(fields)) field.value = chosen[name];
      show();
      if (address) page.remember(place, Object.fromEntries(Object.entries(chosen).filter(([name, value]) => value !== USUAL[name])));
    }

    function tick(arm, checked) {
      const without = new Set(chosen.without.split(";").filter(Boolean));
      if (checked) without.delete(arm.ids[0]);
      else without.add(arm.ids[0]);
      change({ without: [...without].join(";") });
      table.querySelector(`input[value="${CSS.escape(arm.ids[0])}"]`)?.focus();
    }

    function armRow(arm, found, largest) {
      const used = found.used.includes(arm);
      const [lower, upper] = model.exactInterval(arm.responders, arm.n, review.level);
      const share = arm.responders / arm.n;
      const box = element("input", { type: "checkbox", checked: used, value: arm.ids[0], onchange: (event) => tick(arm, event.target.checked) });
      const mark = arm.secondary ? "\u00a0†" : "";
      const more = [group.therapies.length > 1 ? therapies[arm.therapy] : "", arm.diseases.map((slug) => diseases[slug] ?? slug).join(", ")];
      const side = 5 + 9 * Math.sqrt(arm.n / largest);
      return element(
        "tr", used ? {} : { class: "out" },
        element("th", { scope: "row" }, element("label", {}, box, `${studies[arm.study].label}${mark}`)),
        element("td", {}, more.filter(Boolean).join("; ")),
        element("td", { class: "r" }, `${arm.responders}/${arm.n}`),
        draw(element("td", { class: "p" }), [line(Number(chosen.threshold) / 100), ...(used ? [bar(lower, upper, "whisker"), square(share, side)] : [])]),
        element("td", { class: "r" }, `${perCent(share)} ${interval(lower, upper)}`),
      );
    }

    function resultRow(name, counts, shapes, numbers) {
      return element(
        "tr", { class: "total" },
        element("th", { scope: "row" }, name), element("td"), element("td", { class: "r" }, counts),
        draw(element("td", { class: "p" }), [line(Number(chosen.threshold) / 100), ...shapes]),
        element("td", { class: "r" }, numbers),
      );
    }

    function resultRows({ k, crude, pooled, result, enough }) {
      if (!k) return [];
      const made = [];
      const counts = `${crude.events}/${crude.n}`;
      if (enough && !Number.isNaN(result.estimate)) {
        const { estimate, lower, upper } = result;
        made.push(resultRow(`Pooled, ${chosen.estimate} study`, counts, [diamond(lower, estimate, upper)], `${perCent(estimate)} ${interval(lower, upper)}`));
        const { predictedLower, predictedUpper } = pooled;
        if (!Number.isNaN(predictedLower)) {
          made.push(resultRow("Prediction interval", "", [bar(predictedLower, predictedUpper, "prediction")], interval(predictedLower, predictedUpper)));
        }
      }
      const share = crude.events / crude.n;
      made.push(resultRow("Summed counts", counts, [bar(crude.lower, crude.upper, "whisker"), square(share, 6)], `${perCent(share)} ${interval(crude.lower, crude.upper)}`));
      return made;
    }

    function show() {
      const found = compute(group, chosen);
      const changed = differences(chosen, group);
      banner.textContent = changed.length
        ? `Your selection, not the result of the review. Changed: ${changed.join("; ")}.`
        : "This is the selection of the review. Untick a study or change a choice to see what becomes of the result.";
      banner.classList.toggle("changed", changed.length > 0);
      back.hidden = !changed.length;
      const largest = Math.max(...found.offered.map(({ n }) => n), 1);
      const head = ["Study", "About", "Responders/n", "Response, %", `% [${Number((100 * review.level).toPrecision(12))}% CI]`];
      table.replaceChildren(
        element("caption", {}, `${group.label}: your selection of studies`),
        element("thead", {}, element("tr", {}, ...head.map((words) => element("th", { scope: "col" }, words)))),
        element("tbody", {}, ...found.offered.map((arm) => armRow(arm, found, largest)), ...resultRows(found)),
        element("tfoot", {}, element("tr", {}, element("td", { colspan: 3 }), draw(element("td", { class: "p" }), axis()), element("td"))),
      );
      words.textContent = sentences(found, chosen).join(" ");
      const out = found.others.map((arm) => {
        const counts = arm.counted === null && arm.responders === null ? "" : ` ${arm.responders ?? "NR"}/${arm.n ?? "NR"}`;
        return element("li", {}, `${studies[arm.study].label}${counts}: ${reasonWords(arm, chosen)}`);
      });
      left.replaceChildren(...(out.length ? [element("p", {}, "Not in this selection:"), element("ul", {}, ...out)] : []));
    }

    function keep() {
      const found = compute(group, chosen);
      const line = (arm) => [studies[arm.study].label, therapies[arm.therapy], arm.diseases.map((slug) => diseases[slug] ?? slug).join(", "), arm.responders ?? "", arm.n ?? ""];
      const lines = [...found.offered, ...found.others].map((arm) => [
        ...line(arm), found.used.includes(arm) ? "yes" : "no", arm.reason ? reasonWords(arm, chosen) : found.used.includes(arm) ? "" : "unticked by the reader",
      ]);
      const head = ["Study", "Treatment", "Disease", "Responders", "n", "In the selection", "Reason"];
      const notes = [banner.textContent, words.textContent].map((text) => [text, "", "", "", "", "", ""]);
      page.saveCsv([head, ...lines, ...notes], `selection-${place}`);
    }

    const panel = element(
      "details", { class: "whatif" },
      element("summary", {}, "Untick studies, change a choice"),
      banner, back,
      element("div", { class: "table", role: "group", "aria-label": `${group.label}: your selection of studies`, tabindex: 0 }, table),
      words, form, left, element("p", { class: "tools" }, download),
    );
    panel.addEventListener("toggle", () => panel.open && !table.rows.length && change({}, false));
    const figure = holder.querySelector("figure");
    if (figure) figure.after(panel);
    else holder.prepend(panel);
    // A picture made for a desk is too wide for a phone: there this plot is the first that is seen.
    if (matchMedia("(max-width: 48rem)").matches) panel.open = true;

    // Choices in the address are those of who sent it; what is no choice here is passed over.
    return (choices) => {
      const options = (name) => (fields[name]?.options ? [...fields[name].options].map(({ value }) => value) : null);
      const given = [...choices].filter(([name, value]) => name in USUAL && (options(name)?.includes(value) ?? true));
      const sound = given.filter(([name, value]) => fields[name]?.type !== "number" || (value >= Number(fields[name].min) && value <= Number(fields[name].max)));
      if (!sound.length) return;
      panel.open = true;
      change({ ...USUAL, ...Object.fromEntries(sound) }, false);
      panel.scrollIntoView();
    };
  }

  // The panel of a treatment, in the part of it that is being made.
  function offer(section, holder) {
    const group = groups[section.id];
    if (group) page.states.set(section.id, panelOf(section, holder, group));
  }

  return { offer };
})();
