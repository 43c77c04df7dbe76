// The window explorer. One Explorer lives as long as its element; Streamlit calls the default export
// again with every new view. Grids are built once per shape: pointing only moves classes and frames.

const SPEEDS = [0.5, 1, 2, 4, 8];
const TERMS = 9; // terms of one channel that a long sum shows
const LINES = 3; // channels that a long sum shows
const CELL = { least: 36, strip: 40, usual: 44, most: 62, font: 14, screen: 440 }; // pixels
// What the built grids depend on; all else is only written into them.
const SHAPE = "mode inputShape outputShape kernel dilation groups pads editInput editWeight labels".split(
  " ",
);
const MARKS = ["tap", "hot", "reader", "winner"];
const ICONS = {
  back: "M6 5h2v14H6zM20 5v14L9 12z",
  forward: "M16 5h2v14h-2zM4 5l11 7L4 19z",
  play: "M7 4l13 8-13 8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
};

const explorers = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".explorer");
  let explorer = explorers.get(root);
  if (!explorer) explorers.set(root, (explorer = new Explorer(root)));
  explorer.setStateValue = setStateValue;
  explorer.update(data);
  return () => {
    explorer.dispose();
    explorers.delete(root);
  };
}

const number = (value) =>
  typeof value === "string" ? ({ inf: Infinity, "-inf": -Infinity }[value] ?? NaN) : value;
const escape = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const range = (count) => Array.from({ length: count }, (_, index) => index);

// A number as the reader types it: a true minus, a decimal comma and a fraction are welcome.
function parse(text) {
  const parts = text.trim().replace(/−/g, "-").replace(",", ".").split("/");
  if (parts.length > 2 || parts.some((part) => part.trim() === "")) return NaN;
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(parts[0]);
  return Number.isFinite(value) ? value : NaN;
}

// A channel of numbers drawn as cells. `kind` is "input", "kernel" or "output".
class Grid {
  constructor(kind, channel, height, width) {
    Object.assign(this, { kind, channel, height, width });
    this.element = document.createElement("figure");
    this.element.className = `panel ${kind}`;
    const cell = '<div class="cell" role="gridcell" tabindex="-1"> </div>';
    const row = `<div class="row" role="row">${cell.repeat(width)}</div>`;
    this.element.innerHTML =
      '<figcaption></figcaption><div class="plane">' +
      `<div class="grid" role="grid">${row.repeat(height)}</div><div class="frame" hidden></div></div>`;
    this.caption = this.element.firstChild;
    this.body = this.element.querySelector(".grid");
    this.frame = this.element.querySelector(".frame");
    this.element.style.setProperty("--columns", width);
    this.element.style.setProperty("--rows", height);
    this.cells = [...this.body.querySelectorAll(".cell")];
    this.cells.forEach(
      (cell, index) => (cell.place = { grid: this, row: Math.floor(index / width), column: index % width }),
    );
    this.tabStop = this.cells[0];
    this.tabStop.tabIndex = 0;
  }

  at(row, column) {
    return this.cells[row * this.width + column];
  }

  name(name, note) {
    if (this.title === name && this.note === note) return;
    this.title = name;
    this.note = note;
    this.caption.innerHTML = `<b>${escape(name)}</b> <span>${escape(note)}</span>`;
    this.body.setAttribute("aria-label", note ? `${name} (${note})` : name);
  }

  stop(cell) {
    this.tabStop.tabIndex = -1;
    this.tabStop = cell;
    cell.tabIndex = 0;
  }

  // The frame around cells (top, left) … (bottom, right), inclusive, cut at the grid's edge.
  outline(top, left, bottom, right, sparse = false) {
    bottom = Math.min(bottom, this.height - 1);
    right = Math.min(right, this.width - 1);
    const box = { "--top": top, "--left": left, "--height": bottom - top + 1, "--width": right - left + 1 };
    for (const [name, value] of Object.entries(box)) this.frame.style.setProperty(name, value);
    this.frame.classList.toggle("sparse", sparse);
    this.frame.hidden = false;
  }
}

// Bring columns `from` … `to` of a grid into sight inside its strip; the page itself does not move.
function slide(strip, grid, from, to) {
  if (strip.scrollWidth <= strip.clientWidth) return;
  const origin = strip.getBoundingClientRect().left;
  const left = grid.at(0, from).getBoundingClientRect().left - origin - 8;
  const right = grid.at(0, Math.min(to, grid.width - 1)).getBoundingClientRect().right - origin + 8;
  if (right > strip.clientWidth) strip.scrollLeft += right - strip.clientWidth;
  else if (left < 0) strip.scrollLeft += left;
}

