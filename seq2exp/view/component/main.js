// The genome browser: one Plotly figure kept alive across Streamlit's reruns.
//
// Python owns the data, this file owns the view. A gesture moves the axis at once; when it rests,
// the new viewport is reported, Python bins the tracks for it and hands a new figure back, which
// replaces the old one in place. Positions in `data` are 0-based half-open; on the axis the base at
// 0-based p covers p + 0.5 to p + 1.5, so the number p + 1 people read stands on its middle.

const REPORT_AFTER_MS = 120;
const MIN_SPAN = 20;
const PAN_SHARE = 0.25;
const JUMP_SPAN = 20000;
const CLICK_PX = 4; // a press that moves less is a click
const NOTCH_DELTA = 50; // px: a wheel's notch, where a trackpad sends many small steps

const ICONS = {
  left: '<path d="M10 3 5 8l5 5"/>',
  right: '<path d="m6 3 5 5-5 5"/>',
  in: '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5 14 14M7 5v4M5 7h4"/>',
  out: '<circle cx="7" cy="7" r="4.5"/><path d="M10.5 10.5 14 14M5 7h4"/>',
  reset: '<path d="M2 8h12M2 4v8M14 4v8M5 6 3 8l2 2M11 6l2 2-2 2"/>',
  wheel: '<rect x="4.5" y="1.5" width="7" height="13" rx="3.5"/><path d="M8 4.5v3"/>',
  help: '<circle cx="8" cy="8" r="6.25"/><path d="M6 6.3a2 2 0 1 1 2.8 2c-.6.3-.8.6-.8 1.2M8 11.6v.1"/>',
  previous: '<path d="M11 3 6 8l5 5M4 3v10"/>',
  next: '<path d="m5 3 5 5-5 5M12 3v10"/>',
};
const KEYS = [
  ["← →", "Pan by a quarter of the view"],
  ["+ −", "Zoom in, zoom out"],
  ["0", "Whole window"],
  ["F B", "Next, previous learned element"],
  ["P O", "Next, previous peak"],
  ["/", "Search a gene or locus"],
  ["?", "This help"],
  ["Esc", "Close"],
];
const GESTURES = [
  ["Drag", "Pan"],
  ["Shift + drag", "Select a span: zoom, highlight, keep, delete in silico, edit its inputs"],
  ["Wheel", "Zoom at the cursor, when the wheel button is on"],
  ["Double-click", "Whole window"],
  ["Click a gene", "Open the gene"],
];

const thousands = (value) => Math.round(value).toLocaleString("en-US");
const spanText = (bp) => {
  if (bp >= 1e6) return `${(bp / 1e6).toFixed(2)} Mb`;
  return bp >= 1e4 ? `${(bp / 1e3).toFixed(1).replace(/\.0$/, "")} kb` : `${thousands(bp)} bp`;
};
const locusText = (chrom, [start, end]) => `${chrom}:${thousands(start + 1)}-${thousands(end)}`;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const same = (a, b) => a && b && a[0] === b[0] && a[1] === b[1];

/** Load Plotly once per page; later callers share the promise. A failed load may be retried. */
function loadPlotly(url) {
  if (window.Plotly && window.Plotly.react) return Promise.resolve(window.Plotly);
  if (window.__s2ePlotly) return window.__s2ePlotly;
  const attempt = (source) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = () => (window.Plotly ? resolve(window.Plotly) : reject(new Error(source)));
      script.onerror = () => {
        script.remove();
        reject(new Error(source));
      };
      document.head.appendChild(script);
    });
  // The page's own script tells where the app lives, below whatever path a proxy puts it.
  const own = document.querySelector('script[src*="static/js/"]');
  const root = own ? own.src.split("static/js/")[0] : document.baseURI;
  window.__s2ePlotly = attempt(new URL(url, root).href)
    .catch((error) => {
      window.__s2ePlotly = undefined;
      throw error;
    });
  return window.__s2ePlotly;
}

