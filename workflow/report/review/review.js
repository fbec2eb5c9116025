// The review page. data.js gives REVIEW: parallel arrays over photos and over instances (workflow/scripts/aisi/review.py).
"use strict";

const { photos, instances, categories } = REVIEW;
const N = instances.photo.length;
const ROW = 80;      // height of a row of the list, pixels; the same as in review.css
const SPARE = 8;     // rows drawn above and below the visible ones
const NOISY = 0;
const OPEN = -1;     // no decision: the solver's tag
const NAMES = ["noisy", ...categories.map((category) => category.name)];
const COLOURS = ["#ffffff", ...categories.map((category) => category.colour)];
const $ = (id) => document.getElementById(id);

// ---------------------------------------------------------------- decisions, saved decisions, undo and redo

const given = Int16Array.from(instances.given, (yes, i) => (yes ? instances.label[i] : OPEN));
const decided = given.slice();
const saved = given.slice();
const done = [], undone = [];   // steps: {changes: [[instance, before, after], ...], at: instance}
const STORE = `aisi-review-${REVIEW.run}`;

const sparse = (labels) => Object.fromEntries([...labels.entries()].filter(([i, label]) => label !== given[i]));

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify({ decided: sparse(decided), saved: sparse(saved) }));
  } catch (error) {
    say("This browser stores nothing for pages on disk. Save often.");
  }
}

function restore() {
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(STORE)) ?? {};
  } catch (error) {
    return;
  }
  for (const [labels, own] of [[decided, kept.decided], [saved, kept.saved]]) {
    labels.set(given);
    for (const [i, label] of Object.entries(own ?? {})) if (i < N && allowed(i, label)) labels[i] = label;
  }
}

const candidates = (i) => photos.keywords[instances.photo[i]];
const allowed = (i, label) => label === OPEN || label === NOISY || candidates(i).includes(label);
const tagOf = (i) => (decided[i] === OPEN ? instances.label[i] : decided[i]);

function stateOf(i) {
  if (decided[i] === given[i]) return given[i] === OPEN ? "" : "given";
  if (decided[i] === OPEN) return "released";
  return given[i] === OPEN && decided[i] === instances.label[i] ? "confirmed" : "changed";
}
const STATES = { changed: "changed", confirmed: "confirmed", released: "solver decides", given: "given before" };

function step(changes, at) {
  const real = changes.filter(([, before, after]) => before !== after);
  if (!real.length) return;
  for (const [i, , after] of real) decided[i] = after;
  done.push({ changes: real, at });
  undone.length = 0;
  keep();
  show();
}

function turn(from, to, which) {
  const last = from.pop();
  if (!last) return;
  for (const change of last.changes) decided[change[0]] = change[which];
  to.push(last);
  keep();
  select(last.at);
  show();
}
const undo = () => turn(done, undone, 1);
const redo = () => turn(undone, done, 2);

function decide(label) {
  if (chosen < 0 || !allowed(chosen, label)) return;
  const i = chosen;
  step([[i, decided[i], label]], i);
  if ($("advance").checked) move(1);
}

// ---------------------------------------------------------------- filter and sort

const area = (i) => {
  const [x0, y0, x1, y1] = instances.box[i], photo = instances.photo[i];
  return ((x1 - x0) * (y1 - y0)) / (photos.width[photo] * photos.height[photo]);
};
const attentionOf = (i) => instances.attention[i][candidates(i).indexOf(tagOf(i))] ?? NaN;
const marginOf = (i) => (instances.margin[i] === null ? NaN : Number(instances.margin[i]));
const hasMargins = instances.margin.some((margin) => margin !== null);
const SORTS = {
  "margin": ["least certain first (margin)", marginOf, 1],
  "margin-down": ["most certain first (margin)", marginOf, -1],
  "attention": ["attention of the tag, low first", attentionOf, 1],
  "score": ["score, low first", (i) => instances.score[i], 1],
  "score-down": ["score, high first", (i) => instances.score[i], -1],
  "size": ["small first", area, 1],
  "size-down": ["large first", area, -1],
  "photo": ["photo by photo", (i) => i, 1],
};
const DECISIONS = {
  open: (state) => state === "" || state === "released",
  new: (state) => state === "changed" || state === "confirmed",
  changed: (state) => state === "changed" || state === "released",
  confirmed: (state) => state === "confirmed",
  given: (state) => state === "given",
};
let order = [], chosen = -1, place = -1;   // instances of the list; the selected instance and its position, -1 for none