class Explorer {
  constructor(root) {
    this.root = root;
    this.cursor = { channel: 0, row: 0, column: 0 }; // the output cell the window belongs to
    this.pointed = null; // the cell, or the term of the sum, under pointer or focus
    this.marked = [];
    this.speed = 1;
    this.stamp = 0;
    this.listeners = new AbortController();
    const on = (type, handler) =>
      root.addEventListener(type, handler.bind(this), { signal: this.listeners.signal });
    on("pointerover", this.onPointer);
    on("pointerleave", this.onLeave);
    on("focusin", this.onFocus);
    on("focusout", this.onBlur);
    on("click", this.onClick);
    on("dblclick", this.onDoubleClick);
    on("keydown", this.onKey);
    on("change", this.onChange);
    this.width = root.clientWidth; // kept, because to ask again would lay everything out
    this.observer = new ResizeObserver(() => {
      if (this.width === root.clientWidth) return;
      this.width = root.clientWidth;
      this.fit();
    });
    this.observer.observe(root);
  }

  dispose() {
    this.pause();
    cancelAnimationFrame(this.revealing);
    this.listeners.abort();
    this.observer.disconnect();
  }

  // ── new data from Python ──────────────────────────────────────────────────────────────────────

  update(data) {
    const before = this.data;
    const rebuild =
      !before || SHAPE.some((name) => !same(data[name], before[name])) || !data.bias !== !before.bias;
    // A view computed before our latest report arrived would undo it for a moment; the next one has it.
    if (!rebuild && data.seen < this.stamp) return;
    for (const name of ["input", "weight", "output", "bias"]) data[name] = data[name]?.map(number) ?? null;
    this.data = data;
    [this.channels, this.inHeight, this.inWidth] = data.inputShape;
    [this.outChannels, this.outHeight, this.outWidth] = data.outputShape;
    [this.kernelHeight, this.kernelWidth] = data.kernel;
    this.inGroup = this.channels / data.groups;
    this.outGroup = this.outChannels / data.groups;

    const { cursor } = this;
    if (data.selected && !same(data.selected, before?.selected) && !same(data.selected, this.sent))
      [cursor.channel, cursor.row, cursor.column] = data.selected;
    this.sent = null;
    cursor.channel = clamp(cursor.channel, 0, this.outChannels - 1);
    cursor.row = clamp(cursor.row, 0, this.outHeight - 1);
    cursor.column = clamp(cursor.column, 0, this.outWidth - 1);

    const refocus = rebuild && this.build();
    this.clear();
    this.select(null);
    this.paint();
    this.fit();
    this.show();
    if (refocus) refocus();
  }

  // Builds everything anew, and returns what gives focus back to where it was.
  build() {
    const { data } = this;
    const { labels } = data;
    const active = this.root.getRootNode().activeElement;
    const place = active?.closest?.(".cell")?.place;
    const control = active?.dataset?.do;

    this.pointed = null;
    this.editing = null;
    this.shown = range(data.groups).map((group) => group * this.outGroup); // whose kernel each group shows
    const make = (kind, count, height, width) =>
      range(count).map((channel) => new Grid(kind, channel, height, width));
    this.grids = {
      input: make("input", this.channels, this.inHeight, this.inWidth),
      kernel: data.weight ? make("kernel", this.channels, this.kernelHeight, this.kernelWidth) : [],
      output: make("output", this.outChannels, this.outHeight, this.outWidth),
    };
    const node = (name, html = "") => {
      const element = document.createElement("div");
      element.className = name;
      element.innerHTML = html;
      return element;
    };
    const sign = (text) => `<span class="sign" aria-hidden="true">${escape(text)}</span>`;

    const pairs = node("pairs");
    this.pairs = this.grids.input.map((input, channel) => {
      const pair = node("pair");
      pair.append(input.element);
      if (data.weight) pair.append(node("link", sign(labels.operator)), this.grids.kernel[channel].element);
      if ((channel + 1) % this.inGroup) pair.append(node("link", sign("+")));
      pairs.append(pair);
      return pair;
    });
    const word = `<span class="word">${escape(labels.bias)}</span>`;
    const bias = data.bias ? `${sign("+")}<span class="bias">${word}<span class="value"></span></span>` : "";
    const link = node("link", data.weight ? bias + sign("=") : sign(labels.operator) + sign("→"));
    this.bias = link.querySelector(".value");
    const outputs = node("outputs");
    outputs.append(...this.grids.output.map((grid) => grid.element));
    const stage = node("stage");
    stage.append(pairs, link, outputs);
    stage.classList.toggle("dense", data.dilation[0] === 1 && data.dilation[1] === 1);

    const button = (name) => {
      const label = escape(labels[name]);
      const icon = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
      const names = `aria-label="${label}" title="${label}"`;
      return `<button type="button" data-do="${name}" ${names}>${icon}</button>`;
    };
    const option = (speed) =>
      `<option value="${speed}"${speed === this.speed ? " selected" : ""}>${speed}×</option>`;
    const readout = node(
      "readout",
      `<div class="player" role="group" aria-label="${escape(labels.player)}">
        ${button("back")}${button("play")}${button("forward")}
        <label class="speed">
          <span>${escape(labels.speed)}</span>
          <select data-do="speed">${SPEEDS.map(option).join("")}</select>
        </label>
        <span class="position"></span>
      </div>
      <div class="sum" role="status" aria-live="polite" tabindex="0"></div>`,
    );
    this.sum = readout.querySelector(".sum");
    // Room for a whole sum, so that nothing jumps where less is written.
    const lines = this.inGroup > 1 ? Math.min(this.inGroup, LINES) + 1 : 1;
    this.sum.style.setProperty("--lines", lines);
    this.position = readout.querySelector(".position");
    this.playButton = readout.querySelector('[data-do="play"]');

    this.root.replaceChildren(stage, readout, node("hint", escape(labels.hint)));
    this.grids.input.forEach((grid, channel) => grid.name(labels.inputs[channel], labels.input_note));
    this.grids.output.forEach((grid, channel) => grid.name(labels.outputs[channel], labels.output_note));
    const editable = { input: data.editInput, kernel: data.editWeight };
    for (const grid of this.all()) grid.body.setAttribute("aria-readonly", String(!editable[grid.kind]));
    this.drawPlay();

    return () => {
      if (control) this.root.querySelector(`[data-do="${control}"]`)?.focus({ preventScroll: true });
      const grid = place && this.grids[place.grid.kind][place.grid.channel];
      if (!grid) return;
      const { row, column } = place;
      grid
        .at(Math.min(row, grid.height - 1), Math.min(column, grid.width - 1))
        .focus({ preventScroll: true });
    };
  }

