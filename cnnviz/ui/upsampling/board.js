// Every operator's output side by side under one cursor. A panel holds numbers, with the weights behind
// the cell pointed at, or a picture, with the colour there. Pointing stays in the browser; a fixed cell
// and an edited number come back to Python.

const UNIT = 20; // an SVG cell's side
const boards = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".board");
  if (!boards.has(root)) boards.set(root, new Board(root));
  boards.get(root).update(data, setStateValue);
}

const escape = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const short = (value, digits) => {
  const text = String(Number(value.toFixed(Math.abs(value) >= 10 ? Math.min(digits, 1) : digits)));
  return (text === "-0" ? "0" : text).replace("-", "−");
};

// A grid of numbers; the further from zero, the stronger: blue above, orange below.
function grid(rows, columns, values, most, digits) {
  const texts = values.map((value) => (value === null ? "" : short(value, digits)));
  const size = Math.min(9, (UNIT + 9.5) / Math.max(1, ...texts.map((text) => text.length)));
  const cells = values.map((value, index) => {
    const x = (index % columns) * UNIT, y = Math.floor(index / columns) * UNIT;
    const box = `<rect x="${x + 0.5}" y="${y + 0.5}" width="${UNIT - 1}" height="${UNIT - 1}"`;
    if (value === null) return `${box} class="none"/>`;
    const strength = 0.05 + (most ? (0.57 * Math.min(Math.abs(value), most)) / most : 0);
    return (
      `${box} class="${value < 0 ? "minus" : "plus"}" fill-opacity="${strength.toFixed(3)}"/>` +
      `<text x="${x + UNIT / 2}" y="${y + UNIT / 2 + size * 0.36}" font-size="${size.toFixed(1)}">${texts[index]}</text>`
    );
  });
  return `<svg aria-hidden="true" viewBox="0 0 ${columns * UNIT} ${rows * UNIT}">${cells.join("")}</svg>`;
}

class Board {
  constructor(root) {
    this.root = root;
    this.stamp = 0;
    // Thirteen panels of numbers are thousands of elements: those out of sight are drawn when they come near.
    this.near = new IntersectionObserver((entries) => this.show(entries), { rootMargin: "250px" });
    [this.edits, this.cursor, this.panels] = [".edits", ".cursor", ".panels"].map((name) =>
      root.querySelector(name),
    );
    this.panels.onpointermove = (event) => this.point(event, false);
    this.panels.onclick = (event) => this.point(event, true);
    this.panels.onpointerleave = () => this.home();
    this.cursor.onkeydown = (event) => this.press(event);
    this.cursor.onblur = () => this.home();
    this.edits.onchange = (event) => this.edit(event.target);
  }

  update(data, send) {
    [this.data, this.send] = [data, send];
    this.drawEdits();
    const drawn = JSON.stringify([data.panels, data.most]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      this.drawPanels();
    }
    this.root.style.setProperty("--least", `${data.least}px`);
    data.panels.forEach((panel, index) =>
      this.panels.children[index].classList.toggle("chosen", panel.id === data.chosen),
    );
    const first = this.drawnPanels().find((panel) => panel.id === data.chosen) ?? this.drawnPanels()[0];
    this.cursor.hidden = !first;
    this.main = first;
    if (!first) return;
    this.cursor.tabIndex = 0;
    this.cursor.setAttribute("role", "slider");
    this.cursor.setAttribute("aria-label", data.words.cursor);
    this.cursor.setAttribute("aria-valuemin", "1");
    this.cursor.setAttribute("aria-valuemax", String(first.rows * first.columns));
    this.home();
  }

  drawnPanels() {
    return this.data.panels.filter((panel) => !panel.error);
  }

  drawEdits() {
    const { edits, words } = this.data;
    const shape = JSON.stringify(edits.map(({ name, title, values }) => [name, title, values.length, values[0].length]));
    if (shape !== this.shape) {
      this.shape = shape;
      this.edits.innerHTML = edits
        .map(({ name, title, values }) => {
          const field = (row, column) =>
            `<input inputmode="decimal" data-name="${name}" aria-label="${escape(
              `${title}, ${fill(words.cell, { row: row + 1, column: column + 1 })}`,
            )}">`;
          const fields = values.map((line, row) => line.map((_, column) => field(row, column)).join("")).join("");
          return `<div class="edit"><b>${escape(title)}</b><div class="fields" style="--columns:${values[0].length}">${fields}</div></div>`;
        })
        .join("");
    }
    const inputs = this.edits.querySelectorAll("input");
    edits
      .flatMap(({ values }) => values.flat())
      .forEach((value, index) => {
        if (inputs[index] !== this.root.getRootNode().activeElement || inputs[index].dataset.sent) {
          inputs[index].value = String(Number(value.toPrecision(4)));
          delete inputs[index].dataset.sent;
        }
      });
  }

  edit(input) {
    const { name } = input.dataset;
    const plane = this.data.edits.find((edit) => edit.name === name);
    const inputs = [...this.edits.querySelectorAll(`input[data-name="${name}"]`)];
    const value = Number(input.value.trim().replace("−", "-").replace(",", "."));
    const index = inputs.indexOf(input), columns = plane.values[0].length;
    const known = Number.isFinite(value) && input.value.trim() !== "";
    input.setAttribute("aria-invalid", String(!known));
    if (!known) return;
    const values = plane.values.map((line) => [...line]);
    values[Math.floor(index / columns)][index % columns] = value;
    input.dataset.sent = "1";
    plane.values = values;
    this.report("edit", { name, values });
  }

