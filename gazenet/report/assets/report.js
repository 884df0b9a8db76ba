"use strict";
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const el = (id) => document.getElementById(id);
  const make = (tag, text, parent) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (parent) parent.append(e); return e; };
  const CUE_COLOURS = ["#e4572e", "#2e86ab", "#17b890", "#f3a712", "#8e6bbf", "#6b705c", "#b56576", "#3a5a40"];
  const personColour = (track) => D.colours[track % D.colours.length];
  const lut = Uint8Array.from(atob(D.lut), (c) => c.charCodeAt(0));
  const state = { at: 0, mode: "overlay", opacity: 0.75, timer: 0 };
  const load = (b64) => new Promise((ok) => { const i = new Image(); i.onload = () => ok(i); i.src = "data:image/jpeg;base64," + b64; });
  const clean = (s) => s.toFixed(2) + " s";

  el("title").textContent = D.title;
  const time = D.summary.timings || {};
  el("facts").textContent = `${D.count} frames · ${D.people.length} ${D.people.length === 1 ? "person" : "people"} · ${D.cues.length} cues` +
    (time.frames_per_s ? ` · ${time.frames_per_s.toFixed(1)} frames/s` : "");
  el("seek").max = Math.max(D.frames.length - 1, 0);

  const cueViews = D.cues.map((name) => {
    const figure = make("figure", undefined, el("cues")), canvas = make("canvas", undefined, figure), caption = make("figcaption", undefined, figure);
    make("span", name.replaceAll("_", " "), caption);
    return { name, canvas, gate: make("span", "", caption) };
  });

  function paintHeat(canvas, image, width, height, plain) {
    canvas.width = width; canvas.height = height;
    const c = canvas.getContext("2d", { willReadFrequently: true });
    c.imageSmoothingEnabled = true; c.drawImage(image, 0, 0, width, height);
    const pixels = c.getImageData(0, 0, width, height), p = pixels.data;
    for (let k = 0; k < p.length; k += 4) {
      const v = p[k];
      p[k] = lut[3 * v]; p[k + 1] = lut[3 * v + 1]; p[k + 2] = lut[3 * v + 2];
      p[k + 3] = plain ? 255 : Math.min(255, Math.max(0, v * 1.3 - 12)) * state.opacity;
    }
    c.putImageData(pixels, 0, 0);
  }

  const scratch = document.createElement("canvas");
  let ticket = 0;
  async function show(index) {
    if (!D.frames.length) return;
    state.at = Math.max(0, Math.min(D.frames.length - 1, index));
    const mine = ++ticket, f = D.frames[state.at];
    el("seek").value = state.at;
    el("clock").textContent = `${clean(f.t)} · frame ${f.index}`;
    document.body.dataset.frame = f.index;
    history.replaceState(null, "", "#frame=" + f.index);
    const frame = await load(f.img), heat = f.heat ? await load(f.heat) : null;
    if (mine !== ticket) return;
    const view = el("view"), c = view.getContext("2d");
    view.width = frame.width; view.height = frame.height;
    c.filter = state.mode === "overlay" && heat ? "brightness(" + (1 - 0.3 * state.opacity) + ")" : "none";
    c.drawImage(frame, 0, 0); c.filter = "none";
    if (heat && state.mode !== "plain") { paintHeat(scratch, heat, frame.width, frame.height, state.mode === "heat"); c.drawImage(scratch, 0, 0); }
    c.lineWidth = Math.max(1.5, frame.width / 420); c.font = `${Math.max(10, frame.width / 46)}px system-ui`;
    const point = nearest(f.t);
    for (const [track, box] of Object.entries(f.boxes)) {
      const [l, t, r, b] = [box[0] * frame.width, box[1] * frame.height, box[2] * frame.width, box[3] * frame.height];
      c.strokeStyle = c.fillStyle = personColour(+track); c.strokeRect(l, t, r - l, b - t);
      const share = point && point.s[track]; c.fillText(share === undefined ? track : `${track}: ${Math.round(share * 100)} %`, l, Math.max(12, t - 5));
    }
    for (const v of cueViews) {
      const gate = D.gates.indexOf(v.name); v.gate.textContent = gate >= 0 && point && point.g.length ? "gate " + point.g[gate].toFixed(2) : "";
      if (f.cues[v.name]) load(f.cues[v.name]).then((i) => mine === ticket && paintHeat(v.canvas, i, i.width, i.height, true));
    }
    plots.forEach((p) => p.draw());
  }
  const nearest = (t) => { let best = null; for (const p of D.points) if (!best || Math.abs(p.t - t) < Math.abs(best.t - t)) best = p; return best; };

  class Plot {
    constructor(id, legend, series) {
      this.canvas = el(id); this.series = series;
      for (const s of series) { const e = make("span", undefined, el(legend)); const i = make("i", undefined, e); i.style.background = s.colour; e.append(s.name); }
      const go = (e) => { const r = this.canvas.getBoundingClientRect(); this.pick((e.clientX - r.left) / r.width); };
      this.canvas.addEventListener("pointerdown", (e) => { this.held = true; go(e); });
      this.canvas.addEventListener("pointermove", (e) => { if (this.held) go(e); });
      addEventListener("pointerup", () => { this.held = false; });
    }
    get end() { return Math.max(D.points.length ? D.points[D.points.length - 1].t : 0, 1e-6); }
    pick(part) {
      const t = part * this.end; let best = 0;
      D.frames.forEach((f, k) => { if (Math.abs(f.t - t) < Math.abs(D.frames[best].t - t)) best = k; });
      stop(); show(best);
    }
    draw() {
      const ratio = devicePixelRatio || 1, w = this.canvas.clientWidth, h = this.canvas.clientHeight;
      this.canvas.width = w * ratio; this.canvas.height = h * ratio;
      const c = this.canvas.getContext("2d"), style = getComputedStyle(document.body); c.scale(ratio, ratio);
      const top = Math.max(0.05, ...this.series.flatMap((s) => D.points.map((p) => s.value(p) ?? 0))) * 1.05;
      c.strokeStyle = style.getPropertyValue("--line"); c.fillStyle = style.getPropertyValue("--soft"); c.font = "11px system-ui"; c.lineWidth = 1;
      for (const v of [0, 0.5, 1]) { const y = h - 16 - v * (h - 24); c.beginPath(); c.moveTo(0, y); c.lineTo(w, y); c.stroke(); c.fillText((v * top).toFixed(2), 2, y - 3); }
      const step = [0.5, 1, 2, 5, 10, 30, 60, 300].find((s) => this.end / s < 14) || 600;
      for (let t = step; t < this.end; t += step) c.fillText(t + " s", (t / this.end) * w - 8, h - 3);
      for (const s of this.series) {
        c.strokeStyle = s.colour; c.lineWidth = 1.8; c.beginPath(); let pen = false;
        for (const p of D.points) { const v = s.value(p); if (v === undefined) { pen = false; continue; } const x = (p.t / this.end) * w, y = h - 16 - (v / top) * (h - 24); pen ? c.lineTo(x, y) : c.moveTo(x, y); pen = true; }
        c.stroke();
      }
      if (D.frames.length) { const x = (D.frames[state.at].t / this.end) * w; c.strokeStyle = style.getPropertyValue("--accent"); c.lineWidth = 1.5; c.beginPath(); c.moveTo(x, 0); c.lineTo(x, h - 14); c.stroke(); }
    }
  }
  const plots = [new Plot("shares", "share-legend", D.people.slice(0, 12).map((p) => ({ name: `person ${p.track}`, colour: personColour(p.track), value: (q) => q.s[p.track] })))];
  if (D.gates.length && D.points.some((p) => p.g.length)) plots.push(new Plot("gates", "gate-legend", D.gates.map((name, k) => ({ name: name.replaceAll("_", " "), colour: CUE_COLOURS[k % CUE_COLOURS.length], value: (p) => p.g[k] }))));
  else el("gate-section").remove();

  const stop = () => { clearInterval(state.timer); state.timer = 0; el("play").textContent = "▶"; };
  el("play").onclick = () => {
    if (state.timer) return stop();
    const gap = D.frames.length > 1 ? (D.frames[D.frames.length - 1].t - D.frames[0].t) / (D.frames.length - 1) : 1;
    el("play").textContent = "⏸"; state.timer = setInterval(() => show((state.at + 1) % D.frames.length), Math.max(60, gap * 1000));
  };
  el("seek").oninput = (e) => { stop(); show(+e.target.value); };
  el("opacity").oninput = (e) => { state.opacity = e.target.value / 100; show(state.at); };
  document.querySelectorAll("[data-mode]").forEach((b) => { b.onclick = () => { state.mode = b.dataset.mode; document.querySelectorAll("[data-mode]").forEach((o) => o.classList.toggle("on", o === b)); show(state.at); }; });
  addEventListener("keydown", (e) => {
    if (e.target.tagName === "INPUT") return;
    const step = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10 }[e.key];
    if (step) { stop(); show(state.at + step); e.preventDefault(); }
    if (e.key === " ") { el("play").click(); e.preventDefault(); }
  });
  addEventListener("resize", () => plots.forEach((p) => p.draw()));

  const head = make("tr", undefined, el("people")); ["", "person", "attention", "", "seen"].forEach((t) => make("th", t, head));
  for (const p of D.people) {
    const row = make("tr", undefined, el("people")), face = make("td", undefined, row);
    if (p.face) { const i = make("img", undefined, face); i.src = "data:image/jpeg;base64," + p.face; i.alt = ""; i.style.borderColor = personColour(p.track); }
    make("td", `${p.track}`, row); make("td", (p.share * 100).toFixed(1) + " %", row);
    const bar = make("td", undefined, row); bar.className = "bar2"; bar.style.width = "35%"; const fill = make("div", undefined, bar); fill.style.width = Math.max(1, p.share * 100) + "%"; fill.style.background = personColour(p.track);
    make("td", `${clean(p.first)} – ${clean(p.last)}`, row);
  }
  for (const w of D.summary.warnings || []) make("p", w, el("warnings"));
  const facts = Object.entries(time).filter(([, v]) => typeof v === "number").concat(Object.entries(time.stages_s || {}).map(([k, v]) => [k + " (s)", v]), Object.entries(D.summary.versions || {}));
  for (const [k, v] of facts) { const row = make("tr", undefined, el("run")); make("td", k, row); make("td", String(v), row); }
  el("config").textContent = JSON.stringify(D.summary.config || {}, null, 2);

  const wanted = /#frame=(\d+)/.exec(location.hash);
  let first = 0;
  if (wanted) D.frames.forEach((f, k) => { if (f.index <= +wanted[1]) first = k; });
  show(first).then(() => { document.body.dataset.ready = "1"; });
})();
