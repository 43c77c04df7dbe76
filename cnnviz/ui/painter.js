// A label map to paint on, by pointer or keys. A stroke is drawn here at once; Python hears of it when it ends.

const TILE = 8; // canvas pixels a cell, and the side of a label's pattern

class Painter {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.cursor = root.querySelector(".cursor");
    this.said = root.querySelector(".said");
    this.stamp = 0;
    this.brush = 0;
    this.row = this.column = 0;
    this.stroke = null;
    this.dirty = false;
    const { canvas } = this;
    canvas.onpointerdown = (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.stroke = this.under(event);
      this.line(this.stroke, this.stroke);
    };
    canvas.onpointermove = (event) => {
      const cell = this.under(event);
      if (this.stroke) {
        this.line(this.stroke, cell);
        this.stroke = cell;
      }
      this.aim(...cell);
    };
    canvas.onpointerup = canvas.onpointercancel = () => {
      this.stroke = null;
      this.report();
    };
    canvas.onpointerleave = () => {
      if (!this.stroke) this.cursor.hidden = true;
    };
    canvas.onkeydown = (event) => this.key(event);
    canvas.onkeyup = () => this.report();
    canvas.onfocus = () => {
      if (canvas.matches(":focus-visible")) this.aim(this.row, this.column);
    };
    canvas.onblur = () => {
      this.cursor.hidden = true;
      this.report();
    };
    root.querySelector("select").onchange = () => {
      this.size = Number(root.querySelector("select").value);
    };
  }

  update(data, send) {
    this.send = send;
    const fresh = !this.data;
    // Computed before our last stroke had arrived: the next data has it.
    const late = !fresh && (this.stroke || this.dirty || data.seen < this.stamp);
    const grid = late ? this.grid : Uint8Array.from(data.grid, Number);
    this.stamp = Math.max(this.stamp, data.seen);
    const tools = fresh || JSON.stringify(data.brushes) !== JSON.stringify(this.data.brushes);
    this.data = data;
    this.grid = grid;
    this.outline = data.outline ? Uint8Array.from(data.outline, Number) : null;
    const { canvas, root } = this;
    if (fresh) {
      this.brush = data.brush;
      this.row = data.rows >> 1;
      this.column = data.columns >> 1;
    }
    if (canvas.width !== data.columns * TILE) canvas.width = data.columns * TILE;
    if (canvas.height !== data.rows * TILE) canvas.height = data.rows * TILE;
    canvas.style.background = data.photo ? `url("${data.photo}") 0 0 / 100% 100%` : "";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-label", `${data.alt} ${data.words.label}`);
    root.querySelector(".hint").textContent = data.words.hint;
    if (tools) this.tools();
    this.paint();
  }

  tools() {
    const { data, root } = this;
    root.querySelector("legend").textContent = data.words.brush;
    const fieldset = root.querySelector("fieldset");
    fieldset.querySelectorAll("label").forEach((old) => old.remove());
    data.brushes.forEach((brush, index) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = "brush";
      input.checked = index === this.brush;
      input.onchange = () => {
        this.brush = index;
      };
      const swatch = document.createElement("canvas");
      swatch.className = "swatch";
      swatch.width = swatch.height = 2 * TILE;
      swatch.style.width = swatch.style.height = "1rem";
      swatch.style.touchAction = "auto";
      swatch.setAttribute("aria-hidden", "true");
      const context = swatch.getContext("2d");
      const picture = context.createImageData(2 * TILE, 2 * TILE);
      this.fill(picture, 0, 0, brush.label, 2);
      context.putImageData(picture, 0, 0);
      label.append(input, swatch, brush.name);
      fieldset.append(label);
    });
    root.querySelector(".size span").textContent = data.words.size;
    const select = root.querySelector("select");
    this.size ??= data.size;
    select.replaceChildren(...data.sizes.map((n) => new Option(String(n), String(n), false, n === this.size)));
  }

  // Write `times`² tiles of a label into a picture at x, y.
  fill(picture, x, y, label, times = 1) {
    const { colour, ink, tile } = this.data.palette[label];
    const side = TILE * times;
    const alpha = this.data.photo ? Math.round(255 * (label && this.data.opacity)) : 255;
    for (let v = 0; v < side; v++) {
      let at = 4 * ((y + v) * picture.width + x);
      for (let u = 0; u < side; u++, at += 4) {
        const rgb = tile[(v % TILE) * TILE + (u % TILE)] === "1" ? ink : colour;
        picture.data[at] = rgb[0];
        picture.data[at + 1] = rgb[1];
        picture.data[at + 2] = rgb[2];
        picture.data[at + 3] = alpha;
      }
    }
  }

  paint() {
    const { rows, columns } = this.data;
    const context = this.canvas.getContext("2d");
    const picture = context.createImageData(columns * TILE, rows * TILE);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        this.fill(picture, column * TILE, row * TILE, this.grid[row * columns + column]);
    context.putImageData(picture, 0, 0);
    if (!this.outline) return;
    const path = new Path2D();
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const at = row * columns + column;
        const [x, y] = [column * TILE, row * TILE];
        if (column + 1 < columns && this.outline[at] !== this.outline[at + 1]) {
          path.moveTo(x + TILE, y);
          path.lineTo(x + TILE, y + TILE);
        }
        if (row + 1 < rows && this.outline[at] !== this.outline[at + columns]) {
          path.moveTo(x, y + TILE);
          path.lineTo(x + TILE, y + TILE);
        }
      }
    for (const [width, colour] of [[4, "#000"], [2, "#fff"]]) {
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke(path);
    }
  }

  under(event) {
    const area = this.canvas.getBoundingClientRect();
    return [
      Math.floor(((event.clientY - area.top) / area.height) * this.data.rows),
      Math.floor(((event.clientX - area.left) / area.width) * this.data.columns),
    ];
  }

  aim(row, column) {
    const { rows, columns } = this.data;
    this.row = Math.max(0, Math.min(rows - 1, row));
    this.column = Math.max(0, Math.min(columns - 1, column));
    const reach = (this.size - 1) / 2;
    Object.assign(this.cursor.style, {
      left: `${(100 * (this.column - reach)) / columns}%`,
      top: `${(100 * (this.row - reach)) / rows}%`,
      width: `${(100 * this.size) / columns}%`,
      height: `${(100 * this.size) / rows}%`,
    });
    this.cursor.hidden = false;
  }

  dab(row, column) {
    const { rows, columns, brushes } = this.data;
    const { set, clear } = brushes[this.brush];
    const reach = this.size >> 1;
    for (let y = row - reach; y <= row + reach; y++)
      for (let x = column - reach; x <= column + reach; x++) {
        if (y < 0 || x < 0 || y >= rows || x >= columns) continue;
        if ((y - row) ** 2 + (x - column) ** 2 > (this.size / 2) ** 2) continue;
        const at = y * columns + x;
        const label = (this.grid[at] & ~clear) | set;
        if (label !== this.grid[at]) {
          this.grid[at] = label;
          this.dirty = true;
        }
      }
  }

  line([row, column], [toRow, toColumn]) {
    const steps = Math.max(Math.abs(toRow - row), Math.abs(toColumn - column), 1);
    for (let step = 0; step <= steps; step++)
      this.dab(
        Math.round(row + ((toRow - row) * step) / steps),
        Math.round(column + ((toColumn - column) * step) / steps),
      );
    if (this.dirty) this.paint();
  }

  key(event) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step) {
      const from = [this.row, this.column];
      this.aim(this.row + step[0], this.column + step[1]);
      if (event.shiftKey) this.line(from, [this.row, this.column]);
    } else if (event.key === " " || event.key === "Enter") {
      this.line([this.row, this.column], [this.row, this.column]);
      this.aim(this.row, this.column);
    } else return;
    event.preventDefault();
    const { words, names, columns } = this.data;
    this.said.textContent = words.position
      .replace("{row}", this.row + 1)
      .replace("{column}", this.column + 1)
      .replace("{label}", names[this.grid[this.row * columns + this.column]]);
  }

  report() {
    if (!this.dirty) return;
    this.dirty = false;
    // The stamp makes every stroke news to Python, even one that repeats an earlier map.
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.send("grid", { value: this.grid.join(""), stamp: this.stamp });
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".painter");
  root.painter ??= new Painter(root);
  root.painter.update(data, setStateValue);
}
