// A photo with boxes. Pointing, and arrow keys, go from box to box here; only a pick reaches Python.

const SVG = "http://www.w3.org/2000/svg";

function rectangle(parent, [left, top, right, bottom], name, colour) {
  const rect = document.createElementNS(SVG, "rect");
  rect.setAttribute("x", left);
  rect.setAttribute("y", top);
  rect.setAttribute("width", Math.max(0, right - left));
  rect.setAttribute("height", Math.max(0, bottom - top));
  rect.setAttribute("class", name);
  if (colour) rect.style.stroke = rect.style.fill = colour;
  parent.append(rect);
  return rect;
}

function lines(parent, { rows, columns, right, bottom }) {
  const path = document.createElementNS(SVG, "path");
  let way = "";
  for (let row = 0; row <= rows; row++) way += `M0 ${(row * bottom) / rows}H${right}`;
  for (let column = 0; column <= columns; column++) way += `M${(column * right) / columns} 0V${bottom}`;
  path.setAttribute("d", way);
  path.setAttribute("class", "lines");
  parent.append(path);
}

class PhotoBoxes {
  constructor(root) {
    this.surface = root.querySelector(".surface");
    this.image = root.querySelector("img");
    this.svg = root.querySelector("svg");
    this.chips = root.querySelector(".chips");
    this.said = root.querySelector(".said");
    new ResizeObserver(() => this.settle()).observe(this.surface);
  }

  update(data, send) {
    Object.assign(this, { data, send });
    const { surface } = this;
    if (this.image.src !== data.source) this.image.src = data.source;
    this.image.alt = data.alt;
    this.svg.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
    this.svg.replaceChildren();
    if (data.lines) lines(this.svg, data.lines);
    // The best last, above the others, and a dark edge below each: the colour is then seen on any photo.
    [...data.boxes].reverse().forEach((box) => {
      if (box.kind !== "cell") rectangle(this.svg, box.at, `halo ${box.kind}`);
      rectangle(this.svg, box.at, `box ${box.kind}`, box.colour).style.fillOpacity = box.fill;
    });
    this.aim = document.createElementNS(SVG, "g");
    this.svg.append(this.aim);
    this.chips.replaceChildren(
      ...data.boxes.filter((box) => box.text).map((box) => {
        const chip = document.createElement("span");
        chip.textContent = box.text;
        chip.style.borderColor = box.colour;
        chip.at = box.at;
        return chip;
      }),
    );
    const usable = data.boxes.length > 0;
    // Only with a box: a slider without values would be one that nobody can use.
    if (usable) {
      surface.tabIndex = 0;
      surface.setAttribute("role", "slider");
      surface.setAttribute("aria-label", data.label);
      surface.setAttribute("aria-valuemin", "1");
      surface.setAttribute("aria-valuemax", String(data.boxes.length));
    } else for (const name of ["tabindex", "role", "aria-label", "aria-valuemin", "aria-valuemax", "aria-valuenow", "aria-valuetext"]) surface.removeAttribute(name);
    surface.onpointermove = (event) => this.show(this.under(event));
    surface.onpointerleave = () => this.show(-1);
    surface.onblur = () => this.show(-1);
    surface.onclick = (event) => this.pick(this.under(event));
    surface.onkeydown = (event) => this.key(event);
    this.show(-1);
    this.settle();
  }

  // The smallest box under the pointer: larger ones are reached beside it.
  under(event) {
    const area = this.surface.getBoundingClientRect();
    const x = ((event.clientX - area.left) / area.width) * this.data.width;
    const y = ((event.clientY - area.top) / area.height) * this.data.height;
    let [best, least] = [-1, Infinity];
    this.data.boxes.forEach(({ at: [left, top, right, bottom] }, index) => {
      const size = (right - left) * (bottom - top);
      if (x >= left && x <= right && y >= top && y <= bottom && size < least) [best, least] = [index, size];
    });
    return best;
  }

  show(index) {
    const { boxes, hint } = this.data;
    if (this.shown === index && this.aim.childElementCount) return;
    this.shown = index;
    this.aim.replaceChildren();
    const box = boxes[index];
    if (box) {
      this.at = index;
      rectangle(this.aim, box.at, "halo aimed");
      rectangle(this.aim, box.at, "box aimed", box.colour);
      if (box.origin) {
        rectangle(this.aim, box.origin, "halo origin");
        rectangle(this.aim, box.origin, "origin");
      }
    }
    this.said.textContent = box ? box.said : hint;
    if (boxes.length) {
      const now = Math.min(this.at ?? 0, boxes.length - 1);
      this.surface.setAttribute("aria-valuenow", String(now + 1));
      this.surface.setAttribute("aria-valuetext", boxes[now].said);
    }
  }

  pick(index) {
    // The time makes every pick news to Python, even one that repeats the last.
    if (this.data.pickable && index >= 0) this.send("pick", [index, Date.now()]);
  }

  key(event) {
    const count = this.data.boxes.length;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const from = Math.min(this.at ?? 0, count - 1);
    if (steps[event.key]) this.show(this.shown < 0 ? from : (from + steps[event.key] + count) % count);
    else if (event.key === "Home") this.show(0);
    else if (event.key === "End") this.show(count - 1);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.shown);
    else return;
    event.preventDefault();
  }

  // Each chip at the first place near its box's corners where no better box's chip is; without one it waits for
  // its box to be pointed at.
  settle() {
    const { width, height } = this.surface.getBoundingClientRect();
    if (!width || !this.data) return;
    const taken = [];
    for (const chip of this.chips.children) {
      const [left, top, right, bottom] = chip.at.map((value, side) =>
        side % 2 ? (value / this.data.height) * height : (value / this.data.width) * width);
      const [wide, high] = [chip.offsetWidth, chip.offsetHeight];
      const free = (x, y) => taken.every(([l, t, r, b]) => x + wide <= l || x >= r || y + high <= t || y >= b);
      const keep = (x, y) => [Math.max(0, Math.min(x, width - wide)), Math.max(0, Math.min(y, height - high))];
      const places = [
        [left, top - high], [left, top], [right - wide, top - high], [right - wide, top],
        [left, bottom - high], [right - wide, bottom - high], [left, bottom], [left, top + high], [left, top + 2 * high],
      ].map(([x, y]) => keep(x, y));
      const place = places.find(([x, y]) => free(x, y));
      chip.style.visibility = place ? "" : "hidden";
      if (!place) continue;
      const [x, y] = place;
      taken.push([x, y, x + wide, y + high]);
      chip.style.transform = `translate(${x}px, ${y}px)`;
    }
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".photo-boxes");
  root.boxes ??= new PhotoBoxes(root);
  root.boxes.update(data, setStateValue);
}