  report(name, value) {
    // The stamp makes every report news to Python, even one that is like the last.
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.send(name, { ...value, stamp: this.stamp });
  }

  drawPanels() {
    const { panels } = this.data;
    this.colours = new Map();
    this.near.disconnect();
    this.panels.innerHTML = panels
      .map((panel) => {
        const size = panel.error ? "" : `<small>${panel.size}</small>`;
        const head = `<figcaption><b>${escape(panel.title)}</b>${size}</figcaption>`;
        const body = panel.source
          ? `<img src="${panel.source}" alt="${escape(panel.alt)}">`
          : panel.error
            ? `<p class="error">${escape(panel.error)}</p>`
            : "";
        const name = panel.source ? "" : ` role="img" aria-label="${escape(panel.alt ?? "")}"`;
        const ratio = `style="aspect-ratio:${panel.columns}/${panel.rows}"`;
        const plane = panel.error
          ? body
          : `<div class="plane" data-id="${panel.id}" ${ratio}${name}>${body}<i class="mark"></i></div>`;
        const note = panel.note ? `<p>${escape(panel.note)}</p>` : "";
        const room = panel.weights ? ` style="--parts:${this.data.input[1]}/${this.data.input[0]}"` : "";
        return `<figure>${head}${plane}<div class="readout"${room}></div>${note}</figure>`;
      })
      .join("");
    [...this.panels.children].forEach((figure) => this.near.observe(figure));
  }

  show(entries) {
    for (const { target, isIntersecting } of entries) {
      target.seen = isIntersecting;
      const panel = this.data.panels[[...this.panels.children].indexOf(target)];
      if (!isIntersecting || !panel || panel.error) continue;
      if (panel.values && !target.querySelector(".plane svg"))
        target
          .querySelector(".plane")
          .insertAdjacentHTML("afterbegin", grid(panel.rows, panel.columns, panel.values, this.data.most, 2));
      this.mark(panel, target);
    }
  }

  cellOf(panel) {
    const [u, v] = this.place;
    return [
      clamp(Math.floor(v * panel.rows), 0, panel.rows - 1),
      clamp(Math.floor(u * panel.columns), 0, panel.columns - 1),
    ];
  }

  mark(panel, figure) {
    const [row, column] = this.cellOf(panel);
    const mark = figure.querySelector(".mark").style;
    mark.left = `${(100 * column) / panel.columns}%`;
    mark.top = `${(100 * row) / panel.rows}%`;
    mark.width = `${100 / panel.columns}%`;
    mark.height = `${100 / panel.rows}%`;
    figure.querySelector(".readout").innerHTML = this.readout(panel, row, column, figure);
  }

  // Put the cursor where (u, v), fractions of width and height, lies in every panel.
  aim(u, v) {
    this.place = [u, v];
    this.data.panels.forEach((panel, index) => {
      const figure = this.panels.children[index];
      if (figure.seen && !panel.error) this.mark(panel, figure);
    });
    const [row, column] = this.cellOf(this.main);
    const place = fill(this.data.words.cell, { row: row + 1, column: column + 1 });
    this.cursor.setAttribute("aria-valuenow", String(row * this.main.columns + column + 1));
    this.cursor.setAttribute("aria-valuetext", place);
    this.cursor.innerHTML = `<b>${escape(this.data.words.cursor)}: ${escape(place)}</b> <span>${escape(this.data.words.hint)}</span>`;
  }

  readout(panel, row, column, figure) {
    const index = row * panel.columns + column;
    if (panel.weights) {
      const [rows, columns] = this.data.input, weights = Array(rows * columns).fill(null);
      for (const [at, weight] of panel.weights[index]) weights[at] = weight;
      const parts = grid(rows, columns, weights, 1, 3);
      return `<div class="weights">${parts}</div><b>= ${short(panel.values[index], 3)}</b>`;
    }
    if (!panel.source || !this.data.words.colour) return "";
    const pixels = this.pixels(panel, figure);
    if (!pixels) return "";
    const [red, green, blue] = pixels.slice(4 * index, 4 * index + 3);
    return `<i class="swatch" style="background:rgb(${red},${green},${blue})"></i> ${red}, ${green}, ${blue}`;
  }

  pixels(panel, figure) {
    const image = figure.querySelector("img");
    if (!image.complete || !image.naturalWidth) {
      image.onload = () => this.aim(...this.place);
      return null;
    }
    if (!this.colours.has(panel.id)) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [panel.columns, panel.rows];
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      this.colours.set(panel.id, context.getImageData(0, 0, panel.columns, panel.rows).data);
    }
    return this.colours.get(panel.id);
  }

  home() {
    if (!this.main) return;
    const [row, column] = this.data.cell;
    this.aim((column + 0.5) / this.main.columns, (row + 0.5) / this.main.rows);
  }

  point(event, fixed) {
    const plane = event.target.closest(".plane");
    if (!plane) return;
    const area = plane.getBoundingClientRect();
    const [u, v] = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    this.aim(u, v);
    if (fixed) this.fix(this.data.panels.find((panel) => panel.id === plane.dataset.id));
  }

  fix(panel) {
    const [row, column] = this.cellOf(panel);
    [this.main, this.data.cell] = [panel, [row, column]];
    this.report("cell", { id: panel.id, row, column });
  }

  press(event) {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (step) {
      const move = (at, by, count) => (clamp(Math.floor(at * count) + by, 0, count - 1) + 0.5) / count;
      const [u, v] = this.place;
      this.aim(move(u, step[0], this.main.columns), move(v, step[1], this.main.rows));
    } else if (event.key === "Enter" || event.key === " ") this.fix(this.main);
    else return;
    event.preventDefault();
  }
}
