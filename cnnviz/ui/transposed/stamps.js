// Stamping: each input cell stamps the kernel, times its value, onto a canvas. Stepping, playing and pointing
// stay in the browser; Python hears of the step at which one stops, of a cell that is picked, of an edit.

const SHAPE = "rows columns kernelRows kernelColumns canvas crop labels".split(" ");
const ICONS = {
  back: "M6 5h2v14H6zM20 5v14L9 12z",
  forward: "M16 5h2v14h-2zM4 5l11 7L4 19z",
  play: "M7 4l13 8-13 8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
};
const TERMS = 9; // products that the sum writes out

const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const format = (value) => {
  const text = String(Number(value.toFixed(2)));
  return text === "-0" ? "0" : text.replace("-", "−");
};
const factor = (value) => (value < 0 ? `(${format(value)})` : format(value));
const parse = (text) => {
  const clean = text.trim().replace(/−/g, "-").replace(",", ".");
  return clean === "" ? NaN : Number(clean);
};

function make(name, className, parent) {
  const element = document.createElement(name);
  if (className) element.className = className;
  parent?.append(element);
  return element;
}

class Stamps {
  constructor(root) {
    this.root = root;
    this.stamp = 0;
    this.pointed = null; // {kind: "input" | "canvas", row, column}
    this.width = root.clientWidth;
    this.observer = new ResizeObserver(() => {
      if (this.width === root.clientWidth) return;
      this.width = root.clientWidth;
      this.fit();
    });
    this.observer.observe(root);
  }

  dispose() {
    this.pause(false);
    this.observer.disconnect();
  }

  update(data) {
    const before = this.data;
    const rebuild = !before || SHAPE.some((name) => !same(data[name], before[name]));
    // A view computed before our latest report arrived would undo it for a moment.
    if (!rebuild && data.seen < this.stamp) return;
    this.data = data;
    this.count = data.rows * data.columns;
    if (!before || data.step !== before.step) this.step = data.step;
    this.step = clamp(this.step, 0, this.count);
    if (rebuild) this.build();
    this.write();
    this.show();
  }

  build() {
    const { data, root } = this;
    const { labels } = data;
    this.pause(false);
    root.replaceChildren();
    const stage = make("div", "stage", root);
    const sign = (text) => Object.assign(make("span", "sign", stage), { textContent: text, ariaHidden: "true" });
    this.input = this.grid(stage, "input", labels.input, labels.inputNote, data.rows, data.columns);
    sign("×");
    this.kernel = this.grid(stage, "kernel", labels.kernel, labels.kernelNote, data.kernelRows, data.kernelColumns);
    sign("→");
    this.canvas = this.grid(stage, "canvas", labels.output, labels.outputNote, ...data.canvas);
    this.canvas.forEach((cell) => {
      const { row, column } = cell.place;
      cell.cut = row < data.crop[0] || column < data.crop[1] || row >= data.crop[2] || column >= data.crop[3];
    });

    const player = make("div", "player", root);
    player.setAttribute("role", "group");
    player.ariaLabel = labels.player;
    this.buttons = {};
    for (const name of ["back", "play", "forward"]) {
      const button = (this.buttons[name] = make("button", "", player));
      button.type = "button";
      button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
      button.title = button.ariaLabel = labels[name];
    }
    this.buttons.back.onclick = () => this.go(this.step - 1);
    this.buttons.forward.onclick = () => this.go(this.step + 1);
    this.buttons.play.onclick = () => (this.timer ? this.pause() : this.play());
    this.slider = Object.assign(make("input", "", player), { type: "range", min: 0, max: this.count, step: 1 });
    this.slider.ariaLabel = labels.steps;
    this.slider.oninput = () => {
      this.pause(false);
      this.step = Number(this.slider.value);
      this.show();
    };
    this.slider.onchange = () => this.send("step", this.step);
    this.position = make("span", "", player);
    this.said = make("p", "said", root);
    this.sum = make("p", "sum", root);
    for (const place of [this.said, this.sum]) place.setAttribute("aria-live", "polite");
    make("p", "hint", root).textContent = labels.hint;
    this.fit();
  }

