// The one canvas of the course: a small uint8 picture that reports where the learner points, clicks and paints.
// Everything is in picture pixels, integers, x = column, y = row, from the top left. (Marks are in the same
// coordinates, but not whole numbers: the centre of pixel (x, y) is (x + 0.5, y + 0.5).)
//
//   Python -> here   picture {data, width, height, channels}, marks [{kind, ...}], mask {data, count}, mode, radius, ink,
//                    width (CSS pixels), smooth, readout, alt, says, cursor [x, y]
//   here -> Python   hover [x, y, held] or []; messages {kind: "click", x, y}, {kind: "stroke", points, radius, value}
//
// Moves of the pointer are merged into one change of `hover` for each frame of the screen. ipywidgets holds back further
// ones until the kernel is idle again, and then sends the last: a slow kernel sees fewer moves, never a queue of old ones.
// Clicks and strokes are messages, because none of them may be lost.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP = {
  point: "Arrow keys move the cursor, with Shift by ten. Enter selects.",
  paint: "Arrow keys move the brush, with Shift by ten. Enter paints, Shift and Enter erases.",
  erase: "Arrow keys move the brush, with Shift by ten. Enter erases.",
};
const QUIET_MS = 600; // how long the keys must rest before a screen reader is told what the cursor is on
const HIDDEN = "position:absolute; width:1px; height:1px; overflow:hidden; clip-path:inset(50%); white-space:nowrap";