  all() {
    return Object.values(this.grids).flat();
  }

  // Write every number and its colour: blue is positive, orange negative, next to the largest of its kind.
  paint() {
    const { data } = this;
    const largest = (values) => Math.max(1e-12, ...(values ?? []).filter(Number.isFinite).map(Math.abs));
    this.scale = { input: largest(data.input), kernel: largest(data.weight), output: largest(data.output) };
    for (const kind of ["input", "output"]) {
      const cells = this.grids[kind].flatMap((grid) => grid.cells);
      cells.forEach((cell, index) => this.write(cell, data[kind][index]));
    }
    for (const group of range(data.groups)) this.paintKernels(group);
    this.paintUnread();
  }

  // Input that no window reads: the stride leaves it over, or steps across it.
  paintUnread() {
    const { stride, dilation } = this.data;
    const reached = (outputs, kernel, axis) =>
      new Set(range(outputs).flatMap((index) => range(kernel).map((tap) => index * stride[axis] + tap * dilation[axis])));
    const rows = reached(this.outHeight, this.kernelHeight, 0);
    const columns = reached(this.outWidth, this.kernelWidth, 1);
    for (const grid of this.grids.input)
      for (const cell of grid.cells) {
        const { row, column } = cell.place;
        cell.classList.toggle("unread", !this.isPadding(row, column) && !(rows.has(row) && columns.has(column)));
      }
  }

  paintKernels(group) {
    const { data } = this;
    if (!data.weight) return;
    const { labels } = data;
    const output = this.shown[group];
    for (let channel = group * this.inGroup; channel < (group + 1) * this.inGroup; channel++) {
      const grid = this.grids.kernel[channel];
      grid.name(
        fill(labels.kernel, { input: labels.inputs[channel], output: labels.outputs[output] }),
        labels.kernel_note,
      );
      const first = this.weightAt(output, channel);
      grid.cells.forEach((cell, index) => this.write(cell, data.weight[first + index]));
    }
  }

  write(cell, value) {
    const { grid, row, column } = cell.place;
    const { className, strength } = this.look(value, this.scale[grid.kind]);
    const text = this.format(value);
    cell.value = value;
    if (cell.text === text && cell.strength === strength && cell.sign === className) return;
    Object.assign(cell, { text, strength, sign: className });
    const padding = grid.kind === "input" && this.isPadding(row, column) ? " padding" : "";
    cell.className = `cell${padding} ${className}`;
    cell.style.setProperty("--strength", strength);
    if (cell !== this.editing?.cell) cell.firstChild.data = text;
    if (cell.ariaLabel) cell.ariaLabel = null;
  }

  // The class and the strength of a value's colour.
  look(value, scale) {
    const size = Number.isFinite(value) ? Math.abs(value) / scale : 0;
    const className = value === null ? "unknown" : size === 0 ? "zero" : value > 0 ? "positive" : "negative";
    return { className, strength: size.toFixed(3) };
  }

  format(value) {
    if (value === null) return "?";
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
    const text = String(Number(value.toFixed(this.data.decimals)));
    return text === "0" || text === "-0" ? "0" : text.replace("-", "−");
  }

  rounded(value) {
    if (value === null || !Number.isFinite(value)) return false;
    return Math.abs(value - Number(value.toFixed(this.data.decimals))) > 1e-6 * Math.max(1, Math.abs(value));
  }