  grid(stage, kind, title, note, rows, columns) {
    const figure = make("figure", kind, stage);
    const caption = make("figcaption", "", figure);
    make("b", "", caption).textContent = title;
    caption.append(` ${note}`);
    const body = make("div", "grid", make("div", "scroll", figure));
    body.style.setProperty("--columns", columns);
    body.setAttribute("role", "grid");
    body.ariaLabel = title;
    const cells = [];
    for (let row = 0; row < rows; row++) {
      const line = make("div", "row", body);
      line.setAttribute("role", "row");
      for (let column = 0; column < columns; column++) {
        const holder = kind === "canvas" ? line : make("div", "", line);
        if (holder !== line) holder.setAttribute("role", "gridcell");
        const cell = make(kind === "canvas" ? "div" : "input", "cell", holder);
        cell.place = { kind, row, column };
        if (kind === "canvas") {
          cell.setAttribute("role", "gridcell");
          cell.tabIndex = cells.length ? -1 : 0;
        } else {
          cell.inputMode = "decimal";
          cell.autocomplete = "off";
          cell.ariaLabel = this.name(title, row, column);
          cell.onchange = () => this.edited(cell);
        }
        cells.push(cell);
      }
    }
    const over = (event) => this.point(event.target.closest(".cell")?.place ?? null);
    body.onpointerover = over;
    body.onpointerleave = () => this.point(null);
    body.addEventListener("focusin", over);
    body.addEventListener("focusout", () => this.point(null));
    if (kind === "canvas") {
      body.onclick = (event) => this.pick(event.target.closest(".cell"));
      body.onkeydown = (event) => this.key(event, rows, columns);
    }
    return cells;
  }

  name(title, row, column) {
    return fill(this.data.labels.cell, { grid: title, row: row + 1, column: column + 1 });
  }

  // The largest cells with which all three stand side by side; else the canvas stands below.
  fit() {
    const { data } = this;
    if (!data || !this.width) return;
    const across = data.columns + data.kernelColumns + data.canvas[1];
    const beside = Math.floor((this.width - 140) / across);
    const below = Math.floor((this.width - 8) / Math.max(data.canvas[1], data.columns + data.kernelColumns + 2));
    const size = beside >= 32 ? beside : Math.max(below, 30);
    this.root.style.setProperty("--cell", `${Math.min(size, 46)}px`);
  }

  // The products that add up in one canvas cell, in the order of the stamps.
  terms(row, column) {
    const { data } = this;
    const found = [];
    for (let index = 0; index < this.count; index++) {
      const [i, j] = [Math.floor(index / data.columns), index % data.columns];
      const [a, b] = [(row - i * data.stride) / data.dilation, (column - j * data.stride) / data.dilation];
      if (Number.isInteger(a) && Number.isInteger(b) && a >= 0 && b >= 0 && a < data.kernelRows && b < data.kernelColumns)
        found.push({ index, i, j, a, b, value: data.input[i][j], weight: data.kernel[a][b] });
    }
    return found;
  }

  write() {
    const { data } = this;
    const paint = (cells, values) => {
      const most = Math.max(1e-12, ...values.flat().map(Math.abs));
      for (const cell of cells) {
        const { row, column } = cell.place;
        this.look(cell, values[row][column], most);
        cell.value = format(values[row][column]);
      }
    };
    paint(this.input, data.input);
    paint(this.kernel, data.kernel);
    const { canvas } = this;
    for (const cell of canvas) cell.terms = this.terms(cell.place.row, cell.place.column);
    const total = (cell) => cell.terms.reduce((sum, { value, weight }) => sum + value * weight, 0);
    this.most = Math.max(1e-12, ...canvas.map((cell) => Math.abs(total(cell))));
    this.slider.max = this.count;
  }

  look(cell, value, most) {
    cell.classList.toggle("plus", value > 0);
    cell.classList.toggle("minus", value < 0);
    cell.style.setProperty("--strength", Math.min(1, Math.abs(value) / most).toFixed(3));
  }

  unknown(cell) {
    const { hidden, crop } = this.data;
    return hidden && cell.place.row === hidden[0] + crop[0] && cell.place.column === hidden[1] + crop[1];
  }

