"use strict";
// Which study arms enter an analysis under the reader's choices: the rules of small_evidence/synthesis/policy.py.
const arms = (() => {
  const grouped = (items, keyOf) => {
    const groups = new Map();
    for (const item of items) {
      const key = JSON.stringify(keyOf(item));
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(item);
    }
    return [...groups.values()];
  };
  const once = (values) => [...new Set(values)];
  const total = (values) => {
    const known = values.filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) : null;
  };

  // What keeps a row out by itself; "" where nothing does.
  function reasonOf(row, choices) {
    const counts = choices.response === "complete" ? row.complete : row.responders;
    if (row.reason) return row.reason;
    if (counts === null || !row.n) return choices.response === "complete" ? "complete_not_reported" : "counts_missing";
    if (row.awaiting) return "counts_unverified";
    if (row.secondary && choices.secondary === "exclude") return "secondary_source";
    if (row.unverified && choices.verifiedOnly) return "unverified";
    return "";
  }

  // Rows of an arm and outcome at another time than the one that is used; a time that is not reported comes last.
  function markOtherTimes(rows, which) {
    const order = { first: (time) => time, last: (time) => -time }[which] ?? ((time) => Math.abs(time - which));
    const rank = ({ months }) => (months === null ? Infinity : order(months));
    const free = rows.filter(({ reason }) => reason === "");
    for (const same of grouped(free, (row) => [row.study, row.arm, row.therapy, row.disease, row.outcome])) {
      const ranked = same.toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
      for (const row of ranked.slice(1)) if (row.months !== null) row.reason = "other_time_point";
    }
  }

  // One arm for its rows on different diseases; a row that is kept out stays an arm of its own.
  function summedOverDiseases(rows) {
    const groups = grouped(rows, (row) => [row.study, row.arm, row.therapy, row.reason ? row.id : ""]);
    return groups.map((same) => ({
      ...same[0],
      ids: same.map(({ id }) => id),
      responders: total(same.map(({ counted }) => counted)),
      n: total(same.map(({ n }) => n)),
      diseases: once(same.map(({ disease }) => disease)),
      secondary: same.some(({ secondary }) => secondary),
    }));
  }

  function sharedBy(arm, other, separate) {
    if (arm.arm && other.arm) return arm.arm === other.arm ? "same_patients" : "";
    return separate ? "" : "maybe_same_patients";
  }

  // Arms whose patients another arm counts: the report that was chosen is kept, else the largest arm.
  function markCountedElsewhere(all, studies) {
    const free = all.filter(({ reason }) => reason === "");
    for (const group of grouped(free, ({ study }) => studies[study].cohort)) {
      const there = new Set(group.map(({ study }) => study));
      const aside = ({ study }) => Number(studies[study].aside.some((kept) => there.has(kept)));
      const kept = [];
      for (const arm of group.toSorted((a, b) => aside(a) - aside(b) || b.n - a.n)) {
        if (kept.length && arm.study !== kept[0].study) {
          [arm.reason, arm.detail] = ["same_patients", kept[0].study];
          continue;
        }
        const found = kept.map((other) => [sharedBy(arm, other, studies[arm.study].separate), other.therapy]);
        const shared = found.find(([reason]) => reason);
        if (shared) [arm.reason, arm.detail] = shared;
        else kept.push(arm);
      }
    }
  }

  // Every arm of an analysis with its responders and patients; reason is "" for those that enter.
  // rows: those of its therapies; choices: response, secondary, leastArm, timePoint, verifiedOnly, disease ("" for all).
  function select(rows, studies, choices) {
    const counted = choices.response === "complete" ? "complete" : "responders";
    const copies = rows.map((row) => ({ ...row, counted: row[counted], reason: reasonOf(row, choices) }));
    markOtherTimes(copies, choices.timePoint);
    const all = summedOverDiseases(copies.filter(({ disease }) => !choices.disease || disease === choices.disease));
    markCountedElsewhere(all, studies);
    for (const arm of all) if (arm.reason === "" && arm.n < choices.leastArm) arm.reason = "small_arm";
    return all;
  }

  return { select };
})();
