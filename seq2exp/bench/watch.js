// Notes what the Browser page shows, frame by frame, for `seq2exp bench page`.
//
// Runs in the page before its own scripts. Whenever the document changes, the next frame is looked
// at; what differs from the frame before is kept with the time at which that frame was painted, so
// a time read here is one at which a user could see it. Times are seconds since 1970.

(() => {
  if (window !== window.top) return;
  const clock = (now) => (performance.timeOrigin + now) / 1000;
  const seen = (window.__seq2expSeen = []);
  const inputs = (window.__seq2expInputs = []);
  let asked = false;
  let drawn = { meta: null, count: 0, state: null };
  let last = "";

  // What counts as the gesture: the press of a key, letting go of the mouse, a turn of the wheel.
  for (const kind of ["keydown", "pointerup", "wheel"]) {
    const note = (event) => event.isTrusted && inputs.push([clock(event.timeStamp), kind]);
    window.addEventListener(kind, note, { capture: true, passive: true });
  }

  const points = (values) => {
    if (!values) return 0;
    return values.length ?? (values.bdata || "").length;
  };

  /** What the figure on screen shows; worked out once for each figure. */
  function figure() {
    const plot = document.querySelector(".s2e-plot");
    const browser = document.querySelector(".s2e-browser")?.parentElement.__s2eBrowser;
    if (!plot?.querySelector(".main-svg") || !plot.layout?.meta || !browser) return null;
    const { meta, xaxis } = plot.layout;
    if (meta === drawn.meta) return drawn.state;
    const filled = ({ key, axis }) =>
      [key, plot.data.filter((t) => t.yaxis === axis && points(t.y) > 0).length];
    const { data } = browser;
    const state = {
      number: drawn.count + 1,
      chrom: data.chrom,
      window: data.window,
      view: xaxis.range.map((edge) => Math.round(edge - 0.5)),
      rows: Object.fromEntries(meta.rows.map(filled)),
      elements: data.elements.map(([start, end]) => `${start}-${end}`).join(" "),
      bytes: new TextEncoder().encode(data.figure).length,
    };
    drawn = { meta, count: state.number, state };
    return state;
  }

  function look() {
    const numbers = {};
    for (const metric of document.querySelectorAll("[data-testid=stMetric]")) {
      const name = metric.querySelector("[data-testid=stMetricLabel]").innerText.trim();
      numbers[name] = metric.querySelector("[data-testid=stMetricValue]").innerText.trim();
    }
    const app = document.querySelector("[data-testid=stApp]");
    return {
      figure: figure(),
      numbers,
      busy: [
        app?.dataset.testScriptState !== "notRunning",
        document.querySelector("[data-testid=stProgress]") !== null,
        document.querySelector(".s2e-waiting") !== null,
        Object.values(numbers).some((text) => text.includes("…")),
      ].some(Boolean),
    };
  }

  const painted = new MessageChannel();
  painted.port1.onmessage = ({ data }) => {
    const text = JSON.stringify(data);
    if (text === last) return;
    last = text;
    seen.push({ at: clock(performance.now()), ...data });
  };
  function frame() {
    asked = false;
    // The message arrives after this frame's layout and painting.
    painted.port2.postMessage(look());
  }
  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(frame);
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})();