function render({ model, el }) {
  const add = (parent, tag, style) => {
    const made = parent.appendChild(document.createElement(tag));
    made.style.cssText = style;
    return made;
  };
  const root = add(el, "div", "position:relative; max-width:100%; box-sizing:border-box; padding:3px");
  // JupyterLab takes keys before the page does: without this attribute the arrow keys would move its active cell.
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.className = "course-canvas";
  const stack = add(root, "div", "position:relative; line-height:0");
  const base = add(stack, "canvas", "display:block; width:100%; height:auto; cursor:crosshair");
  const over = "position:absolute; inset:0; width:100%; height:100%; pointer-events:none";
  const ink = add(stack, "canvas", over);
  const top = add(stack, "canvas", over);
  const text = "font:12px/1.5 var(--jp-ui-font-family, sans-serif); color:var(--jp-content-font-color1, inherit)";
  const line = add(root, "div", `${text}; min-height:1.5em`);
  const live = add(root, "div", HIDDEN);
  line.setAttribute("aria-hidden", "true"); // changes at every move; `live` tells the same when the keys rest
  live.setAttribute("role", "status");
  base.tabIndex = 0;
  base.setAttribute("role", "application");
  base.setAttribute("aria-roledescription", "picture with a cursor");

  let width = 0, height = 0, mask = new Uint8Array(0);
  let cursor = [0, 0], inside = false, keys = false, down = false; // where, pointer over it, moved by keys, button down
  let stroke = null, frame = 0, quiet = 0;
  const painting = () => model.get("mode") !== "point";

  // ---- drawing ------------------------------------------------------------------------------------------------------
  function drawPicture() {
    const picture = model.get("picture"), channels = picture.channels;
    const from = new Uint8Array(picture.data.buffer, picture.data.byteOffset, picture.data.byteLength);
    if (picture.width !== width || picture.height !== height) {
      ({ width, height } = picture);
      for (const canvas of [base, ink]) Object.assign(canvas, { width, height });
      cursor = [width >> 1, height >> 1];
      drawMask();
      fit();
    }
    const image = new ImageData(width, height), to = image.data;
    const green = channels === 3 ? 1 : 0, blue = channels === 3 ? 2 : 0;
    for (let i = 0, j = 0; j < to.length; i += channels, j += 4) {
      to[j] = from[i]; to[j + 1] = from[i + green]; to[j + 2] = from[i + blue]; to[j + 3] = 255;
    }
    base.getContext("2d").putImageData(image, 0, 0);
    base.dispatchEvent(new CustomEvent("drawn"));
  }
  function drawMask() {
    const sent = model.get("mask").data, size = width * height;
    const bytes = sent && sent.byteLength === size ? new Uint8Array(sent.buffer, sent.byteOffset, size) : null;
    mask = bytes ? bytes.slice() : new Uint8Array(size);
    const image = new ImageData(width, height), colour = model.get("ink");
    mask.forEach((value, i) => { if (value) image.data.set(colour, 4 * i); });
    ink.getContext("2d").putImageData(image, 0, 0);
  }
  function fit() { // to the width that the page leaves us; marks get the screen's own pixels
    root.style.width = `${(model.get("width") || width) + 6}px`;
    const scale = (base.clientWidth * devicePixelRatio) / width;
    const crisp = !model.get("smooth") && scale >= 1; // a picture made smaller would lose whole rows
    for (const canvas of [base, ink]) canvas.style.imageRendering = crisp ? "pixelated" : "auto";
    top.width = Math.round(base.clientWidth * devicePixelRatio);
    top.height = Math.round(base.clientHeight * devicePixelRatio);
    drawMarks();
  }
  function drawMarks() {
    if (top.width !== Math.round(base.clientWidth * devicePixelRatio)) return fit(); // moved to another screen
    const g = top.getContext("2d"), zoom = base.clientWidth / width;
    g.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0); // from here on in CSS pixels
    g.clearRect(0, 0, top.width, top.height);
    for (const mark of model.get("marks")) drawMark(g, mark, zoom);
    if (painting() && (inside || keys)) drawCursor(g, zoom, model.get("radius"));
    else if (keys && document.activeElement === base) drawCursor(g, zoom, 0);
  }
  function drawCursor(g, zoom, reach) {
    const [x, y] = cursor;
    const edge = { width: 1.5, colour: "#00d0ff", dash: [], edge: true };
    if (reach) drawMark(g, { ...edge, kind: "circle", x: x + 0.5, y: y + 0.5, r: reach + 0.5 }, zoom);
    else {
      const room = Math.max(0, 4 / zoom - 0.5); // never smaller than 8 CSS pixels
      drawMark(g, { ...edge, kind: "box", x0: x - room, y0: y - room, x1: x + 1 + room, y1: y + 1 + room }, zoom);
    }
  }
  function drawMark(g, mark, zoom) {
    const path = new Path2D();
    if (mark.kind === "text") return drawText(g, mark, zoom);
    if (mark.kind === "box") path.rect(mark.x0 * zoom, mark.y0 * zoom, (mark.x1 - mark.x0) * zoom, (mark.y1 - mark.y0) * zoom);
    if (mark.kind === "line") for (const [x, y] of mark.points) path.lineTo(x * zoom, y * zoom);
    if (mark.kind === "circle") path.arc(mark.x * zoom, mark.y * zoom, mark.r * zoom, 0, 7);
    if (mark.kind === "point") path.arc(mark.x * zoom, mark.y * zoom, mark.size / 2, 0, 7);
    const fill = mark.kind === "point" ? mark.colour : mark.fill;
    if (mark.kind === "point") { g.lineWidth = 2; g.strokeStyle = "#000b"; g.setLineDash([]); g.stroke(path); }
    if (fill) { g.fillStyle = fill; g.fill(path); }
    if (mark.kind === "point" || !mark.width) return;
    g.setLineDash([]); // the dark edge first: to be seen on white as well
    g.strokeStyle = "#0009"; g.lineWidth = mark.width + 1.5;
    if (mark.edge) g.stroke(path);
    g.setLineDash(mark.dash);
    g.strokeStyle = mark.colour; g.lineWidth = mark.width; g.stroke(path);
  }
  function drawText(g, mark, zoom) {
    g.font = `600 ${mark.size}px sans-serif`;
    g.textAlign = mark.align; g.textBaseline = "middle"; g.lineJoin = "round"; g.setLineDash([]);
    g.strokeStyle = "#000c"; g.lineWidth = 3; g.strokeText(mark.text, mark.x * zoom, mark.y * zoom);
    g.fillStyle = mark.colour; g.fillText(mark.text, mark.x * zoom, mark.y * zoom);
  }

  // ---- painting: the same disc of whole numbers as `stamp` in canvas.py, so that both masks stay equal --------------------
  function stamp([cx, cy]) {
    const g = ink.getContext("2d"), [red, green, blue, alpha] = model.get("ink"), { radius, value } = stroke;
    g.fillStyle = `rgba(${red},${green},${blue},${alpha / 255})`;
    for (let y = Math.max(0, cy - radius); y <= Math.min(height - 1, cy + radius); y++) {
      const half = Math.floor(Math.sqrt(radius * radius - (y - cy) * (y - cy)));
      const x0 = Math.max(0, cx - half), x1 = Math.min(width - 1, cx + half);
      mask.fill(value, y * width + x0, y * width + x1 + 1);
      g.clearRect(x0, y, x1 - x0 + 1, 1);
      if (value) g.fillRect(x0, y, x1 - x0 + 1, 1);
    }
  }
  function begin(erase) {
    const value = erase || model.get("mode") === "erase" ? 0 : 1;
    stroke = { kind: "stroke", points: [], radius: model.get("radius"), value };
    extend(cursor);
  }
  function extend(to) { // through every pixel in between, so that a fast hand leaves no gaps
    const from = stroke.points[stroke.points.length - 1] || to;
    const steps = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]), 1);
    for (let i = 1; i <= steps; i++) {
      const point = [0, 1].map((k) => Math.round(from[k] + ((to[k] - from[k]) * i) / steps));
      stroke.points.push(point);
      stamp(point);
    }
  }
  function finish() {
    down = false;
    if (stroke) model.send(stroke);
    stroke = null;
  }

  // ---- reporting ----------------------------------------------------------------------------------------------------
  function report() {
    if (!frame) frame = requestAnimationFrame(() => {
      frame = 0;
      model.set("hover", inside || keys ? [...cursor, down || keys ? 1 : 0] : []);
      model.save_changes();
    });
  }
  function position() {
    const state = painting() ? (mask[cursor[1] * width + cursor[0]] ? ", painted" : ", not painted") : "";
    return `x ${cursor[0]}, y ${cursor[1]}${state}`;
  }
  function moved(to) {
    cursor = to;
    line.textContent = model.get("readout") ? position() : "";
    drawMarks();
    report();
  }
  function speak() { // only for those who move by keys, and only when the keys rest
    clearTimeout(quiet);
    if (keys) quiet = setTimeout(() => { live.textContent = model.get("says") || position(); }, QUIET_MS);
  }
  const click = () => model.send({ kind: "click", x: cursor[0], y: cursor[1] });
  const clamp = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
  const at = (event) => {
    const box = base.getBoundingClientRect(); // right at every zoom of the page
    return [clamp(((event.clientX - box.left) / box.width) * width, width),
            clamp(((event.clientY - box.top) / box.height) * height, height)];
  };
  base.addEventListener("pointerdown", (event) => {
    if (event.button === 1) return;
    base.focus({ preventScroll: true });
    base.setPointerCapture(event.pointerId);
    keys = false; inside = true;
    down = event.button === 0 && !painting();
    moved(at(event));
    if (painting()) { begin(event.button === 2 || event.shiftKey); moved(cursor); }
  });
  base.addEventListener("pointermove", (event) => {
    if (stroke) for (const each of event.getCoalescedEvents?.() ?? [event]) extend(at(each));
    const to = at(event);
    if (inside && to[0] === cursor[0] && to[1] === cursor[1]) return;
    keys = false; inside = true;
    moved(to);
  });
  base.addEventListener("pointerleave", () => { inside = false; line.textContent = ""; drawMarks(); report(); });
  for (const kind of ["pointerup", "pointercancel"]) base.addEventListener(kind, finish);
  base.addEventListener("click", (event) => {
    if (painting()) return;
    if (event.detail) cursor = at(event); // 0 when a screen reader clicks: there the cursor is meant
    click();
  });
  base.addEventListener("contextmenu", (event) => { if (painting()) event.preventDefault(); });
  base.addEventListener("keydown", (event) => {
    const step = STEPS[event.key], pace = event.shiftKey ? 10 : 1;
    const enter = event.key === "Enter" || event.key === " ";
    if ((!step && !enter) || event.ctrlKey || event.metaKey || event.altKey) return; // Tab and the rest go their way
    event.preventDefault();
    event.stopPropagation();
    keys = true;
    if (step) moved([clamp(cursor[0] + pace * step[0], width), clamp(cursor[1] + pace * step[1], height)]);
    else if (painting()) { begin(event.shiftKey); finish(); moved(cursor); } else { moved(cursor); click(); }
    speak();
  });
  base.addEventListener("focus", drawMarks);
  base.addEventListener("blur", () => { if (keys) { keys = false; report(); } drawMarks(); });

  // ---- what Python changes --------------------------------------------------------------------------------------------
  function describe() { base.setAttribute("aria-label", `${model.get("alt")} ${HELP[model.get("mode")]}`); }
  function mode() {
    base.style.touchAction = painting() ? "none" : "pan-y pinch-zoom"; // a finger may still scroll past a picture
    describe();
    drawMarks();
  }
  function readout() { line.style.display = model.get("readout") ? "" : "none"; }
  function place() { // never under the hand of whoever is moving it
    const to = model.get("cursor");
    if (to.length && !inside && document.activeElement !== base) cursor = [clamp(to[0], width), clamp(to[1], height)];
  }
  const watch = { picture: drawPicture, mask: drawMask, ink: drawMask, marks: drawMarks, radius: drawMarks, mode, readout,
                  alt: describe, width: fit, smooth: fit, cursor: place, says: speak };
  for (const [name, answer] of Object.entries(watch)) model.on(`change:${name}`, answer);
  drawPicture(); mode(); readout(); place();
  const sizes = new ResizeObserver(fit); // also when a hidden canvas is shown
  sizes.observe(base);
  window.addEventListener("resize", fit); // the zoom of the page changes the screen's pixels alone
  return () => {
    sizes.disconnect();
    window.removeEventListener("resize", fit);
    for (const [name, answer] of Object.entries(watch)) model.off(`change:${name}`, answer);
  };
}

export default { render };