const others = new Map();   // maps a photo to its instances
instances.photo.forEach((photo, i) => others.set(photo, [...(others.get(photo) ?? []), i]));
const ofPhoto = (photo) => others.get(photo) ?? [];
const empty = photos.id.map((_, photo) => photo).filter((photo) => !ofPhoto(photo).length);   // photos without instances

// Keywords of a photo that none of its instances has as tag
function missing(photo) {
  const found = new Set(ofPhoto(photo).map(tagOf));
  return photos.keywords[photo].filter((label) => !found.has(label));
}
const GAPS = {
  keyword: (photo) => missing(photo).length > 0,
  all: (photo) => ofPhoto(photo).every((i) => tagOf(i) === NOISY),
};

function filter() {
  const tag = $("tag").value, gap = GAPS[$("gap").value], keyword = Number($("keyword").value), several = $("several").value;
  const wanted = DECISIONS[$("decision").value], name = $("photo").value.trim().toLowerCase();
  const [, value, sign] = SORTS[$("sort").value];
  const found = [];
  for (let i = 0; i < N; i++) {
    const own = candidates(i);
    if (tag === "some" ? tagOf(i) === NOISY : tag !== "" && tagOf(i) !== Number(tag)) continue;
    if (keyword && !own.includes(keyword)) continue;
    if (several && (own.length > 1) !== (several === "many")) continue;
    if (wanted && !wanted(stateOf(i))) continue;
    if (gap && !gap(instances.photo[i])) continue;
    if (name && !photos.id[instances.photo[i]].toLowerCase().includes(name)) continue;
    found.push(i);
  }
  const keys = new Float64Array(N);
  for (const i of found) keys[i] = sign * value(i);
  // Unknown values come last. Equal values stay in the order of the photos.
  found.sort((a, b) => (isNaN(keys[a]) - isNaN(keys[b])) || (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0) || a - b);
  order = found;
  $("shown").textContent = order.length === N ? `all ${N} instances` : `${order.length} of ${N} instances`;
  $("rows").style.height = `${order.length * ROW}px`;
  drop();
  place = Math.max(0, order.indexOf(chosen));
  if (!order.length || order[place] !== chosen) $("list").scrollTop = 0;
  go(place);
}

