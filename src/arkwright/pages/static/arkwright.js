// What HTML alone cannot: "/" goes to the search box, charts that zoom, a log that scrolls, buttons that ask once more.
// Every page decides and reads without it.
(() => {
  "use strict";
  const typing = (at) => at.closest("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    const box = document.getElementById("search");
    if (event.key === "/" && box && !typing(event.target) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
      box.select();
    }
    if (event.key === "Escape" && event.target === box) box.blur();
    if (event.target.closest(".search") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const stops = [box, ...document.querySelectorAll(".found a")];
      const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { event.preventDefault(); next.focus(); }
    }
  });

  // the same form sent twice is one decision too many
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });

  // --- charts: <figure data-chart> holds a table; its first column is x, each other one a line
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shades = () => ["--accent", "--open", "--good", "--bad", "--muted"].map((name) => {
    const probe = document.createElement("i");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  });
  const read = (figure) => {
    const table = figure.querySelector("details table"); // what was drawn has one of its own
    const rows = [...table.querySelectorAll("tbody tr")].map((row) =>
      [...row.cells].map((cell) => (cell.dataset.v === "" ? null : Number(cell.dataset.v ?? cell.textContent))));
    const heads = [...table.querySelectorAll("thead th")], names = heads.map((cell) => cell.textContent.trim());
    return { names, kinds: heads.map((cell) => cell.dataset.kind || ""), columns: names.map((_, at) => rows.map((row) => row[at])) };
  };
  // UTC, as everything here; the day where a step is longer than half of one, and at each midnight
  const clock = (seconds, step) => {
    const said = new Date(seconds * 1e3).toISOString();
    return step >= 43200 || (step >= 1800 && seconds % 86400 === 0) ? said.slice(5, 10) : said.slice(11, step < 1 ? 21 : step < 60 ? 19 : 16);
  };
  const draw = (figure) => {
    const box = figure.querySelector(".chart");
    if (!box || !window.uPlot) return;
    const { names, kinds, columns } = read(figure);
    if (!columns.length || columns[0].length < 2) return;
    const colours = shades(), ink = colours[4], time = figure.dataset.chart === "time";
    const grid = { stroke: css("color-scheme") === "x" ? ink : ink + "", width: 0.15 };
    const whole = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat(); // steps have no halves
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui" };
    // a line and its interval, which stand one behind the other in the table, have one colour
    const of = kinds.reduce((all, kind, at) => [...all, at === 0 ? -1 : kind ? all[at - 1] : Math.max(...all) + 1], []);
    const colour = (at) => (kinds[at] === "limit" ? ink : colours[of[at] % 4]);
    const pale = (rgb) => rgb.replace(/^rgb\((.*)\)$/, "rgba($1, .16)");
    const bands = kinds.flatMap((kind, at) => (kind === "high" ? [{ series: [at, at - 1], fill: pale(colour(at)) }] : []));
    box.replaceChildren();
    new window.uPlot({
      bands,
      width: box.clientWidth, height: Number(figure.dataset.height || 220),
      scales: { x: { time }, y: figure.dataset.high ? { range: [0, Number(figure.dataset.high)] } : {} }, cursor: { drag: { x: true, y: false }, sync: { key: "page" } },
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      axes: [time ? { ...axis, space: 70, values: (_, at, __, ___, step) => at.map((one) => clock(one, step)) } : { ...axis, incrs: whole }, { ...axis, size: 60, label: figure.dataset.unit || undefined, labelFont: "11px system-ui" }],
      series: names.map((label, at) => (at === 0 ? { label, value: time ? (_, one) => (one ? clock(one, 1) : "–") : undefined } : {
        label, paths: "steps" in figure.dataset ? window.uPlot.paths.stepped({ align: 1 }) : undefined, stroke: colour(at), width: kinds[at] === "low" || kinds[at] === "high" ? 0 : 1.5, dash: of[at] > 3 || kinds[at] === "limit" ? [4, 3] : undefined, spanGaps: true,
        points: { show: !kinds[at] && !("steps" in figure.dataset) && columns[at].filter((one) => one !== null).length < 40 } })),
    }, columns, box);
  };
  // --- a job as it goes: every line is text, whatever stands in it
  const MOST = 2000;
  const follow = (panel) => {
    if (panel.dataset.followed || !window.EventSource) return;
    panel.dataset.followed = "yes";
    panel.querySelector(".refresh")?.remove();
    const log = panel.querySelector(".log"), step = panel.querySelector(".step");
    let last = Math.max(0, ...[...log.querySelectorAll("[data-n]")].map((line) => Number(line.dataset.n)));
    if (!last) log.replaceChildren();
    const source = new EventSource(panel.dataset.follow);
    const add = (kind) => (event) => {
      const told = JSON.parse(event.data), down = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      if (told.id <= last) return;
      last = told.id;
      const line = document.createElement("div");
      line.className = kind === "log" ? "line" : kind;
      line.textContent = told.text;
      log.append(line);
      while (log.childElementCount > MOST) log.firstElementChild.remove();
      if (down) log.scrollTop = log.scrollHeight;
      if (kind === "say" && step) step.textContent = told.text;
      if (kind === "end") { source.close(); location.reload(); }
    };
    for (const kind of ["say", "log", "end"]) source.addEventListener(kind, add(kind));
    addEventListener("pagehide", () => source.close());
  };
  // --- a picture that is larger than its frame: it begins at what it is about, and a pointer drags it
  const pan = (frame) => {
    if (frame.dataset.pans) return;
    frame.dataset.pans = "yes";
    const here = frame.querySelector(".current");
    if (here) {
      const box = here.getBoundingClientRect(), around = frame.getBoundingClientRect();
      frame.scrollLeft += box.left + box.width / 2 - around.left - around.width / 2;
      frame.scrollTop += box.top + box.height / 2 - around.top - around.height / 2;
    }
    let from = null, moved = false;
    frame.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType !== "mouse") return;
      from = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop };
      moved = false;
    });
    addEventListener("pointermove", (event) => {
      if (!from) return;
      moved = moved || Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4;
      if (!moved) return;
      frame.classList.add("pans");
      frame.scrollLeft = from.left - (event.clientX - from.x);
      frame.scrollTop = from.top - (event.clientY - from.y);
    });
    addEventListener("pointerup", () => { from = null; frame.classList.remove("pans"); });
    frame.addEventListener("dragstart", (event) => event.preventDefault());
    frame.addEventListener("click", (event) => { if (moved) { event.preventDefault(); moved = false; } }, true);
  };
  // --- times are UTC; beside a field for one stands what that is where the reader is
  const zone = (said) => {
    const field = document.querySelector("[data-utc]"), here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const tell = () => {
      const at = new Date(`${field.value}Z`);
      const there = Number.isNaN(at.getTime()) ? "" : `; this time is ${at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })} in your zone, ${here}`;
      said.textContent = `Times are UTC${there}.`;
    };
    field?.addEventListener("input", tell);
    if (field) tell();
  };
  // --- MLflow's clients print addresses whose page stands behind the #, which no server hears. Those that are known lead
  // to ours, after the login too; each begins with a path of this room, whatever else stands there
  const PLACES = [
    [/^#\/experiments\/\d+\/runs\/([A-Za-z0-9][\w-]{0,255})(?:[/?].*)?$/, (run) => `/runs/tracked/${run}`],
    [/^#\/experiments\/\d+\/models\/([A-Za-z0-9][\w-]{0,255})(?:[/?].*)?$/, (model) => `/runs/logged/${model}`],
    [/^#\/experiments\/(\d{1,18})(?:\/(?:runs|models|traces))?\/?(?:\?.*)?$/, (number) => `/runs/experiments/${number}`],
    [/^#\/models\/([^/?]+)\/versions\/(\d{1,18})(?:[/?].*)?$/, (name, version) => `/registered/${model(name)}@${version}`],
    [/^#\/(?:models|prompts)\/([^/?]+)(?:\?.*)?$/, (name) => `/registered/${model(name)}`],
    [/^#\/models\/?$/, () => "/registered"],
  ];
  const model = (name) => {
    const said = decodeURIComponent(name);
    if (/^\.+$/.test(said)) throw new URIError("a way up, no name");
    return encodeURIComponent(said.replace(/[%@#]/g, encodeURIComponent));
  };
  const led = () => {
    const place = (hash) => {
      for (const [shape, path] of PLACES) {
        const found = shape.exec(hash);
        if (found) { try { return path(...found.slice(1)); } catch { return null; } }
      }
      return null;
    };
    if (location.pathname === "/login" && place(location.hash)) sessionStorage.setItem("led", location.hash);
    if (location.pathname !== "/" || !document.querySelector(".frame")) return;
    const to = place(location.hash || sessionStorage.getItem("led") || "");
    sessionStorage.removeItem("led");
    if (to) location.replace(to);
  };
  addEventListener("hashchange", led);
  led();
  // a browser keeps what stands behind the # when it is sent on, but not over a link to a provider
  document.querySelectorAll("a[data-onward]").forEach((link) => {
    const to = new URL(link.href), next = to.searchParams.get("next");
    if (next && location.hash && !next.includes("#")) { to.searchParams.set("next", next + location.hash); link.href = to.href; }
  });
  const liven = (root) => {
    root.querySelectorAll?.("[data-zone]").forEach(zone);
    root.querySelectorAll?.(".lineage").forEach(pan);
    root.querySelectorAll?.("[data-follow]").forEach(follow);
    root.querySelectorAll?.("figure[data-chart]").forEach(draw);
    root.querySelectorAll?.(".picture").forEach((frame) => { frame.scrollLeft = frame.scrollWidth; }); // to what is new
    root.querySelectorAll?.(".log").forEach((log) => { log.scrollTop = log.scrollHeight; });
  };
  document.addEventListener("DOMContentLoaded", () => liven(document));
  document.addEventListener("htmx:after:swap", () => liven(document));
  // a part of another page brings its title along, which is this page's only where its address becomes this one's
  document.addEventListener("htmx:before:swap", ({ detail }) => { if (!detail.ctx.push) detail.ctx.title = null; });
  // logged in again meanwhile: what said otherwise goes
  document.addEventListener("htmx:before:request", () => document.getElementById("ended")?.replaceChildren());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => liven(document));
  let waiting, wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return; // a keyboard that comes up on a phone changes nothing here
    wide = innerWidth; clearTimeout(waiting); waiting = setTimeout(() => liven(document), 150);
  });
})();