  // Choose the cell's size, and how many inputs and outputs stand in a row: the largest cells that fit
  // side by side and, if they can, on one screen. Where they would be too small to read, inputs and
  // outputs become two strips, one above the other, which scroll.
  fit() {
    const available = this.width;
    if (!this.grids || !available) return;
    const texts = new Set(this.all().flatMap((grid) => grid.cells.map((cell) => cell.text)));
    const ems = (text) => [...text].reduce((sum, letter) => sum + (letter === "." ? 0.27 : 0.53), 0);
    const longest = Math.max(...[...texts].map(ems));
    const smallest = Math.max(CELL.least, Math.ceil(longest * CELL.font + 8));
    const kernel = this.data.weight ? this.kernelWidth : 0;
    const pair = this.inWidth + kernel;
    let [best, size, pairs, outputs] = [0, 0, 1, 1];
    for (let p = 1; p <= this.channels; p++)
      for (let o = 1; o <= this.outChannels; o++) {
        const across = (available - 70 - p * (kernel ? 90 : 24) - o * 24) / (p * pair + o * this.outWidth);
        const rows = Math.max(
          Math.ceil(this.channels / p) * this.inHeight,
          Math.ceil(this.outChannels / o) * this.outHeight,
        );
        const fitting = Math.min(across, CELL.screen / rows);
        if (across < smallest || fitting <= best) continue;
        [best, pairs, outputs] = [fitting, p, o];
        size = Math.min(across, Math.max(fitting, CELL.usual), CELL.most);
      }
    const stacked = size === 0;
    if (stacked) size = Math.min((available - 8) / Math.max(this.inWidth, this.outWidth, kernel), CELL.strip);
    size = Math.floor(Math.max(size, smallest));
    const beside = pair * size + 150;
    const below = Math.max(this.inWidth * size, kernel * size + 110);
    const font = clamp((size - 8) / longest, CELL.font, Math.min(size * 0.36, 20));
    const { root } = this;
    root.classList.toggle("stacked", stacked);
    root.classList.toggle(
      "tall",
      !stacked && Math.ceil(this.channels / pairs) * this.inHeight * size > 1.5 * CELL.screen,
    );
    root.style.setProperty("--cell", `${size}px`);
    root.style.setProperty("--font", `${font.toFixed(1)}px`);
    root.style.setProperty("--pairs", pairs);
    root.style.setProperty("--outputs", outputs);
    root.style.setProperty("--pair", `${beside <= available ? beside : below}px`);
  }

  // ── geometry ──────────────────────────────────────────────────────────────────────────────────

  isPadding(row, column) {
    const [top, bottom, left, right] = this.data.pads;
    return row < top || row >= this.inHeight - bottom || column < left || column >= this.inWidth - right;
  }

  weightAt(output, channel) {
    const size = this.kernelHeight * this.kernelWidth;
    return (output * this.inGroup + (channel % this.inGroup)) * size;
  }

  group(output) {
    return Math.floor(output / this.outGroup);
  }

  // Which kernel cell meets the window's cell (i, j).
  kernelCell(i, j) {
    return this.data.flipped ? { i: this.kernelHeight - 1 - i, j: this.kernelWidth - 1 - j } : { i, j };
  }

  // What one output cell reads in each channel: where, and with which kernel cell.
  taps(row, column) {
    const { stride, dilation, mode, countPadding } = this.data;
    const taps = [];
    for (let i = 0; i < this.kernelHeight; i++)
      for (let j = 0; j < this.kernelWidth; j++) {
        const y = row * stride[0] + i * dilation[0];
        const x = column * stride[1] + j * dilation[1];
        if (y >= this.inHeight || x >= this.inWidth) continue;
        if (mode === "average" && !countPadding && this.isPadding(y, x)) continue;
        taps.push({ y, x, ...this.kernelCell(i, j) });
      }
    return taps;
  }

  // The other way round: which output cells read input cell (y, x), and with which kernel cell.
  readers(y, x) {
    const { stride, dilation, mode, countPadding } = this.data;
    if (mode === "average" && !countPadding && this.isPadding(y, x)) return [];
    const isOutput = (index, size) => Number.isInteger(index) && index >= 0 && index < size;
    const readers = [];
    for (let i = 0; i < this.kernelHeight; i++)
      for (let j = 0; j < this.kernelWidth; j++) {
        const row = (y - i * dilation[0]) / stride[0];
        const column = (x - j * dilation[1]) / stride[1];
        if (isOutput(row, this.outHeight) && isOutput(column, this.outWidth))
          readers.push({ row, column, ...this.kernelCell(i, j) });
      }
    return readers;
  }

  result(output, row, column) {
    return this.data.output[(output * this.outHeight + row) * this.outWidth + column];
  }

  winner(output, row, column, taps) {
    const { mode, winners, pads } = this.data;
    if (mode !== "max" && mode !== "min") return null;
    if (this.result(output, row, column) === null) return null;
    const index = winners?.[(output * this.outHeight + row) * this.outWidth + column] ?? -1;
    if (index >= 0) {
      const width = this.inWidth - pads[2] - pads[3];
      return { y: Math.floor(index / width) + pads[0], x: (index % width) + pads[2] };
    }
    const better = (a, b) => (mode === "max" ? a > b : a < b);
    const value = (tap) => this.grids.input[output].at(tap.y, tap.x).value;
    return taps.reduce((best, tap) => (better(value(tap), value(best)) ? tap : best));
  }

  // ── marking ───────────────────────────────────────────────────────────────────────────────────

  mark(cell, name, badge) {
    cell.classList.add(name);
    if (badge !== undefined) cell.dataset.badge = badge;
    this.marked.push(cell);
  }