// ---------------------------------------------------------------- drawing

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function drawing(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Units of the outlines: the longer side of a photo has REVIEW.units
const scaleOf = (photo) => REVIEW.units / Math.max(photos.width[photo], photos.height[photo]);

// The photo of instance i, outlined: dashed for the other instances, with the tag of each as a word if it is the whole photo
function picture(i, view, kind, others = []) {
  const photo = instances.photo[i], scale = scaleOf(photo), whole = kind === "whole";
  const image = drawing("image", {
    href: photos.thumbnail[photo], width: photos.width[photo] * scale, height: photos.height[photo] * scale,
    preserveAspectRatio: "none",
  });
  const outlines = others.map((other) => {
    const path = drawing("path", { class: "outline other", d: instances.outline[other], style: `--colour: ${COLOURS[tagOf(other)]}` });
    path.addEventListener("click", () => select(other));
    return path;
  });
  for (const part of ["under", "over"]) {
    outlines.push(drawing("path", { class: `outline ${part}`, d: instances.outline[i], style: `--colour: ${COLOURS[tagOf(i)]}` }));
  }
  const tags = whole ? [...others, i].map((own) => word(own, scale, own === i)) : [];
  const shape = `aspect-ratio: ${view[2]} / ${view[3]}`;
  return drawing("svg", { class: kind, viewBox: view.join(" "), style: shape, "aria-hidden": "true" }, image, ...outlines, ...tags);
}

function word(i, scale, own) {
  const [x0, y0, x1, y1] = instances.box[i].map((value) => value * scale);
  return drawing("text", { class: own ? "word own" : "word", x: (x0 + x1) / 2, y: (y0 + y1) / 2 }, NAMES[tagOf(i)]);
}

// Words on the photo keep their size on the screen, however large the photo is drawn, and stay inside the photo
function sizeWords() {
  const image = $("detail").querySelector(".whole"), scale = image?.getScreenCTM()?.a;
  if (!scale) return;
  image.style.setProperty("--unit", `${1 / scale}px`);
  const { width: all } = image.viewBox.baseVal;
  for (const text of image.querySelectorAll(".word")) {
    text.removeAttribute("dx");
    const { x, width } = text.getBBox(), edge = 2 / scale;
    text.setAttribute("dx", Math.max(0, edge - x) - Math.max(0, x + width + edge - all));
  }
}

function crop(i) {
  const scale = scaleOf(instances.photo[i]);
  const [x0, y0, x1, y1] = instances.box[i].map((value) => value * scale);
  const side = 1.25 * Math.max(x1 - x0, y1 - y0);
  return picture(i, [(x0 + x1 - side) / 2, (y0 + y1 - side) / 2, side, side], "crop");
}

function tagged(label) {
  const tag = element("span", { class: "tag" }, element("span", {}, NAMES[label]));
  tag.style.setProperty("--colour", COLOURS[label]);
  return tag;
}

const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const words = (i) => candidates(i).map((label) => NAMES[label]).join(", ") || "no keyword";
const marginText = (i) => {
  const margin = marginOf(i);
  return isNaN(margin) ? "" : !isFinite(margin) ? "no other" : Math.abs(margin) < 1 ? margin.toFixed(3) : margin.toPrecision(3);
};

function row(position) {
  const i = order[position], state = stateOf(i);
  const badge = state ? [element("span", { class: `state ${state}` }, STATES[state])] : [];
  const node = element("div", {
    class: "row", role: "option", id: `row-${i}`, "aria-posinset": position + 1, "aria-setsize": order.length,
    "aria-selected": i === chosen,
    "aria-label": [NAMES[tagOf(i)], STATES[state], `keywords ${words(i)}`, photos.id[instances.photo[i]]].filter(Boolean).join("; "),
  },
  crop(i),
  element("div", {},
    element("p", {}, tagged(tagOf(i)), ...badge),
    element("p", {}, element("small", {}, words(i)), element("small", { title: "margin" }, marginText(i))),
    element("p", {}, element("small", { title: photos.id[instances.photo[i]] }, photos.id[instances.photo[i]]))));
  node.style.top = `${position * ROW}px`;
  node.dataset.position = position;
  return node;
}

const drawn = new Map();   // maps a position in the list to its row

function drop() {
  for (const node of drawn.values()) node.remove();
  drawn.clear();
}

function drawList() {
  const list = $("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
  const last = Math.min(order.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
  for (const [position, node] of drawn) {
    if (position < first || position >= last) {
      node.remove();
      drawn.delete(position);
    }
  }
  for (let position = first; position < last; position++) {
    if (!drawn.has(position)) {
      drawn.set(position, row(position));
      $("rows").append(drawn.get(position));
    }
  }
  $("rows").querySelector(".nothing")?.remove();
  if (!order.length) {
    const text = N ? "No instance matches the filters. Show all, or change the filters." : "There are no instances.";
    $("rows").append(element("p", { class: "nothing" }, text));
  }
  if (drawn.has(place)) list.setAttribute("aria-activedescendant", `row-${chosen}`);
  else list.removeAttribute("aria-activedescendant");
}

// What a margin means, among the margins of this run
const margins = instances.margin.filter((margin) => margin !== null).map(Number).sort((a, b) => a - b);
function surer(i) {
  const margin = marginOf(i), below = margins.findIndex((other) => other >= margin);
  if (!isFinite(margin)) return "no other tag is possible";
  const rank = `surer than ${Math.round((100 * below) / margins.length)} of 100 tags`;
  return margin > 0 ? rank : `${rank}; below 0, another tag may be as good`;
}

function facts(i) {
  const [x0, y0, x1, y1] = instances.box[i];
  const pairs = {
    Margin: marginText(i) ? `${marginText(i)}: ${surer(i)}` : given[i] === OPEN ? "this solver gives none" : "none, the tag was given",
    Score: `${instances.score[i].toFixed(2)}: how sure the detector is that this is an object, 0 to 1`,
    Size: `${x1 - x0} × ${y1 - y0} pixels, ${percent(area(i))} of the photo`,
  };
  return element("dl", {}, ...Object.entries(pairs).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
}

function choice(i, label, key, p) {
  const notes = [];
  if (label === NOISY) notes.push("none of these, or a bad outline");
  if (label === instances.label[i]) notes.push(given[i] === OPEN ? "solver's tag" : "given before");
  if (p !== undefined) notes.push(`attention ${p.toFixed(2)}`);
  const button = element("button", { type: "button", "aria-pressed": decided[i] === label, "data-choice": label },
    element("kbd", { "aria-hidden": "true" }, key), label === OPEN ? "no decision" : tagged(label),
    element("span", { class: label === NOISY ? "p wide" : "p" }, notes.join(", ")));
  if (p !== undefined) {
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.backgroundSize = `${100 * p}% 100%`;
    button.append(bar);
  }
  button.addEventListener("click", () => decide(label));
  return button;
}

function moves() {
  const buttons = [["Previous", () => move(-1)], ["Confirm", confirmTag], ["Next", () => move(1)]];
  return element("div", { class: "moves" }, ...buttons.map(([name, act]) => {
    const button = element("button", { type: "button", "data-choice": name }, name);
    button.addEventListener("click", act);
    return button;
  }));
}

function near(i) {
  const pairs = instances.near[i];
  if (!pairs.length) return [];
  const items = pairs.map(([j, cosine]) => {
    const button = element("button", { type: "button", title: `Go to ${photos.id[instances.photo[j]]}` },
      crop(j), tagged(tagOf(j)), element("small", {}, `cosine ${cosine.toFixed(2)}`));
    button.addEventListener("click", () => select(j));
    return element("li", {}, button);
  });
  return [element("section", { class: "tiles near", "aria-label": "Nearest in the graph" },
    element("h2", {}, "Instances that look alike"),
    element("p", {}, "The graph joins them, so they like to get the same tag. Cosine 1: alike. 0: nothing in common."),
    element("ul", {}, ...items))];
}

// All instances of the photo with their tags, and its keywords that no instance has
function wholePhoto(photo) {
  const items = ofPhoto(photo).map((i) => {
    const state = stateOf(i), badge = state ? [element("span", { class: `state ${state}` }, STATES[state])] : [];
    const button = element("button", { type: "button", "aria-current": i === chosen, "data-choice": `instance ${i}` }, crop(i), tagged(tagOf(i)), ...badge);
    button.addEventListener("click", () => select(i));
    return element("li", {}, button);
  });
  const gaps = missing(photo).map((label) => NAMES[label]);
  const note = gaps.length ? [element("p", { class: "gap" }, `Keyword without an instance: ${gaps.join(", ")}`)] : [];
  return element("section", { class: "tiles photo", "aria-label": "All instances of this photo" },
    element("h2", {}, "All tags of this photo"), ...note, element("ul", {}, ...items));
}

function drawDetail() {
  const detail = $("detail"), focused = detail.contains(document.activeElement) && document.activeElement.dataset.choice;
  detail.replaceChildren();
  if (chosen < 0) return;
  const i = chosen, photo = instances.photo[i], scale = scaleOf(photo), state = stateOf(i);
  const view = [0, 0, photos.width[photo] * scale, photos.height[photo] * scale];
  const own = candidates(i);
  detail.append(
    element("p", { class: "name" },
      element("span", {}, element("b", {}, photos.id[photo]), ` instance ${instances.id[i]}`),
      element("span", {}, place < 0 ? "not in the list" : `${place + 1} of ${order.length}`)),
    picture(i, view, "whole", ofPhoto(photo).filter((other) => other !== i)),
    element("div", { class: "side" },
      element("h2", {}, "What does the solid outline show?"),
      element("div", { class: "choices", role: "group", "aria-label": "Tag" },
        ...own.map((label, number) => choice(i, label, number < 9 ? number + 1 : "", instances.attention[i][number])),
        choice(i, NOISY, "n"), choice(i, OPEN, "⌫")),
      moves(), facts(i), ...near(i)),
    wholePhoto(photo));
  const image = detail.querySelector(".whole");
  image.setAttribute("role", "img");
  image.removeAttribute("aria-hidden");
  image.setAttribute("aria-label", `Photo ${photos.id[photo]} with the outline of instance ${instances.id[i]}, tagged ${NAMES[tagOf(i)]}${state ? `, ${STATES[state]}` : ""}`);
  sizeWords();
  detail.scrollTop = 0;
  if (focused) (detail.querySelector(`[data-choice="${CSS.escape(focused)}"]`) ?? $("list")).focus();
}

function counts() {
  const count = { changed: 0, confirmed: 0, released: 0, given: 0, "": 0 };
  let unsaved = 0;
  for (let i = 0; i < N; i++) {
    count[stateOf(i)]++;
    if (decided[i] !== saved[i]) unsaved++;
  }
  return { changed: count.changed + count.released, confirmed: count.confirmed, unsaved };
}

function drawCounter() {
  const { changed, confirmed, unsaved } = counts();
  const parts = [`${changed} changed`];
  if (confirmed) parts.push(`${confirmed} confirmed`);
  if (unsaved) parts.push(`${unsaved} not saved`);
  $("counter").textContent = parts.join(", ");
  $("counter").classList.toggle("unsaved", unsaved > 0);
  $("undo").disabled = !done.length;
  $("redo").disabled = !undone.length;
  document.title = `${unsaved ? "• " : ""}Review: ${REVIEW.name}`;
}

function show() {
  drop();
  drawList();
  drawDetail();
  drawCounter();
}

// ---------------------------------------------------------------- moving

function go(position) {
  place = order.length ? Math.min(Math.max(position, 0), order.length - 1) : -1;
  chosen = place < 0 ? -1 : order[place];
  const list = $("list"), top = place * ROW;
  if (place >= 0 && (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight)) {
    list.scrollTop = top < list.scrollTop ? top - ROW / 2 : top + 1.5 * ROW - list.clientHeight;
  }
  for (const node of drawn.values()) node.setAttribute("aria-selected", node.id === `row-${chosen}`);
  drawList();
  drawDetail();
}
const move = (by) => go(place < 0 ? 0 : place + by);

function select(i) {
  const position = order.indexOf(i);
  if (position >= 0) return go(position);
  place = -1;   // the filters hide it, so only the detail shows it
  chosen = i;
  show();
}

const confirmTag = () => chosen >= 0 && decide(tagOf(chosen));
const page = () => Math.max(1, Math.floor($("list").clientHeight / ROW) - 1);
const KEYS = {
  ArrowDown: () => move(1), ArrowRight: () => move(1), j: () => move(1),
  ArrowUp: () => move(-1), ArrowLeft: () => move(-1), k: () => move(-1),
  PageDown: () => move(page()), PageUp: () => move(-page()), Home: () => go(0), End: () => go(order.length - 1),
  n: () => decide(NOISY), Backspace: () => decide(OPEN), Delete: () => decide(OPEN), Enter: confirmTag,
  u: undo, U: redo, o: () => document.body.classList.toggle("no-outlines"), "?": () => $("keys").showModal(),
  "/": () => { $("panel").open = true; $("photo").focus(); },
};

document.addEventListener("keydown", (event) => {
  const target = event.target, typing = target.matches("input, select, textarea, summary");
  if (document.querySelector("dialog[open]")) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    const act = { s: save, z: event.shiftKey ? redo : undo, y: redo }[event.key.toLowerCase()];
    if (act && (event.key === "s" || !typing)) {
      event.preventDefault();
      act();
    }
    return;
  }
  if (event.altKey) return;
  if (typing) {
    if (event.key === "Escape" || (event.key === "Enter" && target.id === "photo")) {
      event.preventDefault();
      $("list").focus();
    }
    return;
  }
  if (event.key.length === 1 && event.key !== "?" && !$("letters").checked) return;
  if (event.key === "Enter" && target.matches("button")) return;
  const digit = /^[1-9]$/.test(event.key) ? event.key : event.shiftKey ? "" : /^Digit([1-9])$/.exec(event.code)?.[1];
  const act = digit ? () => chosen >= 0 && decide(candidates(chosen)[digit - 1]) : KEYS[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// ---------------------------------------------------------------- overrides.csv

const BOX = ["x0", "y0", "x1", "y1"];
const quoted = (text) => (/[",\n\r;\t]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function overrides() {
  const lines = [["image_id", "instance_id", "tag", ...BOX].join(",")];
  decided.forEach((label, i) => {
    if (label === OPEN) return;
    const values = [photos.id[instances.photo[i]], String(instances.id[i]), NAMES[label]].map(quoted);
    lines.push([...values, ...instances.box[i]].join(","));
  });
  return `${lines.join("\n")}\n`;
}

function save() {
  const text = overrides(), url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  element("a", { href: url, download: "overrides.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  saved.set(decided);
  keep();
  drawCounter();
  const rows = decided.reduce((count, label) => count + (label !== OPEN), 0);
  say(`Saved overrides.csv with ${rows} tag${rows === 1 ? "" : "s"}.`, "What now?", () => $("next").showModal());
}

// Rows of a CSV as spreadsheet programs write it: byte order mark, any line ends, commas, semicolons or tabs, quotes
function parse(text) {
  text = text.replace(/^\uFEFF/, "");
  const head = text.split(/[\r\n]/, 1)[0];
  const separator = [",", ";", "\t"].reduce((best, mark) => (head.split(mark).length > head.split(best).length ? mark : best));
  const rows = [[]];
  let value = "", inside = false;
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (inside) {
      if (mark !== '"') value += mark;
      else if (text[at + 1] === '"') value += text[++at];
      else inside = false;
    } else if (mark === '"' && value === "") {
      inside = true;
    } else if (mark === separator || mark === "\n" || mark === "\r") {
      rows.at(-1).push(value);
      value = "";
      if (mark === "\r" && text[at + 1] === "\n") at++;
      if (mark !== separator) rows.push([]);
    } else {
      value += mark;
    }
  }
  rows.at(-1).push(value);
  return rows.filter((values) => values.some((text) => text.trim()));
}

function load(name, text) {
  const [head = [], ...rows] = parse(text), columns = head.map((column) => column.trim());
  if (["image_id", "instance_id", "tag"].some((column) => !columns.includes(column))) {
    return say(`${name} has the columns ${columns.join(", ")}; image_id, instance_id and tag are needed. Nothing has changed.`);
  }
  const positions = new Map(), label = new Map(NAMES.map((tag, number) => [tag, number]));
  for (let i = 0; i < N; i++) positions.set(`${instances.id[i]} ${photos.id[instances.photo[i]]}`, i);
  const changes = new Map();
  let lost = 0;
  for (const values of rows) {
    const of = Object.fromEntries(columns.map((column, at) => [column, values[at] ?? ""]));
    const i = positions.get(`${Number(of.instance_id)} ${of.image_id}`), own = label.get(of.tag.trim());
    const same = i !== undefined && BOX.every((side, at) => !(side in of) || Number(of[side]) === instances.box[i][at]);
    if (same && own !== undefined && allowed(i, own)) changes.set(i, [i, decided[i], own]);
    else lost++;
  }
  const nothingElse = decided.every((own, i) => own === saved[i]);
  const fresh = [...changes.values()].filter(([, before, after]) => before !== after).length;
  step([...changes.values()], chosen);
  if (nothingElse && !lost) {
    saved.set(decided);
    keep();
    drawCounter();
  }
  say(`${name}: read ${changes.size} tags, ${fresh} of them new.` +
    (lost ? ` ${lost} rows match no instance of this page, or no keyword of its photo, and were left out.` : ""));
}

function open(file) {
  if (file) file.text().then((text) => load(file.name, text), (error) => say(`${file.name} cannot be read (${error.message}).`));
}

let silence;
function say(text, action, act) {
  clearTimeout(silence);
  $("message").textContent = text;
  $("message").hidden = false;
  if (act) {
    const button = element("button", { type: "button" }, action);
    button.addEventListener("click", act);
    $("message").append(" ", button);
  }
  silence = setTimeout(() => { $("message").hidden = true; }, 9000);
}

// ---------------------------------------------------------------- start

function options(select, pairs) {
  for (const [value, text] of pairs) $(select).append(element("option", { value }, text));
}

const count = (labels) => labels.reduce((counts, label) => counts.set(label, (counts.get(label) ?? 0) + 1), new Map());
const byTag = count(instances.label), byKeyword = count(instances.photo.flatMap((photo) => photos.keywords[photo]));
const named = (counts) => categories.map((category, at) => [at + 1, `${category.name} (${counts.get(at + 1) ?? 0})`]);
const usable = Object.entries(SORTS).filter(([name]) => hasMargins || !name.startsWith("margin"));
options("sort", usable.map(([name, [text]]) => [name, text]));
options("tag", [["", "any"], [NOISY, `noisy (${byTag.get(NOISY) ?? 0})`], ["some", "not noisy"],
  ...named(byTag).filter((pair) => byTag.has(pair[0]) || byKeyword.has(pair[0]))]);
options("keyword", [["", "any"], ...named(byKeyword).filter((pair) => byKeyword.has(pair[0]))]);
$("title").textContent = `Review: ${REVIEW.name}`;
$("title").title = `Tags of ${REVIEW.assignment}, ${N} instances in ${photos.id.length} photos`;

// Photos without instances are in no list, so they have a window of their own
function drawEmpty() {
  $("empty").hidden = !empty.length;
  $("empty").textContent = `Photos without an instance (${empty.length})`;
  $("empty-photos").replaceChildren(...empty.map((photo) => element("figure", {},
    element("img", { src: photos.thumbnail[photo], loading: "lazy", alt: "" }),
    element("figcaption", {}, element("b", {}, photos.id[photo]), ` ${photos.keywords[photo].map((label) => NAMES[label]).join(", ")}`))));
}

for (const name of ["sort", "tag", "keyword", "several", "gap", "decision"]) $(name).addEventListener("change", filter);
$("photo").addEventListener("input", filter);
$("filters").addEventListener("reset", () => setTimeout(filter));
$("filters").addEventListener("submit", (event) => event.preventDefault());
$("list").addEventListener("scroll", drawList);
$("list").addEventListener("click", (event) => {
  const node = event.target.closest(".row");
  if (node) go(Number(node.dataset.position));
});
$("undo").addEventListener("click", undo);
$("redo").addEventListener("click", redo);
$("save").addEventListener("click", save);
$("help").addEventListener("click", () => $("keys").showModal());
$("empty").addEventListener("click", () => $("without").showModal());
$("after").addEventListener("click", () => { $("keys").close(); $("next").showModal(); });
$("copy").addEventListener("click", () => navigator.clipboard.writeText(REVIEW.command).then(
  () => { $("copy").textContent = "Copied"; }, () => getSelection().selectAllChildren($("command"))));
$("load").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", () => { open($("file").files[0]); $("file").value = ""; });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => { event.preventDefault(); open(event.dataTransfer.files[0]); });
addEventListener("resize", () => { drawList(); sizeWords(); });
addEventListener("beforeunload", (event) => { if (counts().unsaved) event.preventDefault(); });
addEventListener("storage", (event) => { if (event.key === STORE) { restore(); show(); } });   // another tab of this page

if (matchMedia("(max-width: 720px)").matches) $("panel").open = false;
$("command").textContent = REVIEW.command;
restore();
drawEmpty();
filter();
drawCounter();
$("list").focus();
const { unsaved } = counts();
if (unsaved) say(`${unsaved} decision${unsaved === 1 ? "" : "s"} of your last visit restored, not saved yet.`);
