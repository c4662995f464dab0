"use strict";
// Shows what /events tells. Texts come from programs and servers: they are only ever set as text, never as markup.

const byId = (id) => document.getElementById(id);
const pools = new Map(); // by number: the section, the points of the last ten minutes, the health that was told
let paused = false;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const svgSpace = byId("svg").namespaceURI;

function draw(tag, attributes) {
  const element = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function shownTime(s) {
  if (s === null || s === undefined) return "–";
  if (s < 0.5e-6) return "0";
  if (s < 1e-3) return `${(s * 1e6).toPrecision(s < 1e-4 ? 2 : 3).replace(/e\+\d+/, "")} µs`;
  if (s < 1) return `${Number((s * 1e3).toPrecision(3))} ms`;
  if (s < 60) return `${Number(s.toPrecision(3))} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

const shownNumber = (n) => (n < 10 ? n.toFixed(1).replace(/\.0$/, "") : Math.round(n).toLocaleString("en"));
const shownPart = (part) => `${Number((part * 100).toPrecision(2))} %`;
// The end of a path says enough: "/srv/shop/app.py:41 in load" is "shop/app.py:41 in load".
const shownPlace = (place) => place.replace(/^\S*\/(?=[^/\s]+\/[^/\s]+:\d+)/, "");
const clock = (unix) => new Date(unix * 1000).toLocaleTimeString();

// Connections: one cell for each, by state; a letter and the border's kind say the same as the colour.

const states = [
  ["idle", "i", "idle"], ["leased", "L", "leased"], ["held", "H", "leased, running nothing"], ["connecting", "C", "connecting"],
  ["resetting", "R", "resetting"], ["checking", "?", "checking"], ["closing", "×", "closing"], ["none", "", "not open"],
];
const mostCells = 200;

function showConnections(section, pool) {
  const counts = { ...pool.connections, held: pool.leases.filter((lease) => lease.held_idle).length };
  counts.held = Math.min(counts.held, counts.leased);
  counts.leased -= counts.held;
  const open = Object.values(counts).reduce((sum, count) => sum + count, 0);
  counts.none = Math.max(pool.max_size - open, 0);
  const strip = section.querySelector(".strip");
  const cells = states.flatMap(([state, letter]) => Array.from({ length: Math.min(counts[state], mostCells) }, () => [state, letter]));
  strip.replaceChildren(...cells.slice(0, mostCells).map(([state, letter]) => make("span", `cell ${state}`, letter)));
  strip.setAttribute("aria-label", states.filter(([state]) => counts[state] > 0)
    .map(([state, , words]) => `${counts[state]} ${words}`).join(", "));
  section.querySelector(".legend").replaceChildren(...states.map(([state, letter, words]) => {
    const item = make("li", counts[state] === 0 ? "zero" : "");
    const sample = make("span", `cell ${state}`, letter);
    sample.setAttribute("aria-hidden", "true");
    item.append(sample, make("span", "", `${counts[state]} ${words}`));
    return item;
  }));
}

// Charts

function figure(title, note, svg, scale, words) {
  const result = make("figure");
  const caption = make("figcaption", "", title);
  caption.append(make("span", "", note));
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}: ${words}`);
  const axis = make("div", "scale");
  axis.setAttribute("aria-hidden", "true");
  axis.append(...scale.map((text) => make("span", "", text)));
  result.append(caption, svg, axis);
  return result;
}

// From 1 µs to 67 s, one bar for each doubling: what is shorter or longer is in the first or the last.
const [leastPower, bars] = [-20, 27];

function histogram(title, times) {
  const counts = new Array(bars).fill(0);
  for (const [end, count] of times.buckets) {
    counts[Math.min(Math.max(Math.round(Math.log2(end)) - leastPower, 0), bars - 1)] += count;
  }
  const most = Math.max(...counts, 1);
  const svg = draw("svg", { viewBox: `0 0 ${bars * 10} 100`, preserveAspectRatio: "none" });
  counts.forEach((count, i) => {
    if (count === 0) return;
    const height = Math.max((count / most) * 96, 2);
    svg.append(draw("rect", { class: "bar", x: i * 10 + 1, y: 100 - height, width: 8, height }));
  });
  svg.append(draw("line", { class: "axis", x1: 0, y1: 100, x2: bars * 10, y2: 100 }));
  if (times.count > 0) {
    const at = Math.min(Math.max((Math.log2(Math.max(times.p95, 1e-7)) - leastPower + 1) * 10, 0), bars * 10);
    svg.append(draw("line", { class: "mark", x1: at, y1: 0, x2: at, y2: 100 }));
  }
  const words = times.count === 0 ? "none"
    : `${shownNumber(times.count)}, median ${shownTime(times.p50)}, 95 % up to ${shownTime(times.p95)}, longest ${shownTime(times.max)}`;
  const note = times.count === 0 ? "none" : `p50 ${shownTime(times.p50)} · p95 ${shownTime(times.p95)} · max ${shownTime(times.max)}`;
  return figure(title, note, svg, ["1 µs", "32 µs", "1 ms", "32 ms", "1 s", "1 min"], words);
}