  clear() {
    if (!this.grids) return;
    for (const cell of this.marked) {
      cell.classList.remove(...MARKS);
      delete cell.dataset.badge;
    }
    this.marked.length = 0;
    for (const grid of this.all()) grid.frame.hidden = true;
  }

  show() {
    this.clear();
    const { pointed, cursor } = this;
    if (pointed?.kind === "input") return this.showReaders(pointed);
    if (pointed?.kind === "output") return this.showWindow(pointed);
    if (pointed?.kind === "kernel") {
      const channel = this.shown[Math.floor(pointed.channel / this.inGroup)];
      return this.showWindow(
        { ...cursor, channel },
        { channel: pointed.channel, i: pointed.row, j: pointed.column },
      );
    }
    if (pointed?.kind === "term") return this.showWindow(this.current, pointed);
    this.showWindow(cursor);
  }

  showWindow(place, hot = null) {
    const { data } = this;
    const { channel: output, row, column } = place;
    const before = this.current;
    this.current = { channel: output, row, column };
    const moved = !same(this.current, before);
    const group = this.group(output);
    if (this.shown[group] !== output) {
      this.shown[group] = output;
      this.paintKernels(group);
    }
    this.focusGroup(group);
    const taps = this.taps(row, column);
    const winner = this.winner(output, row, column, taps);
    const top = row * data.stride[0];
    const left = column * data.stride[1];
    const bottom = top + (this.kernelHeight - 1) * data.dilation[0];
    const right = left + (this.kernelWidth - 1) * data.dilation[1];
    const sparse = data.dilation[0] > 1 || data.dilation[1] > 1;
    for (let channel = group * this.inGroup; channel < (group + 1) * this.inGroup; channel++) {
      const input = this.grids.input[channel];
      const kernel = this.grids.kernel[channel];
      for (const tap of taps) {
        const weight = kernel?.at(tap.i, tap.j);
        const cell = input.at(tap.y, tap.x);
        this.mark(cell, "tap", weight && `×${this.format(weight.value)}`);
        if (winner?.y === tap.y && winner?.x === tap.x) this.mark(cell, "winner");
        if (weight) this.mark(weight, "tap");
        if (hot && hot.channel === channel && hot.i === tap.i && hot.j === tap.j) {
          this.mark(cell, "hot");
          if (weight) this.mark(weight, "hot");
        }
      }
      input.outline(top, left, bottom, right, sparse);
      kernel?.outline(0, 0, this.kernelHeight - 1, this.kernelWidth - 1);
    }
    const grid = this.grids.output[output];
    grid.outline(row, column, row, column);
    if (moved && !hot) this.reveal(grid.at(row, column));
    if (this.bias) this.writeBias(output);
    const { cursor } = this;
    this.select(this.grids.output[cursor.channel].at(cursor.row, cursor.column));
    this.position.textContent = fill(data.labels.position, {
      index: row * this.outWidth + column + 1,
      count: this.outHeight * this.outWidth,
    });
    this.writeSum(output, row, column, taps, winner);
    if (hot) this.sum.querySelector(`[data-term="${hot.channel},${hot.i},${hot.j}"]`)?.classList.add("hot");
  }

  // In strips, bring the cell and its window into sight: in the channel that is nearest to it. Positions
  // are asked for in the next frame, when everything is laid out anyway.
  reveal(cell) {
    if (!this.root.classList.contains("stacked")) return;
    cancelAnimationFrame(this.revealing);
    this.revealing = requestAnimationFrame(() => {
      const { grid, column } = cell.place;
      const group = this.group(grid.channel);
      const left = column * this.data.stride[1];
      const right = left + (this.kernelWidth - 1) * this.data.dilation[1];
      const strip = this.pairs[0].parentNode;
      const away = ({ element }) =>
        Math.abs(element.getBoundingClientRect().left - strip.getBoundingClientRect().left);
      const channels = this.grids.input.slice(group * this.inGroup, (group + 1) * this.inGroup);
      const nearest = channels.reduce((best, input) => (away(input) < away(best) ? input : best));
      slide(strip, nearest, left, right);
      if (!this.pointed) slide(grid.element.parentNode, grid, column, column); // never under the pointer
    });
  }

  showReaders({ channel, row, column }) {
    const { data } = this;
    const group = Math.floor(channel / this.inGroup);
    this.focusGroup(group);
    const input = this.grids.input[channel];
    input.outline(row, column, row, column);
    this.mark(input.at(row, column), "hot");
    const readers = this.readers(row, column);
    for (let output = group * this.outGroup; output < (group + 1) * this.outGroup; output++)
      for (const reader of readers) {
        const cell = this.grids.output[output].at(reader.row, reader.column);
        const weight = data.weight?.[this.weightAt(output, channel) + reader.i * this.kernelWidth + reader.j];
        this.mark(cell, "reader", weight === undefined ? undefined : `×${this.format(weight)}`);
        const winner = data.weight
          ? null
          : this.winner(output, reader.row, reader.column, this.taps(reader.row, reader.column));
        if (winner?.y === row && winner?.x === column) this.mark(cell, "winner");
      }
    const { labels } = data;
    const cell = this.cellName(input.at(row, column));
    const sentence = fill(labels.readers, { count: readers.length * this.outGroup });
    this.sum.innerHTML = `<p class="heading">${escape(cell)}</p><p>${escape(sentence)}</p>`;
  }