  show() {
    const { data, step, pointed } = this;
    const { labels } = data;
    const last = step - 1;
    const [row, column] = [Math.floor(last / data.columns), last % data.columns];
    const picked = data.selected && [data.selected[0] + data.crop[0], data.selected[1] + data.crop[1]];
    let subject = null; // the cell whose sum is written
    for (const cell of this.canvas) {
      const { place, terms } = cell;
      const value = terms.filter(({ index }) => index < step).reduce((sum, t) => sum + t.value * t.weight, 0);
      const here = pointed?.kind === "canvas" && pointed.row === place.row && pointed.column === place.column;
      const is = (i, j) => terms.some((term) => term.i === i && term.j === j);
      const chosen = picked && place.row === picked[0] && place.column === picked[1];
      if (here || (chosen && pointed?.kind !== "canvas")) subject = cell;
      // A text written anew would make the browser point at it anew, and override the keyboard.
      const text = this.unknown(cell) ? "?" : format(value);
      if (cell.textContent !== text) cell.textContent = text;
      this.look(cell, value, this.most);
      const marks = {
        cut: cell.cut,
        now: last >= 0 && is(row, column),
        hot: pointed?.kind === "input" && is(pointed.row, pointed.column),
        picked: chosen,
        unknown: this.unknown(cell),
      };
      for (const [name, on] of Object.entries(marks)) cell.classList.toggle(name, Boolean(on));
      const outside = cell.cut ? `, ${labels.cut}` : "";
      cell.ariaLabel = `${this.name(labels.output, place.row - data.crop[0], place.column - data.crop[1])}: ${cell.textContent}${outside}`;
      cell.setAttribute("aria-selected", String(Boolean(chosen)));
    }
    const terms = pointed?.kind === "canvas" && subject ? subject.terms : [];
    for (const cell of this.input) {
      const { place } = cell;
      cell.classList.toggle("now", place.row === row && place.column === column);
      const here = pointed?.kind === "input" && pointed.row === place.row && pointed.column === place.column;
      cell.classList.toggle("hot", here || terms.some(({ i, j }) => i === place.row && j === place.column));
    }
    for (const cell of this.kernel)
      cell.classList.toggle("hot", terms.some(({ a, b }) => a === cell.place.row && b === cell.place.column));

    this.slider.value = step;
    this.position.textContent = fill(labels.position, { index: step, count: this.count });
    this.said.textContent =
      step === 0
        ? labels.empty
        : fill(labels.said, {
            step,
            row: row + 1,
            column: column + 1,
            value: format(data.input[row][column]),
            top: row * data.stride - data.crop[0] + 1,
            left: column * data.stride - data.crop[1] + 1,
          });
    this.writeSum(subject);
    this.drawPlay();
  }

  writeSum(cell) {
    const { labels, crop } = this.data;
    this.sum.replaceChildren();
    if (!cell) return;
    const { row, column } = cell.place;
    make("b", "", this.sum).textContent = this.name(labels.output, row - crop[0], column - crop[1]);
    if (cell.cut) this.sum.append(` (${labels.cut})`);
    this.sum.append(" = ");
    if (!cell.terms.length) return this.sum.append(`0 (${labels.unwritten})`);
    cell.terms.slice(0, TERMS).forEach(({ index, value, weight }, place) => {
      if (place) this.sum.append(" + ");
      const term = make("span", index < this.step ? "" : "later", this.sum);
      term.textContent = `${factor(value)} · ${factor(weight)}`;
    });
    if (cell.terms.length > TERMS) this.sum.append(" + …");
    const total = cell.terms.reduce((sum, { value, weight }) => sum + value * weight, 0);
    this.sum.append(" = ");
    make("b", "", this.sum).textContent = this.unknown(cell) ? "?" : format(total);
  }

  point(place) {
    if (same(place, this.pointed)) return;
    this.pointed = place;
    this.show();
  }

  pick(cell) {
    if (!cell || cell.cut) return;
    const { crop } = this.data;
    this.data.selected = [cell.place.row - crop[0], cell.place.column - crop[1]];
    this.show();
    this.send("cell", this.data.selected);
  }

  key(event, rows, columns) {
    const { row, column } = event.target.place;
    const target = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, columns - 1],
    }[event.key];
    if (target) {
      const next = this.canvas[clamp(target[0], 0, rows - 1) * columns + clamp(target[1], 0, columns - 1)];
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    } else if (event.key === "Enter" || event.key === " ") this.pick(event.target);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  edited(cell) {
    const { kind, row, column } = cell.place;
    const value = parse(cell.value);
    const values = this.data[kind];
    if (!Number.isFinite(value) || value === values[row][column]) {
      cell.value = format(values[row][column]);
      return;
    }
    values[row][column] = value;
    this.write();
    this.show();
    this.send(kind, values);
  }

  // The stamp makes every report news to Python, even one that repeats an earlier value.
  send(name, value) {
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.setStateValue(name, { value, stamp: this.stamp });
  }

  go(step) {
    this.pause(false);
    this.step = (step + this.count + 1) % (this.count + 1);
    this.show();
    this.send("step", this.step);
  }

  play() {
    if (this.step === this.count) this.step = 0;
    this.timer = setInterval(() => {
      this.step += 1;
      if (this.step === this.count) this.pause();
      this.show();
    }, 900);
    this.show();
  }

  pause(report = true) {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    if (report) this.send("step", this.step);
    this.drawPlay();
  }

  drawPlay() {
    const name = this.timer ? "pause" : "play";
    const { play } = this.buttons;
    play.title = play.ariaLabel = this.data.labels[name];
    play.querySelector("path").setAttribute("d", ICONS[name]);
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".stamps");
  const stamps = (root.stamps ??= new Stamps(root));
  stamps.setStateValue = setStateValue;
  stamps.update(data);
  return () => {
    stamps.dispose();
    delete root.stamps;
  };
}
