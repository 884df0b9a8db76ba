"use strict";
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const frames = D.frames;
  const $ = (id) => document.getElementById(id);
  const make = (tag, parent, text, name) => {
    const e = document.createElement(tag);
    if (text !== undefined) e.textContent = text;
    if (name) e.className = name;
    if (parent) parent.append(e);
    return e;
  };
  const draw = (tag, parent, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
    if (text !== undefined) e.textContent = text;
    parent.append(e);
    return e;
  };
  const words = (name) => name.replaceAll("_", " ");
  const percent = (part, digits = 0) => (100 * part).toFixed(digits) + " %";
  const fill = (bar, part) => { bar.style.width = 100 * Math.min(1, Math.max(0, part)) + "%"; };
  const clock = (s) => (s < 60 ? s.toFixed(2) + " s" : Math.floor(s / 60) + ":" + (s % 60).toFixed(1).padStart(4, "0"));
  const dot = (parent, colour) => { make("i", parent, undefined, "dot").style.background = colour; };
  const colours = Uint8Array.from(atob(D.colours), (c) => c.charCodeAt(0));
  const hasHeat = frames.some((f) => f.pictures.heat);
  const end = Math.max(D.duration, 1e-3);
  const state = { at: 0, pinned: 0, mode: "overlay", opacity: D.glow.strength, shape: "stacked", timer: 0 };

  // Pictures are decoded once, when they are first wanted.
  const decoded = new Map();
  const picture = (data) => {
    if (!decoded.has(data)) decoded.set(data, new Promise((done) => {
      const image = new Image();
      image.onload = () => done(image);
      image.onerror = () => done(null);
      image.src = "data:image/jpeg;base64," + data;
    }));
    return decoded.get(data);
  };

  // Grey maps become coloured at a few hundred pixels; the canvas enlarges them smoothly.
  const scratch = document.createElement("canvas");
  const paintMap = (canvas, image, alpha) => {
    const scale = Math.max(1, Math.round(320 / image.width));
    canvas.width = image.width * scale; canvas.height = image.height * scale;
    const c = canvas.getContext("2d", { willReadFrequently: true });
    c.imageSmoothingQuality = "high";
    c.drawImage(image, 0, 0, canvas.width, canvas.height);
    const pixels = c.getImageData(0, 0, canvas.width, canvas.height), p = pixels.data;
    for (let k = 0; k < p.length; k += 4) {
      const rise = Math.max(0, (p[k] / 255 - D.glow.floor) / (1 - D.glow.floor));
      const hue = 3 * (alpha === undefined ? p[k] : Math.round(64 + 191 * rise));
      p[k] = colours[hue]; p[k + 1] = colours[hue + 1]; p[k + 2] = colours[hue + 2];
      if (alpha !== undefined) p[k + 3] = 255 * alpha * Math.sin(rise * Math.PI / 2) ** 1.5;
    }
    c.putImageData(pixels, 0, 0);
  };

  const personColour = Object.fromEntries(D.people.map((p) => [p.track, p.colour]));
  const chip = (c, text, x, y, colour, size) => {
    c.font = `600 ${size}px system-ui, sans-serif`;
    const wide = c.measureText(text).width + size, high = size * 1.6;
    const left = Math.max(0, Math.min(x, c.canvas.width - wide)), top = y >= high ? y - high : Math.max(y, 0);
    c.fillStyle = colour; c.fillRect(left, top, wide, high);
    c.fillStyle = "#121016"; c.textBaseline = "middle"; c.fillText(text, left + size / 2, top + high / 2);
  };
  const drawPeople = (c, f) => {
    const { width, height } = c.canvas, ratio = devicePixelRatio || 1;
    c.lineWidth = 2 * ratio;
    for (const [track, box] of Object.entries(f.boxes)) {
      const colour = personColour[track] || "#ffffff", share = f.shares[track];
      c.strokeStyle = colour;
      c.strokeRect(box[0] * width, box[1] * height, (box[2] - box[0]) * width, (box[3] - box[1]) * height);
      chip(c, hasHeat && share !== undefined ? `${track}  ${percent(share)}` : track, box[0] * width - ratio, box[1] * height, colour, 13 * ratio);
    }
  };
  const drawPeak = (c, peak) => {
    const ratio = devicePixelRatio || 1, x = peak[0] * c.canvas.width, y = peak[1] * c.canvas.height;
    for (const [colour, width] of [["#141018", 4], ["#ffffff", 2]]) {
      c.strokeStyle = colour; c.lineWidth = width * ratio;
      c.beginPath(); c.arc(x, y, 9 * ratio, 0, 2 * Math.PI); c.stroke();
    }
  };
  const drawView = async (f, current) => {
    const image = await picture(f.pictures.frame), heat = f.pictures.heat && await picture(f.pictures.heat);
    if (!image || !current()) return;
    const view = $("view"), c = view.getContext("2d"), width = Math.max(1, Math.round(view.clientWidth * (devicePixelRatio || 1)));
    view.width = width; view.height = Math.round(width * image.height / image.width);
    c.imageSmoothingQuality = "high";
    c.drawImage(image, 0, 0, view.width, view.height);
    if (heat && state.mode !== "plain") {
      const over = state.mode === "overlay";
      if (over) {
        c.fillStyle = `rgb(0 0 0 / ${(1 - D.glow.light) * Math.min(1, state.opacity / D.glow.strength)})`;
        c.fillRect(0, 0, view.width, view.height);
      }
      paintMap(scratch, heat, over ? state.opacity : undefined);
      c.drawImage(scratch, 0, 0, view.width, view.height);
    }
    drawPeople(c, f);
    if (f.peak && state.mode !== "plain") drawPeak(c, f.peak);
    view.setAttribute("aria-label", `Frame ${f.index} at ${clock(f.time)}`);
  };

  // Tiles: every cue and, last, what was made of them.
  const tiles = D.cues.map((cue) => ({ key: "cue:" + cue.name, name: words(cue.name), colour: cue.colour, gate: D.gates.findIndex((g) => g.name === cue.name) }));
  if (hasHeat) tiles.push({ key: "heat", name: "fused", gate: -1, fused: true });
  for (const tile of tiles) {
    const figure = make("figure", $("cues"), undefined, tile.fused ? "fused" : "");
    tile.canvas = make("canvas", figure);
    tile.canvas.width = D.size[1] || 16; tile.canvas.height = D.size[0] || 9;
    const caption = make("figcaption", figure), title = make("span", caption);
    if (tile.colour) dot(title, tile.colour);
    title.append(tile.name);
    tile.value = make("span", caption);
    if (tile.gate >= 0) { tile.bar = make("i", make("div", figure, undefined, "meter")); tile.bar.style.background = tile.colour; }
  }
  const drawTiles = (f, current) => {
    for (const tile of tiles) {
      const data = f.pictures[tile.key];
      if (data) picture(data).then((image) => image && current() && paintMap(tile.canvas, image));
      const gate = f.gates[tile.gate];
      if (tile.bar) { tile.value.textContent = gate === undefined ? "" : gate.toFixed(2); fill(tile.bar, gate || 0); }
    }
  };

  // Time line.
  const LEFT = 40, series = (item, name) => ({ name, colour: item.colour, values: item.values, track: item.track });
  const people = hasHeat ? D.people.filter((p) => p.values) : [];
  const plots = [];
  const addPlot = (id, lines, stackable) => {
    const host = $(id);
    if (!lines.length) { host.hidden = true; return; }
    const legend = host.querySelector(".legend");
    for (const line of lines) {
      const entry = make("li", legend);
      dot(entry, line.colour);
      entry.append(line.name + " ");
      line.now = make("b", entry);
    }
    plots.push({ svg: host.querySelector("svg"), lines, stackable });
  };
  addPlot("gates", D.gates.filter((g) => g.values.some((v) => v !== null)).map((g) => series(g, words(g.name))), true);
  addPlot("shares", people.map((p) => series(p, "person " + p.track)), false);
  const axis = { svg: $("axis").firstElementChild, lines: [] };

  const area = (upper, lower) => "M" + upper.map((p) => p.join(",")).join("L") + "L" + lower.slice().reverse().map((p) => p.join(",")).join("L") + "Z";
  const drawPlot = (plot) => {
    const { svg, lines } = plot, width = svg.clientWidth, height = svg.clientHeight;
    if (!width) return;
    svg.replaceChildren();
    const stacked = plot.stackable && state.shape === "stacked";
    const sums = D.times.map((_, k) => lines.reduce((sum, line) => sum + (line.values[k] || 0), 0));
    const highest = stacked ? Math.max(...sums) : Math.max(...lines.map((line) => Math.max(...line.values.map((v) => v || 0))));
    const top = Math.max(highest * 1.08, 0.01);
    const X = (t) => LEFT + (t / end) * (width - LEFT - 8), Y = (v) => +(height - 2 - (v / top) * (height - 10)).toFixed(1);
    const x = D.times.map((t) => +X(t).toFixed(1));
    const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5].find((s) => top / s < 4.5) || top;
    for (let v = 0; v <= top; v += step) {
      draw("line", svg, { class: "grid", x1: LEFT, x2: width - 8, y1: Y(v), y2: Y(v) });
      draw("text", svg, { x: LEFT - 8, y: Y(v) + 4, "text-anchor": "end" }, plot.stackable ? v.toFixed(step < 0.1 ? 2 : 1) : percent(v));
    }
    let base = D.times.map(() => 0);
    for (const line of lines) {
      if (stacked) {
        const upper = base.map((b, k) => b + (line.values[k] || 0));
        draw("path", svg, { d: area(upper.map((v, k) => [x[k], Y(v)]), base.map((v, k) => [x[k], Y(v)])), fill: line.colour, "fill-opacity": 0.85 });
        base = upper;
        continue;
      }
      let path = "", pen = false;
      line.values.forEach((v, k) => { if (v === null) { pen = false; return; } path += (pen ? "L" : "M") + x[k] + "," + Y(v) + (pen ? "" : "h.1"); pen = true; });
      draw("path", svg, { d: path, fill: "none", stroke: line.colour, "stroke-width": 2.2, "stroke-linejoin": "round", "stroke-linecap": "round" });
    }
    plot.cursor = draw("line", svg, { class: "cursor", y1: 0, y2: height });
  };
  const drawAxis = () => {
    const { svg } = axis, width = svg.clientWidth;
    svg.replaceChildren();
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800].find((s) => end / s <= Math.max(2, width / 90)) || end;
    for (let t = 0; t <= end; t += step) draw("text", svg, { x: LEFT + (t / end) * (width - LEFT - 8), y: 14, "text-anchor": "middle" }, t < 60 ? `${+t.toFixed(1)} s` : clock(t));
    axis.cursor = draw("path", svg, { class: "knob", d: "M0,0l5,8h-10z" });
  };
  const binAt = (t) => { let k = 0; while (k + 1 < D.times.length && D.times[k + 1] <= t + 1e-6) k++; return k; };
  const moveCursor = (f) => {
    const k = binAt(f.time);
    for (const plot of plots) {
      const at = LEFT + (f.time / end) * (plot.svg.clientWidth - LEFT - 8);
      if (plot.cursor) { plot.cursor.setAttribute("x1", at); plot.cursor.setAttribute("x2", at); }
      for (const line of plot.lines) {
        const v = line.values[k];
        line.now.textContent = v === null || v === undefined ? "–" : plot.stackable ? v.toFixed(2) : percent(v);
      }
    }
    if (axis.cursor) axis.cursor.setAttribute("transform", `translate(${LEFT + (f.time / end) * (axis.svg.clientWidth - LEFT - 8)},0)`);
    const slider = $("timeline");
    slider.setAttribute("aria-valuemax", end.toFixed(2));
    slider.setAttribute("aria-valuenow", f.time.toFixed(2));
    slider.setAttribute("aria-valuetext", `${clock(f.time)}, frame ${f.index}`);
  };

  // One way to show a frame; everything else calls it.
  let ticket = 0;
  const show = (at, pin = true) => {
    if (!frames.length) return Promise.resolve();
    state.at = Math.max(0, Math.min(frames.length - 1, at));
    if (pin) state.pinned = state.at;
    const mine = ++ticket, current = () => mine === ticket, f = frames[state.at];
    $("clock").replaceChildren(make("b", null, clock(f.time)), ` · frame ${f.index} of ${D.count}`);
    document.body.dataset.frame = f.index;
    moveCursor(f);
    drawTiles(f, current);
    if (pin && !state.timer) history.replaceState(null, "", "#frame=" + f.index);
    return drawView(f, current);
  };
  const nearest = (key, wanted) => frames.reduce((best, f, k) => (Math.abs(f[key] - wanted) < Math.abs(frames[best][key] - wanted) ? k : best), 0);
  const fromHash = () => {
    const [, key, value] = /^#(frame|time)=([\d.]+)$/.exec(location.hash) || [];
    return key ? nearest(key === "frame" ? "index" : "time", +value) : 0;
  };

  // Playing keeps the pace of the video.
  const ICONS = { play: "M8 5v14l11-7z", pause: "M7 5h4v14H7zm6 0h4v14h-4z" };
  const stop = () => {
    clearTimeout(state.timer); state.timer = 0;
    $("play").setAttribute("aria-label", "Play"); $("play").querySelector("path").setAttribute("d", ICONS.play);
  };
  const tick = () => {
    const next = (state.at + 1) % frames.length, gap = next ? frames[next].time - frames[state.at].time : 0.8;
    state.timer = setTimeout(async () => { await show(next); if (state.timer) tick(); }, Math.max(30, 1000 * gap));
  };
  const toggle = () => {
    if (state.timer || frames.length < 2) { stop(); return; }
    $("play").setAttribute("aria-label", "Pause"); $("play").querySelector("path").setAttribute("d", ICONS.pause);
    tick();
  };
  const step = (by) => { stop(); show(state.pinned + by); };

  const timeline = $("timeline");
  const pointed = (event) => {
    const box = timeline.getBoundingClientRect();
    return nearest("time", end * (event.clientX - box.left - LEFT) / (box.width - LEFT - 8));
  };
  const onPlot = (event) => frames.length && event.target.closest(".plot");
  timeline.addEventListener("pointermove", (event) => {
    if (!onPlot(event)) return;
    if (event.buttons & 1) { stop(); show(pointed(event)); } else if (!state.timer) show(pointed(event), false);
  });
  timeline.addEventListener("pointerdown", (event) => { if (onPlot(event)) { stop(); show(pointed(event)); } });
  timeline.addEventListener("pointerleave", () => { if (!state.timer && state.at !== state.pinned) show(state.pinned); });
  $("play").addEventListener("click", toggle);
  $("opacity").value = 100 * state.opacity;
  $("opacity").addEventListener("input", (event) => { state.opacity = event.target.value / 100; show(state.at, false); });
  const segments = (id, key, changed) => $(id).addEventListener("click", (event) => {
    if (event.target.tagName !== "BUTTON") return;
    state[key] = event.target.dataset[key];
    for (const b of $(id).children) b.setAttribute("aria-pressed", b === event.target);
    changed();
  });
  segments("modes", "mode", () => show(state.at, false));
  segments("shape", "shape", () => { plots.forEach(drawPlot); moveCursor(frames[state.at]); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
    const by = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -frames.length, End: frames.length }[event.key];
    if (by) step(by);
    else if (event.key === " " && !event.target.closest("button, summary")) toggle();
    else return;
    event.preventDefault();
  });
  addEventListener("hashchange", () => show(fromHash()));

  // What does not change from frame to frame.
  $("title").textContent = D.title;
  const fact = (value, unit) => { const e = make("li", $("facts")); make("b", e, value); e.append(" " + unit); };
  const timings = D.summary.timings || {};
  fact(D.count, D.count === 1 ? "frame" : "frames");
  fact(clock(D.duration), "long");
  const known = D.people.length + D.more_people;
  fact(known, known === 1 ? "person" : "people");
  fact(D.cues.length, D.cues.length === 1 ? "cue" : "cues");
  if (timings.frames_per_s) fact(timings.frames_per_s.toFixed(1), "frames/s");
  if (!hasHeat) { $("modes").hidden = true; $("glow").hidden = true; }
  for (const line of D.summary.warnings) { make("li", $("warnings").querySelector("ul"), line); $("warnings").hidden = false; }

  const personRow = (name, colour, share, face) => {
    const row = make("tr", $("people").tBodies[0]), who = make("div", make("td", row), undefined, "who");
    const image = make(face ? "img" : "span", who, undefined, face ? "" : "blank");
    if (face) { image.src = "data:image/jpeg;base64," + face; image.alt = ""; }
    image.style.borderColor = colour;
    who.append(name);
    const amount = make("td", row, hasHeat ? percent(share, 1) : "–", "amount");
    const bar = make("i", make("div", amount, undefined, "meter"));
    fill(bar, share); bar.style.background = colour;
    return make("td", row);
  };
  for (const person of D.people) {
    const cell = personRow("Person " + person.track, person.colour, person.share, person.face);
    for (const [k, t] of [person.first, person.last].entries()) {
      if (k) cell.append(" – ");
      make("button", cell, clock(t)).addEventListener("click", () => { stop(); show(nearest("time", t)); });
    }
    make("div", cell, `${person.frames} frames`, "hint");
  }
  if (hasHeat && D.people.length) personRow("Elsewhere", "var(--line)", D.elsewhere).textContent = "on nobody's face";
  if (D.more_people) { const row = make("tr", $("people").tBodies[0]), cell = make("td", row, `and ${D.more_people} more with less attention`, "hint"); cell.colSpan = 3; }
  if (!D.people.length) { $("people").hidden = true; $("nobody").hidden = false; }

  const list = (title, entries, show) => {
    if (!entries.length) return;
    make("h3", $("run"), title);
    const dl = make("dl", $("run"));
    for (const [key, value] of entries) { make("dt", dl, words(key.replace(/_per_s$/, "_per_second").replace(/_s$/, " (s)"))); show(make("dd", dl), value); }
  };
  const plainText = (cell, value) => { cell.textContent = typeof value === "object" ? JSON.stringify(value) : value; };
  const { warnings: _w, config, versions, timings: _t, ...rest } = D.summary;
  const { stages_s: stages = {}, ...speed } = timings;
  const slowest = Math.max(1e-6, ...Object.values(stages));
  list("Time per stage", Object.entries(stages).sort((a, b) => b[1] - a[1]), (cell, seconds) => {
    cell.className = "stage-time";
    fill(make("i", make("div", cell, undefined, "meter")), seconds / slowest);
    make("span", cell, seconds.toFixed(2) + " s");
  });
  list("Speed", Object.entries(speed), plainText);
  list("Versions", Object.entries(versions || {}), plainText);
  list("More", Object.entries(rest), plainText);
  if (config) $("config").querySelector("pre").textContent = JSON.stringify(config, null, 2); else $("config").hidden = true;

  const layout = () => { plots.forEach(drawPlot); drawAxis(); if (frames.length) show(state.at, false); };
  addEventListener("resize", layout);
  layout();
  if (!frames.length) { $("clock").textContent = "no frames"; document.body.dataset.ready = "1"; return; }
  show(fromHash()).then(() => { document.body.dataset.ready = "1"; });
})();