  // Channels of other groups take no part: they lose their colour, not their numbers.
  focusGroup(group) {
    this.pairs.forEach((pair, channel) =>
      pair.classList.toggle("aside", Math.floor(channel / this.inGroup) !== group),
    );
  }

  // The cursor's cell is the selected one of all output grids, and its grid's tab stop.
  select(cell) {
    if (this.selected === cell) return;
    this.selected?.removeAttribute("aria-selected");
    this.selected?.classList.remove("selected");
    this.selected = cell;
    cell?.setAttribute("aria-selected", "true");
    cell?.classList.add("selected");
    cell?.place.grid.stop(cell);
  }

  writeBias(output) {
    const value = this.data.bias[output];
    const { className, strength } = this.look(value, this.scale.kernel);
    this.bias.className = `value ${className}`;
    this.bias.style.setProperty("--strength", strength);
    this.bias.textContent = this.format(value);
  }

  cellName(cell) {
    const { labels } = this.data;
    const { grid, row, column } = cell.place;
    return fill(labels.cell, { grid: grid.title, row: row + 1, column: column + 1 });
  }

  // ── the written sum ───────────────────────────────────────────────────────────────────────────

  writeSum(output, row, column, taps, winner) {
    const { data } = this;
    const { labels } = data;
    const result = this.result(output, row, column);
    const known = result !== null;
    const group = this.group(output);
    let inexact = this.rounded(result);
    let left = 0; // terms not written out

    const chip = (value, scale, more = "") => {
      const { className, strength } = this.look(value, scale);
      if (this.rounded(value)) inexact = true;
      const style = `--strength:${strength}`;
      return `<span class="chip ${className} ${more}" style="${style}">${this.format(value)}</span>`;
    };
    const bracketed = (value, html) => (value < 0 ? `(${html})` : html);
    const equals = (html, near) => `<span class="equals">${near ? "≈" : "="} ${html}</span>`;
    const answer = () => equals(`<strong class="answer">${this.format(result)}</strong>`, inexact);
    const join = (terms, separator) => {
      const short = this.expanded || terms.length <= TERMS;
      if (!short) left += terms.length - TERMS;
      return (short ? terms : [...terms.slice(0, TERMS - 1), "…", terms.at(-1)]).join(separator);
    };

    const channels = range(this.inGroup).map((channel) => {
      channel += group * this.inGroup;
      const input = this.grids.input[channel];
      const kernel = this.grids.kernel[channel];
      let partial = 0;
      const terms = taps.map((tap) => {
        const value = input.at(tap.y, tap.x).value;
        const weight = kernel?.at(tap.i, tap.j).value;
        partial += kernel ? value * weight : 0;
        const won = winner?.y === tap.y && winner?.x === tap.x ? "winner" : "";
        const quiet = this.isPadding(tap.y, tap.x) ? " outside" : "";
        const html = kernel
          ? `(${chip(value, this.scale.input)} × ${chip(weight, this.scale.kernel)})`
          : chip(value, this.scale.input, won);
        return `<span class="term${quiet}" data-term="${channel},${tap.i},${tap.j}">${html}</span>`;
      });
      return { name: labels.inputs[channel], terms, partial };
    });

    const bias = data.bias ? data.bias[output] : null;
    const biasTerm = () =>
      `${bracketed(bias, chip(bias, this.scale.kernel))} <span class="word">(${escape(labels.bias)})</span>`;
    const lines = [];
    if (data.mode === "average") {
      lines.push(["", `(${join(channels[0].terms, " + ")}) / ${taps.length} ${answer()}`]);
    } else if (!data.weight) {
      lines.push(["", `${data.mode}(${join(channels[0].terms, ", ")}) ${answer()}`]);
    } else if (channels.length === 1) {
      const terms = join(channels[0].terms, " + ");
      lines.push(["", `${terms}${bias === null ? "" : ` + ${biasTerm()}`} ${answer()}`]);
    } else {
      const all = this.expanded || channels.length <= LINES;
      const written = all ? channels : [...channels.slice(0, LINES - 2), null, channels.at(-1)];
      for (const channel of written) {
        inexact = false;
        if (channel === null) {
          lines.push(["", "⋮"]);
          left += channels.slice(LINES - 2, -1).reduce((count, { terms }) => count + terms.length, 0);
          continue;
        }
        const terms = join(channel.terms, " + ");
        // The partial sums would give a hidden cell away.
        const part = known
          ? equals(this.format(channel.partial), inexact || this.rounded(channel.partial))
          : "";
        lines.push([channel.name, `${terms} ${part}`]);
      }
      inexact = this.rounded(result);
      const parts = channels.map(({ name, partial }) => {
        if (!known) return escape(name);
        if (this.rounded(partial)) inexact = true;
        return bracketed(partial, this.format(partial));
      });
      const total = [...parts, ...(bias === null ? [] : [biasTerm()])].join(" + ");
      lines.push([labels.outputs[output], `${total} ${answer()}`, "total"]);
    }

    const count = taps.length * channels.length;
    const offer = escape(this.expanded ? labels.show_less : fill(labels.show_all, { count }));
    const toggle =
      left || this.expanded ? `<button type="button" class="more" data-do="more">${offer}</button>` : "";
    const body = lines
      .map(([name, html, kind = ""]) => `<div class="${kind}"><dt>${escape(name)}</dt><dd>${html}</dd></div>`)
      .join("");
    this.sum.innerHTML =
      `<p class="heading">${escape(this.cellName(this.grids.output[output].at(row, column)))}</p>` +
      `<dl class="${lines.length === 1 ? "single" : ""}">${body}</dl>${toggle}`;
  }