function curve(title, points, value, shown) {
  const width = 119;
  const values = points.map(value);
  if (values.length === 1) values.push(values[0]); // a point alone is no line
  const most = Math.max(...values, 1e-9);
  const svg = draw("svg", { viewBox: `0 0 ${width} 100`, preserveAspectRatio: "none" });
  const line = values.map((it, i) => `${width - values.length + 1 + i},${(98 - (it / most) * 92).toFixed(1)}`);
  if (line.length > 0) {
    const first = width - values.length + 1;
    svg.append(draw("polygon", { class: "under", points: `${first},100 ${line.join(" ")} ${width},100` }));
    svg.append(draw("polyline", { class: "curve", points: line.join(" ") }));
  }
  svg.append(draw("line", { class: "axis", x1: 0, y1: 100, x2: width, y2: 100 }));
  const last = values.length > 0 ? shown(values[values.length - 1]) : "–";
  const note = values.length > 0 ? `now ${last} · most ${shown(Math.max(...values))}` : "the first point comes after 5 s";
  return figure(title, note, svg, ["10 min ago", "5 min", "now"], note);
}

function showCharts(section, pool, points) {
  section.querySelector(".times .charts").replaceChildren(
    histogram("Wait for a connection", pool.minute.wait), histogram("Statement at the server", pool.minute.operation),
    histogram("Use of a lease", pool.minute.use), histogram("Connect", pool.minute.connect));
  section.querySelector(".past .charts").replaceChildren(
    curve("Requests per second", points, (it) => it.requests_per_second, shownNumber),
    curve("Wait, 95 % up to", points, (it) => it.wait_p95, shownTime),
    curve("Connections leased", points, (it) => it.leased, shownNumber), curve("Callers waiting", points, (it) => it.waiting, shownNumber));
}

function showFigures(section, pool) {
  const waiting = pool.waiters.connection + pool.waiters.statement;
  const rows = [
    ["Requests per second", shownNumber(pool.minute.requests_per_second), false],
    ["Requests that waited", shownPart(pool.minute.waited), pool.minute.waited > 0.1],
    ["Leased", `${pool.connections.leased} of ${pool.max_size}`, pool.connections.leased >= pool.max_size],
    ["Waiting now", shownNumber(waiting), waiting > 0],
    ["Wait, p95", pool.minute.wait.count > 0 ? shownTime(pool.minute.wait.p95) : "–", false],
    ["Statement, p95", pool.minute.operation.count > 0 ? shownTime(pool.minute.operation.p95) : "–", false],
  ];
  section.querySelector(".figures").replaceChildren(...rows.map(([name, value, loud]) => {
    const row = make("div", loud ? "loud" : "");
    row.append(make("dt", "", name), make("dd", "", value));
    return row;
  }));
}

// Tables: `columns` are [heading, class, what a cell shows of a row].

const tables = [
  ["Leases", "leases", "No connection is leased.", (pool) => pool.leases_total, (lease) => lease.held_idle, [
    ["Age", "time", (it) => shownTime(it.age)],
    ["Place", "text", (it) => [shownPlace(it.place), it.name && `for “${it.name}”`].filter(Boolean).join(" ")],
    ["Holder", "text", (it) => it.holder],
    ["Doing", "text", (it) => (it.held_idle ? ["tag", `held idle for ${shownTime(it.idle)}`]
      : it.idle !== null ? `nothing for ${shownTime(it.idle)}` : `running for ${shownTime(it.running)}`)],
    ["Transaction", "", (it) => (it.transaction === "none" || it.transaction === "unknown" ? "" : it.transaction)],
    ["Statement", "code", (it) => it.statement],
    ["Connection", "", (it) => `${it.connection} (pid ${it.backend_pid})`],
  ]],
  ["Queue", "waiting", "Nobody waits.", (pool) => pool.waiting_total, () => false, [
    ["Waiting", "time", (it) => shownTime(it.age)], ["For a", "", (it) => it.kind], ["Place", "text", (it) => shownPlace(it.place)],
    ["Holder", "text", (it) => it.holder], ["Statement", "code", (it) => it.statement],
  ]],
  ["Slowest statements of the last ten minutes", "slowest", "None yet.", null, () => false, [
    ["Took", "time", (it) => shownTime(it.seconds)], ["Statement", "code", (it) => it.statement],
    ["Connection", "", (it) => it.connection], ["Ended", "time", (it) => clock(it.time)],
  ]],
  ["Last errors", "errors", "None since the pool is shown.", null, () => false, [
    ["When", "time", (it) => clock(it.time)], ["Error", "", (it) => [it.kind, it.sqlstate].filter(Boolean).join(" ")],
    ["Message", "text", (it) => it.message],
  ]],
  ["Last connections closed", "closes", "None since the pool is shown.", null, () => false, [
    ["When", "time", (it) => clock(it.time)], ["Connection", "", (it) => it.connection], ["Reason", "", (it) => it.reason],
    ["Last words", "text", (it) => it.last_words],
  ]],
];