/** What a synthetic mouse or wheel event has to share with the real one. */
function copyOf(event) {
  const { clientX, clientY, screenX, screenY, button, buttons, deltaY, deltaMode } = event;
  const same = { clientX, clientY, screenX, screenY, button, buttons, deltaY, deltaMode };
  return { ...same, bubbles: true, cancelable: true, view: window };
}

function element(tag, className, attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

class Browser {
  constructor(host) {
    this.host = host;
    this.component = null;
    this.data = null;
    this.view = null; // [start, end] on screen
    this.sent = []; // reported views that Python has not answered yet
    this.answered = null; // the last view Python answered
    this.pending = null; // figure that waits for the end of a drag
    this.dragging = false;
    this.wheelOn = false;
    this.drawn = false;
    this.timers = {};
    this.build();
    this.listen();
  }

  // ---- markup -------------------------------------------------------------------------------

  build() {
    this.root = element("div", "s2e-browser");
    const bar = element("div", "s2e-bar", { role: "toolbar", "aria-label": "Genome browser" });
    const group = (...buttons) => {
      const box = element("div", "s2e-group");
      box.append(...buttons);
      bar.append(box);
    };
    const button = (icon, label, action, text = "") => {
      const node = element("button", "", { type: "button", "aria-label": label, title: label });
      node.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true">${ICONS[icon]}</svg>`;
      if (text) node.append(text);
      node.addEventListener("click", () => action());
      return node;
    };
    group(
      button("left", "Pan left (←)", () => this.pan(-1)),
      button("right", "Pan right (→)", () => this.pan(1)),
    );
    group(
      button("out", "Zoom out (−)", () => this.zoom(2)),
      button("in", "Zoom in (+)", () => this.zoom(0.5)),
      button("reset", "Whole window (0)", () => this.reset()),
    );
    group(
      button("previous", "Previous learned element (B)", () => this.jump("elements", -1)),
      button("next", "Next learned element (F)", () => this.jump("elements", 1), "Element"),
    );
    group(
      button("previous", "Previous peak (O)", () => this.jump("peaks", -1)),
      button("next", "Next peak (P)", () => this.jump("peaks", 1), "Peak"),
    );
    this.wheelButton = button("wheel", "Zoom with the mouse wheel", () => this.toggleWheel());
    this.wheelButton.append("Wheel zoom");
    this.wheelButton.setAttribute("aria-pressed", "false");
    group(this.wheelButton);
    this.helpButton = button("help", "Keys and gestures (?)", () => this.toggleHelp());
    this.helpButton.setAttribute("aria-expanded", "false");
    group(this.helpButton);

    const status = element("div", "s2e-status");
    this.locus = element("span", "s2e-locus", { role: "status", "aria-live": "polite" });
    this.span = element("span", "s2e-span");
    this.message = element("span", "s2e-message", { "aria-live": "polite" });
    status.append(this.locus, this.span, this.message);

    this.stage = element("div", "s2e-stage", { tabindex: "0", role: "group" });
    this.plot = element("div", "s2e-plot");
    this.busy = element("div", "s2e-busy");
    this.band = element("div", "s2e-band");
    this.flash = element("div", "s2e-band");
    this.menu = element("div", "s2e-menu", { role: "menu", "aria-label": "Selected span" });
    this.loading = element("div", "s2e-loading");
    this.loading.textContent = "Loading the browser…";
    for (const node of [this.band, this.flash, this.menu]) node.hidden = true;
    this.stage.append(this.plot, this.busy, this.band, this.flash, this.loading, this.menu);

    this.help = element("div", "s2e-help", { role: "dialog", "aria-label": "Keys and gestures" });
    this.help.hidden = true;
    const close = element("button", "", { type: "button", "aria-label": "Close help" });
    close.textContent = "Close";
    close.addEventListener("click", () => this.toggleHelp(false));
    const head = element("header");
    head.append("Keys and gestures", close);
    const list = element("dl");
    for (const [keys, what] of [...KEYS, ...GESTURES]) {
      const term = element("dt");
      const isKeys = KEYS.some(([name]) => name === keys);
      for (const key of isKeys ? keys.split(" ") : [keys]) {
        const cap = element("kbd");
        cap.textContent = key;
        term.append(cap, " ");
      }
      const meaning = element("dd");
      meaning.textContent = what;
      list.append(term, meaning);
    }
    this.help.append(head, list);
    this.root.append(bar, status, this.stage, this.help);
    this.host.appendChild(this.root);
  }

  listen() {
    this.onKey = (event) => this.key(event);
    this.onShift = (event) => this.root.classList.toggle("s2e-shift", event.shiftKey);
    this.onUp = () => this.release();
    document.addEventListener("keydown", this.onKey);
    document.addEventListener("keydown", this.onShift);
    document.addEventListener("keyup", this.onShift);
    window.addEventListener("mouseup", this.onUp);
    this.plot.addEventListener("mousedown", (event) => this.press(event), true);
    this.plot.addEventListener("mousemove", (event) => this.hoverGene(event));
    this.plot.addEventListener("wheel", (event) => this.wheel(event), { passive: true });
    this.resizer = new ResizeObserver(() => {
      if (!this.drawn || !this.plot.clientWidth) return;
      this.later("resize", 80, () => window.Plotly.Plots.resize(this.plot));
    });
    this.resizer.observe(this.plot);
  }

  destroy() {
    document.removeEventListener("keydown", this.onKey);
    document.removeEventListener("keydown", this.onShift);
    document.removeEventListener("keyup", this.onShift);
    window.removeEventListener("mouseup", this.onUp);
    this.resizer.disconnect();
    Object.values(this.timers).forEach(clearTimeout);
    if (this.drawn) window.Plotly.purge(this.plot);
    this.root.remove();
  }

  later(name, ms, action) {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(action, ms);
  }

  // ---- data from Python ---------------------------------------------------------------------

  /** Take over new data: keep the user's view if they are ahead of Python, else Python's. */
  update(component) {
    const { data } = component;
    this.component = component;
    if (!data) return;
    if (data === this.data) {
      this.matchTheme();
      return;
    }
    const first = !this.data;
    const moved = first || !same(data.window, this.data.window) || data.chrom !== this.data.chrom;
    this.data = data;
    const index = this.sent.findIndex((view) => same(view, data.viewport));
    if (index >= 0) this.sent.splice(0, index + 1);
    const ours = !moved && (index >= 0 || same(data.viewport, this.answered));
    this.answered = data.viewport;
    if (!ours) {
      this.sent = [];
      this.view = [...data.viewport];
      clearTimeout(this.timers.report);
    }
    if (!this.sent.length) this.root.classList.remove("s2e-waiting");
    if (!this.saying) this.message.textContent = data.busy || "";
    this.showLocus();
    const figure = typeof data.figure === "string" ? JSON.parse(data.figure) : data.figure;
    this.stage.setAttribute("aria-label", figure.layout.meta.alt);
    this.dark = figure.layout.meta.dark;
    this.matchTheme();
    if (!this.drawn) this.plot.style.height = `${figure.layout.height}px`;
    if (this.dragging) this.pending = figure;
    else this.draw(figure);
  }

  async draw(figure) {
    this.pending = null;
    const turn = (this.turn = (this.turn || 0) + 1);
    let Plotly;
    try {
      Plotly = await loadPlotly(this.data.plotly_url);
    } catch (error) {
      this.loading.className = "s2e-error";
      this.loading.hidden = false;
      this.loading.textContent =
        `The drawing library could not be loaded from ${error.message}. ` +
        "Reload the page; if that does not help, look whether the server serves this address.";
      return;
    }
    if (turn !== this.turn || !this.root.isConnected) return;
    if (this.dragging) {
      this.pending = figure;
      return;
    }
    const { data, layout } = figure;
    layout.xaxis.range = this.axisRange(this.view);
    this.adapt(layout);
    this.plot.style.height = `${layout.height}px`;
    this.meta = layout.meta;
    await Plotly.react(this.plot, data, layout, {
      displayModeBar: false,
      doubleClick: false,
      scrollZoom: this.wheelOn,
      showTips: false,
    });
    if (this.drawn) return;
    this.drawn = true;
    this.loading.hidden = true;
    this.plot.on("plotly_relayout", (change) => this.relayout(change));
    this.plot.on("plotly_relayouting", () => this.follow());
    this.plot.on("plotly_doubleclick", () => this.reset());
  }

  /** Ask for a redraw where the page turned dark or light and Python does not know yet. */
  matchTheme() {
    const channels = getComputedStyle(this.stage).backgroundColor.match(/[\d.]+/g);
    if (!channels) return;
    const [red, green, blue] = channels.map(Number);
    const dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128;
    if (dark === this.dark || dark === this.asked) return;
    this.asked = dark;
    this.component.setStateValue("dark", dark);
  }

  /** Use the page's font and background, so that the figure looks like its surroundings. */
  adapt(layout) {
    layout.font.family = getComputedStyle(this.root).fontFamily;
    layout.hoverlabel.font.family = layout.font.family;
    const paper = getComputedStyle(this.stage).backgroundColor;
    for (const label of layout.annotations) {
      if (label.bgcolor === layout.meta.paper) label.bgcolor = paper;
    }
    layout.hoverlabel.bgcolor = paper;
    // Plotly outlines the cursor's line in this colour; transparent would mean white.
    layout.paper_bgcolor = layout.plot_bgcolor = paper;
  }

  axisRange([start, end]) {
    return [start + 0.5, end + 0.5];
  }

  // ---- the view -----------------------------------------------------------------------------

  get window() {
    return this.data.window;
  }

  /** What the axis shows now, as whole bases. */
  axisView() {
    const range = this.plot.layout.xaxis.range;
    const [low, high] = this.window;
    const start = clamp(Math.round(Number(range[0]) - 0.5), low, high - 1);
    return [start, clamp(Math.round(Number(range[1]) - 0.5), start + 1, high)];
  }

  relayout(change) {
    if (!Object.keys(change).some((name) => name.startsWith("xaxis"))) return;
    const view = this.axisView();
    if (view[1] - view[0] < MIN_SPAN) {
      this.show((view[0] + view[1] - MIN_SPAN) / 2, (view[0] + view[1] + MIN_SPAN) / 2);
      return;
    }
    // A pan that ends within a pixel of the window's edge ends there.
    const [low, high] = this.window;
    const px = (view[1] - view[0]) / this.area().width;
    const shift = view[0] - low < px ? low - view[0] : high - view[1] < px ? high - view[1] : 0;
    if (shift && view[0] + shift >= low && view[1] + shift <= high) {
      this.show(view[0] + shift, view[1] + shift);
      return;
    }
    this.view = view;
    this.showLocus();
    this.report();
  }

  follow() {
    this.view = this.axisView();
    this.showLocus();
  }

  report() {
    this.later("report", REPORT_AFTER_MS, () => {
      const last = this.sent.at(-1) || this.answered;
      if (same(this.view, last)) return;
      this.sent.push([...this.view]);
      this.root.classList.add("s2e-waiting");
      const [start, end] = this.view;
      this.component.setStateValue("viewport", { start, end });
    });
  }

  /** Move the axis; the span keeps its width where it would leave the window. */
  show(start, end) {
    if (!this.drawn) return;
    const [low, high] = this.window;
    const width = clamp(Math.round(end - start), Math.min(MIN_SPAN, high - low), high - low);
    const left = clamp(Math.round((start + end - width) / 2), low, high - width);
    this.closeMenu();
    this.view = [left, left + width];
    window.Plotly.relayout(this.plot, { "xaxis.range": this.axisRange(this.view) });
  }

  pan(direction) {
    const [start, end] = this.view;
    const step = direction * Math.max(1, Math.round((end - start) * PAN_SHARE));
    this.show(start + step, end + step);
  }

  zoom(factor) {
    const [start, end] = this.view;
    const middle = (start + end) / 2;
    const half = ((end - start) * factor) / 2;
    this.show(middle - half, middle + half);
  }

  reset() {
    this.show(...this.window);
  }

  /** Go to the next interval right (1) or left (-1) of the middle of the view. */
  jump(kind, direction) {
    const name = kind === "elements" ? "learned element" : "peak";
    const list = this.data[kind] || [];
    const middle = this.stop && same(this.stop.view, this.view) ? this.stop.at : this.center();
    const position = ([start, end]) => (start + end) / 2;
    const found =
      direction > 0
        ? list.find((item) => position(item) > middle + 0.5)
        : list.findLast((item) => position(item) < middle - 0.5);
    if (!found) {
      const side = direction > 0 ? "right" : "left";
      this.say(list.length ? `No ${name} further ${side}` : `No ${name} in this window`);
      return;
    }
    const [start, end, label] = found;
    const span = Math.max(Math.min(this.view[1] - this.view[0], JUMP_SPAN), 3 * (end - start));
    this.show(position(found) - span / 2, position(found) + span / 2);
    // Near the window's end the view cannot centre on it, so remember where we are.
    this.stop = { view: [...this.view], at: position(found) };
    this.say(`${label} · ${locusText(this.data.chrom, [start, end])} (${spanText(end - start)})`);
    this.mark(start, end);
  }

  center() {
    return (this.view[0] + this.view[1]) / 2;
  }

  say(text) {
    this.message.textContent = text;
    this.saying = true;
    this.later("say", 6000, () => {
      this.saying = false;
      this.message.textContent = this.data.busy || "";
    });
  }

  showLocus() {
    this.locus.textContent = locusText(this.data.chrom, this.view);
    this.span.textContent = spanText(this.view[1] - this.view[0]);
  }

  toggleWheel() {
    this.wheelOn = !this.wheelOn;
    this.wheelButton.setAttribute("aria-pressed", String(this.wheelOn));
    if (!this.drawn) return;
    const { data, layout } = this.plot;
    window.Plotly.react(this.plot, data, layout, { ...this.plot._context, scrollZoom: this.wheelOn });
  }

  // ---- geometry -----------------------------------------------------------------------------

  /** The plotting area in px relative to the plot. */
  area() {
    const { l, t, w, h } = this.plot._fullLayout._size;
    return { left: l, top: t, width: w, height: h };
  }

  point(event) {
    const box = this.plot.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** 0-based position (a fraction of a base) at a px. */
  positionAt(x) {
    const { left, width } = this.area();
    const [start, end] = this.view;
    return start + ((x - left) / width) * (end - start);
  }

  pxAt(position) {
    const { left, width } = this.area();
    const [start, end] = this.view;
    return left + ((position - start) / (end - start)) * width;
  }

  inside({ x, y }) {
    const { left, top, width, height } = this.area();
    return x >= left && x <= left + width && y >= top && y <= top + height;
  }

  geneAt(point) {
    const row = this.meta && this.meta.rows.find((item) => item.key === "genes");
    if (!row || !this.meta.genes || !this.inside(point)) return null;
    const axis = this.plot._fullLayout[row.axis.replace("y", "yaxis")];
    const depth = (point.y - axis._offset) / axis._length;
    if (depth < 0 || depth >= 1) return null;
    const lane = Math.floor(depth * this.meta.gene_lanes);
    for (const [id, name, start, end, own, label] of this.meta.genes) {
      if (own !== lane) continue;
      const half = (name.length + 2) * 3.4;
      const middle = this.pxAt(label);
      const left = Math.min(this.pxAt(start) - 4, middle - half);
      const right = Math.max(this.pxAt(end) + 4, middle + half);
      if (point.x >= left && point.x <= right) return { gene_id: id, name };
    }
    return null;
  }

  hoverGene(event) {
    if (!this.drawn || this.dragging) return;
    this.root.classList.toggle("s2e-over-gene", Boolean(this.geneAt(this.point(event))));
  }

  mark(start, end) {
    this.flash.hidden = true;
    this.later("flash", 30, () => {
      const left = this.pxAt(start);
      this.flash.style.left = `${left}px`;
      this.flash.style.width = `${Math.max(this.pxAt(end) - left, 3)}px`;
      this.flash.classList.remove("s2e-flash");
      this.flash.hidden = false;
      void this.flash.offsetWidth; // restart the animation
      this.flash.classList.add("s2e-flash");
      this.later("unflash", 1300, () => {
        this.flash.hidden = true;
      });
    });
  }

  // ---- pointer ------------------------------------------------------------------------------

  press(event) {
    if (!this.drawn || event.button !== 0) return;
    const from = this.point(event);
    this.closeMenu();
    if (!this.inside(from)) return;
    const row = this.rowNear(event);
    if (row && !event.shiftKey) {
      event.stopPropagation();
      row.dispatchEvent(new MouseEvent("mousedown", copyOf(event)));
      return;
    }
    if (event.shiftKey) {
      event.stopPropagation();
      event.preventDefault();
      this.stage.focus({ preventScroll: true });
      this.select(from);
      return;
    }
    const gene = this.geneAt(from);
    this.dragging = true;
    this.root.classList.add("s2e-dragging");
    const stay = this.stayInside(event);
    window.addEventListener("mousemove", stay, true);
    const up = (end) => {
      window.removeEventListener("mousemove", stay, true);
      const to = this.point(end);
      const still = Math.hypot(to.x - from.x, to.y - from.y) < CLICK_PX;
      if (still && gene) this.component.setTriggerValue("gene_clicked", gene);
    };
    window.addEventListener("mouseup", up, { once: true, capture: true });
  }

  /**
   * Keep a pan inside the window. Plotly would clamp one end of the range only, which turns a pan
   * into a zoom; so it is shown a cursor that never goes further than the window allows.
   */
  stayInside(press) {
    const { width } = this.area();
    const [start, end] = this.view;
    const [low, high] = this.window;
    const px = width / (end - start);
    const least = press.clientX - (high - end) * px;
    const most = press.clientX + (start - low) * px;
    return (event) => {
      const clientX = clamp(event.clientX, least, most);
      if (!event.isTrusted || clientX === event.clientX) return;
      event.stopImmediatePropagation();
      event.target.dispatchEvent(new MouseEvent("mousemove", { ...copyOf(event), clientX }));
    };
  }

  /** One notch of a mouse wheel zooms by a third; Plotly's own step is a tenth. */
  wheel(event) {
    if (!this.wheelOn || !event.isTrusted) return;
    if (!this.inside(this.point(event))) return;
    this.hold(260);
    const row = this.rowNear(event);
    const times = (row ? 1 : 0) + (Math.abs(event.deltaY) < NOTCH_DELTA ? 0 : 3);
    for (let i = 0; i < times; i += 1) {
      (row || event.target).dispatchEvent(new WheelEvent("wheel", copyOf(event)));
    }
  }

  /** Plotly listens on rows only; of a press or wheel between two, the row that should have it. */
  rowNear(event) {
    if (!event.isTrusted || event.target.closest(".drag")) return null;
    const distance = (row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return Math.max(top - event.clientY, event.clientY - bottom);
    };
    const rows = [...this.plot.querySelectorAll(".nsewdrag")];
    return rows.sort((a, b) => distance(a) - distance(b))[0] || null;
  }

  /** Hold new figures back for a moment: replacing one under a running wheel zoom would jump. */
  hold(ms) {
    this.dragging = true;
    this.later("wheel", ms, () => this.release());
  }

  release() {
    if (!this.dragging) return;
    this.root.classList.remove("s2e-dragging");
    // Plotly ends its own drag after this event.
    setTimeout(() => {
      this.dragging = false;
      if (this.pending) this.draw(this.pending);
    }, 0);
  }

  select(from) {
    const { left, width } = this.area();
    const span = (event) => {
      const x = clamp(this.point(event).x, left, left + width);
      return [Math.min(from.x, x), Math.max(from.x, x)];
    };
    window.Plotly.Fx.hover(this.plot, []);
    const move = (event) => {
      event.stopPropagation();
      const [low, high] = span(event);
      this.band.hidden = false;
      this.band.style.left = `${low}px`;
      this.band.style.width = `${high - low}px`;
      const bounds = this.bases(low, high);
      this.message.textContent =
        `${locusText(this.data.chrom, bounds)} · ${spanText(bounds[1] - bounds[0])}`;
    };
    const up = (event) => {
      window.removeEventListener("mousemove", move, true);
      this.message.textContent = this.data.busy || "";
      const [low, high] = span(event);
      if (high - low < CLICK_PX) this.band.hidden = true;
      else this.openMenu(this.bases(low, high), high, this.point(event).y);
    };
    window.addEventListener("mousemove", move, true);
    window.addEventListener("mouseup", up, { once: true });
  }

  /** Whole bases between two px. */
  bases(low, high) {
    const [start, end] = this.window;
    const first = clamp(Math.floor(this.positionAt(low)), start, end - 1);
    return [first, clamp(Math.ceil(this.positionAt(high)), first + 1, end)];
  }

  openMenu(bounds, x, y) {
    const [start, end] = bounds;
    this.menu.replaceChildren();
    const head = element("div");
    head.textContent = `${locusText(this.data.chrom, bounds)} · ${spanText(end - start)}`;
    this.menu.append(head);
    for (const [action, label] of this.data.actions) {
      const item = element("button", "", { type: "button", role: "menuitem" });
      item.textContent = label;
      item.addEventListener("click", () => {
        this.closeMenu();
        if (action === "zoom") this.show(start, end);
        else this.component.setTriggerValue("selection", { start, end, action });
      });
      this.menu.append(item);
    }
    this.menu.hidden = false;
    const room = this.stage.clientWidth - this.menu.offsetWidth - 8;
    const depth = this.stage.clientHeight - this.menu.offsetHeight - 8;
    this.menu.style.left = `${clamp(x + 6, 8, Math.max(room, 8))}px`;
    this.menu.style.top = `${clamp(y - 12, 8, Math.max(depth, 8))}px`;
    this.menu.querySelector("button").focus({ preventScroll: true });
  }

  closeMenu() {
    if (this.menu.contains(document.activeElement)) this.stage.focus({ preventScroll: true });
    this.menu.hidden = true;
    this.band.hidden = true;
  }

  toggleHelp(open = this.help.hidden) {
    this.help.hidden = !open;
    this.helpButton.setAttribute("aria-expanded", String(open));
    (open ? this.help.querySelector("button") : this.helpButton).focus({ preventScroll: true });
  }

  // ---- keyboard -----------------------------------------------------------------------------

  key(event) {
    if (!this.drawn || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.defaultPrevented || !this.root.isConnected || !this.root.offsetParent) return;
    const target = event.composedPath()[0];
    const here = this.root.contains(target);
    if (!here && target !== document.body) return;
    if (this.menuKey(event)) return;
    const action = {
      ArrowLeft: () => this.pan(-1),
      ArrowRight: () => this.pan(1),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      0: () => this.reset(),
      f: () => this.jump("elements", 1),
      b: () => this.jump("elements", -1),
      p: () => this.jump("peaks", 1),
      o: () => this.jump("peaks", -1),
      "/": () => this.search(),
      "?": () => this.toggleHelp(),
      Escape: () => this.escape(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** Arrow keys move within an open menu. */
  menuKey(event) {
    if (this.menu.hidden || !this.menu.contains(document.activeElement)) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return false;
    const items = [...this.menu.querySelectorAll("button")];
    const next = items.indexOf(document.activeElement) + step;
    items[(next + items.length) % items.length].focus();
    event.preventDefault();
    return true;
  }

  escape() {
    if (!this.help.hidden) this.toggleHelp(false);
    this.closeMenu();
  }

  search() {
    const selector = this.data.search_selector;
    const box = selector && document.querySelector(selector);
    if (box) box.focus();
    else this.component.setTriggerValue("search", true);
  }
}

export default function (component) {
  const host = component.parentElement;
  const browser = (host.__s2eBrowser ??= new Browser(host));
  clearTimeout(browser.ending);
  browser.update(component);
  return () => {
    // Streamlit also calls this for a run that was overtaken by the next one, which keeps using
    // the instance; only when none follows is the component really gone.
    clearTimeout(browser.ending);
    browser.ending = setTimeout(() => {
      browser.destroy();
      if (host.__s2eBrowser === browser) delete host.__s2eBrowser;
    }, 200);
  };
}