  // ── pointer, focus and keys ───────────────────────────────────────────────────────────────────

  point(target) {
    const cell = target?.closest?.(".cell");
    const term = target?.closest?.(".term");
    let pointed = null;
    if (cell) {
      const { grid, row, column } = cell.place;
      pointed = { kind: grid.kind, channel: grid.channel, row, column };
    } else if (term) {
      const [channel, i, j] = term.dataset.term.split(",").map(Number);
      pointed = { kind: "term", channel, i, j };
    }
    if (this.editing || same(pointed, this.pointed)) return;
    this.pointed = pointed;
    this.root.classList.remove("gliding");
    // Rewriting the sum under the pointer would take the pointed term away; marking is enough.
    if (term) this.markTerm(pointed);
    else this.show();
  }

  markTerm({ channel, i, j }) {
    for (const cell of this.marked) cell.classList.remove("hot");
    for (const term of this.sum.querySelectorAll(".hot")) term.classList.remove("hot");
    const { row, column } = this.current;
    const tap = this.taps(row, column).find((tap) => tap.i === i && tap.j === j);
    this.mark(this.grids.input[channel].at(tap.y, tap.x), "hot");
    if (this.grids.kernel[channel]) this.mark(this.grids.kernel[channel].at(i, j), "hot");
    this.sum.querySelector(`[data-term="${channel},${i},${j}"]`)?.classList.add("hot");
  }

  onPointer(event) {
    this.point(event.target.closest(".cell, .term") ?? this.focusedCell());
  }

  onLeave() {
    this.point(this.focusedCell());
  }

  // Focus on an output cell moves the cursor there, so only the other grids' cells need remembering.
  focusedCell() {
    const cell = this.root.getRootNode().activeElement?.closest?.(".cell");
    return cell && cell.place.grid.kind !== "output" ? cell : null;
  }

  onFocus(event) {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    const { grid, row, column } = cell.place;
    grid.stop(cell);
    const { labels } = this.data;
    const state = cell.value === null ? labels.hidden : this.format(cell.value);
    const outside = cell.classList.contains("padding") ? `, ${labels.padding}` : "";
    cell.setAttribute("aria-label", `${this.cellName(cell)}: ${state}${outside}`);
    if (grid.kind === "output") {
      this.pause();
      this.cursor = { channel: grid.channel, row, column };
    }
    this.pointed = null;
    this.point(cell);
  }

  onBlur(event) {
    if (this.root.contains(event.relatedTarget)) return;
    if (this.pointed) this.point(null);
  }