function makeTables() {
  return tables.map(([title, , , , , columns]) => {
    const card = make("div", "card");
    const scroll = make("div", "scroll");
    const table = make("table");
    const caption = make("caption", "", title + " ");
    caption.append(make("small"));
    const head = make("tr");
    for (const [name] of columns) {
      const cell = make("th", "", name);
      cell.scope = "col";
      head.append(cell);
    }
    const top = make("thead");
    top.append(head);
    table.append(caption, top, make("tbody"));
    scroll.append(table);
    card.append(scroll, make("p", "nothing"));
    return card;
  });
}

function showTable(card, [, key, nothing, total, marked, columns], pool) {
  const rows = pool[key];
  const all = total ? total(pool) : rows.length;
  card.querySelector("caption small").textContent = all > rows.length ? `the ${rows.length} oldest of ${all}` : rows.length > 0 ? String(all) : "";
  card.querySelector("thead").hidden = rows.length === 0;
  card.querySelector(".nothing").textContent = rows.length === 0 ? nothing : "";
  card.querySelector("tbody").replaceChildren(...rows.map((row) => {
    const line = make("tr", marked(row) ? "marked" : "");
    for (const [name, className, shown] of columns) {
      const what = shown(row);
      const [tag, text] = Array.isArray(what) ? what : ["", what];
      const empty = text === null || text === undefined || text === "";
      const cell = make("td", `${className}${empty ? " void" : ""}`);
      cell.dataset.label = name;
      cell.append(make("span", tag, empty ? "" : String(text)));
      line.append(cell);
    }
    return line;
  }));
}

// All of it

function sectionOf(pool) {
  const known = pools.get(pool.number);
  if (known) return known;
  const section = byId("pool").content.cloneNode(true).firstElementChild;
  const title = section.querySelector("h2");
  title.id = `pool-${pool.number}`;
  title.textContent = pool.name;
  section.setAttribute("aria-labelledby", title.id);
  section.querySelector(".tables").append(...makeTables());
  byId("pools").append(section);
  const made = { section, points: [], told: null };
  pools.set(pool.number, made);
  return made;
}

function showHealth(known, pool) {
  const pill = known.section.querySelector(".health");
  pill.textContent = pool.health.ok ? "✓ healthy" : `✕ ${pool.state === "open" ? "not healthy" : pool.state}`;
  pill.className = `pill health ${pool.health.ok ? "good" : "bad"}`;
  const reason = known.section.querySelector(".reason");
  reason.hidden = pool.health.ok;
  reason.textContent = pool.health.reason;
  // Read aloud only when it changes.
  if (known.told !== null && known.told !== pool.health.ok) {
    byId("news").textContent = `Pool ${pool.name}: ${pool.health.ok ? "healthy again" : pool.health.reason}`;
  }
  known.told = pool.health.ok;
}

function keep(points, news) {
  for (const point of news) {
    if (points.length === 0 || point.time > points[points.length - 1].time) points.push(point);
  }
  points.splice(0, Math.max(points.length - 120, 0));
}

function show(told) {
  const process = told.process;
  byId("program").textContent = process.program;
  byId("process").textContent = `process ${process.pid} on ${process.host}, since ${new Date(process.started * 1000).toLocaleString()}`;
  document.title = `${told.pools.some((pool) => !pool.health.ok) ? "✕ " : ""}${process.program} · copg`;
  for (const pool of told.pools) {
    const known = sectionOf(pool);
    keep(known.points, pool.history);
    if (paused) continue;
    showHealth(known, pool);
    showFigures(known.section, pool);
    showConnections(known.section, pool);
    showCharts(known.section, pool, known.points);
    const cards = known.section.querySelectorAll(".tables > .card");
    tables.forEach((table, i) => showTable(cards[i], table, pool));
    const advice = known.section.querySelector(".advice");
    advice.hidden = !pool.advice;
    advice.textContent = pool.advice ? `Advice: ${pool.advice.text}` : "";
  }
  const shown = new Set(told.pools.map((pool) => pool.number));
  for (const [number, known] of pools) {
    if (shown.has(number)) continue;
    known.section.remove();
    pools.delete(number);
  }
  byId("empty").hidden = pools.size > 0;
  byId("empty").textContent = "No pool is shown.";
}

function say(text, className) {
  byId("link").textContent = text;
  byId("link").className = `pill ${className}`;
}

const events = new EventSource("events");
events.onmessage = (event) => {
  if (!paused) say("● live", "good");
  show(JSON.parse(event.data));
};
events.onerror = () => say("✕ no answer, trying again", "bad");
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Go on" : "Pause";
  if (paused) say("‖ paused", "");
});