  focus(cell) {
    cell.focus({ preventScroll: true });
    cell.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  onClick(event) {
    const action = event.target.closest("[data-do]")?.dataset.do;
    if (action === "back" || action === "forward") {
      this.pause();
      this.step(action === "back" ? -1 : 1);
    } else if (action === "play") {
      if (this.timer) this.pause();
      else this.play();
    } else if (action === "more") {
      this.expanded = !this.expanded;
      this.show();
      this.sum.querySelector(".more")?.focus();
    }
    const cell = event.target.closest(".cell");
    if (cell?.place.grid.kind === "output") this.fix(cell);
  }

  onChange(event) {
    if (event.target.dataset.do !== "speed") return;
    this.speed = Number(event.target.value);
    if (this.timer) this.play();
  }

  onDoubleClick(event) {
    const cell = event.target.closest(".cell");
    if (cell && cell !== this.editing?.cell && this.editable(cell)) this.edit(cell);
  }

  onKey(event) {
    if (this.editing) return this.onEditKey(event);
    const cell = event.target.closest(".cell");
    if (!cell || event.altKey || event.metaKey) return;
    const { grid, row, column } = cell.place;
    const last = { row: grid.height - 1, column: grid.width - 1 };
    const far = event.ctrlKey;
    const target = {
      ArrowUp: [far ? 0 : row - 1, column],
      ArrowDown: [far ? last.row : row + 1, column],
      ArrowLeft: [row, far ? 0 : column - 1],
      ArrowRight: [row, far ? last.column : column + 1],
      Home: [far ? 0 : row, 0],
      End: [far ? last.row : row, last.column],
    }[event.key];
    if (target) {
      event.preventDefault();
      this.focus(grid.at(clamp(target[0], 0, last.row), clamp(target[1], 0, last.column)));
    } else if (event.ctrlKey) {
      return;
    } else if (grid.kind === "output" && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      this.fix(cell);
    } else if (this.editable(cell) && (event.key === "Enter" || event.key === "F2")) {
      event.preventDefault();
      this.edit(cell);
    } else if (this.editable(cell) && /^[-−+.,\d]$/.test(event.key)) {
      event.preventDefault();
      this.edit(cell, event.key);
    } else {
      return;
    }
    // Streamlit's own shortcuts listen above.
    event.stopPropagation();
  }

  fix(cell) {
    const { grid, row, column } = cell.place;
    this.pause();
    this.cursor = { channel: grid.channel, row, column };
    this.sent = [grid.channel, row, column];
    this.show();
    this.send("cell", this.sent);
  }

  // The stamp makes every report news to Python, even one that repeats an earlier value.
  send(name, value) {
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.setStateValue(name, { value, stamp: this.stamp });
  }

  // ── stepping ──────────────────────────────────────────────────────────────────────────────────

  step(by) {
    const { cursor } = this;
    const count = this.outHeight * this.outWidth;
    const index = (cursor.row * this.outWidth + cursor.column + by + count) % count;
    this.cursor = {
      channel: cursor.channel,
      row: Math.floor(index / this.outWidth),
      column: index % this.outWidth,
    };
    this.pointed = null;
    this.root.classList.add("gliding");
    this.show();
  }

  play() {
    clearInterval(this.timer);
    // Pointing at a cell holds the window, so that one can look.
    this.timer = setInterval(() => this.pointed || this.step(1), 800 / this.speed);
    this.drawPlay();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    if (this.playButton) this.drawPlay();
  }

  drawPlay() {
    const name = this.timer ? "pause" : "play";
    const label = this.data.labels[name];
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = label;
    this.playButton.querySelector("path").setAttribute("d", ICONS[name]);
    this.sum.setAttribute("aria-live", this.timer ? "off" : "polite");
  }

  // ── editing ───────────────────────────────────────────────────────────────────────────────────

  editable(cell) {
    const { kind } = cell.place.grid;
    if (kind === "input") return this.data.editInput && !cell.classList.contains("padding");
    return kind === "kernel" && this.data.editWeight;
  }

  edit(cell, typed) {
    const field = document.createElement("input");
    field.className = "field";
    field.inputMode = "decimal";
    field.autocomplete = "off";
    field.value = typed ?? String(cell.value);
    field.setAttribute("aria-label", this.cellName(cell));
    this.editing = { cell, field };
    cell.replaceChildren(field);
    field.focus({ preventScroll: true });
    if (typed === undefined) field.select();
    field.addEventListener("blur", () => this.endEdit(true));
  }

  onEditKey(event) {
    event.stopPropagation();
    const { cell, field } = this.editing;
    if (event.key === "Escape") {
      this.endEdit(false);
      this.focus(cell);
    } else if (event.key === "Enter") {
      if (Number.isNaN(parse(field.value))) {
        field.setAttribute("aria-invalid", "true");
        field.title = this.data.labels.invalid;
        return;
      }
      this.endEdit(true);
      this.focus(cell);
    } else if (event.key === "Tab") {
      // As in a spreadsheet, Tab goes on to the next number that can be changed.
      const cells = cell.place.grid.cells.filter((other) => this.editable(other));
      const next = cells[cells.indexOf(cell) + (event.shiftKey ? -1 : 1)];
      if (!next) return;
      event.preventDefault();
      this.endEdit(true);
      this.focus(next);
    }
  }

  endEdit(commit) {
    if (!this.editing) return;
    const { cell, field } = this.editing;
    this.editing = null;
    const value = parse(field.value);
    cell.textContent = cell.text;
    if (!commit || Number.isNaN(value) || value === cell.value) return;
    const { data } = this;
    const { grid, row, column } = cell.place;
    if (grid.kind === "input") {
      data.input[(grid.channel * this.inHeight + row) * this.inWidth + column] = value;
      this.send("input", this.realInput());
    } else {
      const output = this.shown[Math.floor(grid.channel / this.inGroup)];
      data.weight[this.weightAt(output, grid.channel) + row * this.kernelWidth + column] = value;
      this.send(
        "weight",
        this.nested(data.weight, [this.outChannels, this.inGroup, this.kernelHeight, this.kernelWidth]),
      );
    }
    this.write(cell, value);
    this.show();
  }

  realInput() {
    const [top, bottom, left, right] = this.data.pads;
    return this.nested(this.data.input, this.data.inputShape).map((plane) =>
      plane.slice(top, this.inHeight - bottom).map((row) => row.slice(left, this.inWidth - right)),
    );
  }

  nested(values, [size, ...rest]) {
    const step = values.length / size;
    const parts = range(size).map((index) => values.slice(index * step, (index + 1) * step));
    return rest.length ? parts.map((part) => this.nested(part, rest)) : parts.map(([value]) => value);
  }
}
