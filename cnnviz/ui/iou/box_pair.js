// Two boxes on a grid of pixels: drag a box or a corner, or move it by arrow keys. What follows from them
// by geometry alone is drawn at once; Python hears of the boxes when the movement ends.

const SVG = "http://www.w3.org/2000/svg";
const CORNERS = { nw: [0, 1], ne: [2, 1], sw: [0, 3], se: [2, 3] }; // which coordinates a corner moves

function element(name, attributes = {}, parent = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

class Pair {
  constructor(root) {
    this.svg = root.querySelector("svg");
    this.hint = root.querySelector("p");
    this.stamp = 0;
    this.moved = false;
    this.drag = null;
  }

  update(data, send) {
    this.send = send;
    const late = this.data && (this.drag || this.moved || data.seen < this.stamp);
    this.stamp = Math.max(this.stamp, data.seen);
    if (!late) this.boxes = { a: [...data.a], b: [...data.b] };
    if (!this.data) this.build(data);
    this.data = data;
    this.svg.setAttribute("aria-label", data.alt);
    this.hint.textContent = data.words.hint;
    this.draw();
  }

  build({ width, height }) {
    const { svg } = this;
    svg.setAttribute("viewBox", `-1 -1 ${width + 3} ${height + 3}`);
    const hatch = element(
      "pattern",
      { id: "hatch", width: 0.8, height: 0.8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      element("defs", {}, svg),
    );
    element("line", { x1: 0, y1: 0, x2: 0, y2: 0.8, class: "hatch" }, hatch);
    element("rect", { x: 0, y: 0, width: width + 1, height: height + 1, class: "paper" }, svg);
    let path = "";
    for (let x = 1; x <= width; x++) path += `M${x} 0V${height + 1}`;
    for (let y = 1; y <= height; y++) path += `M0 ${y}H${width + 1}`;
    element("path", { d: path, class: "lines" }, svg);
    element("rect", { x: 0, y: 0, width: width + 1, height: height + 1, class: "frame" }, svg);
    this.parts = {};
    for (const name of ["a", "b"]) {
      const group = element("g", { class: `box ${name}`, tabindex: 0, role: "application" }, svg);
      const part = { group, rect: element("rect", {}, group), text: element("text", {}, group), corners: {} };
      part.text.textContent = name.toUpperCase();
      for (const corner of Object.keys(CORNERS))
        part.corners[corner] = [
          element("circle", { r: 0.5, class: `handle ${corner}` }, group),
          element("circle", { r: 1.3, class: `grip ${corner}` }, group),
        ];
      this.listen(name, part);
      this.parts[name] = part;
    }
    this.common = element("rect", { class: "common" }, svg);
    this.around = element("rect", { class: "around" }, svg);
    this.aids = element("g", { "aria-hidden": "true" }, svg);
  }

  listen(name, { group }) {
    group.onpointerdown = (event) => {
      if (event.button) return;
      group.setPointerCapture(event.pointerId);
      const corner = Object.keys(CORNERS).find((key) => event.target.classList.contains(key));
      this.drag = { corner, from: this.at(event), box: [...this.boxes[name]] };
    };
    group.onpointermove = (event) => {
      if (!this.drag) return;
      const [x, y] = this.at(event);
      const { corner, from, box } = this.drag;
      this.change(name, box, Math.round(x - from[0]), Math.round(y - from[1]), corner);
    };
    group.onpointerup = group.onpointercancel = () => {
      this.drag = null;
      this.report();
    };
    group.onkeydown = (event) => {
      const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
      if (!step) return;
      event.preventDefault();
      this.change(name, this.boxes[name], ...step, event.shiftKey ? "se" : undefined, true);
    };
    group.onkeyup = group.onblur = () => this.report();
  }

  at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  // Move `box` by whole pixels, or one corner of it; a corner may be dragged past the opposite one.
  change(name, box, x, y, corner, byKey = false) {
    const { width, height } = this.data;
    let next = [...box];
    if (corner) {
      const [across, down] = CORNERS[corner];
      next[across] = Math.min(width, Math.max(0, box[across] + x));
      next[down] = Math.min(height, Math.max(0, box[down] + y));
      if (byKey) next = [next[0], next[1], Math.max(next[0], next[2]), Math.max(next[1], next[3])];
      next = [
        Math.min(next[0], next[2]), Math.min(next[1], next[3]),
        Math.max(next[0], next[2]), Math.max(next[1], next[3]),
      ];
    } else {
      x = Math.min(width - box[2], Math.max(-box[0], x));
      y = Math.min(height - box[3], Math.max(-box[1], y));
      next = [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
    }
    if (next.every((value, index) => value === this.boxes[name][index])) return;
    this.boxes[name] = next;
    this.moved = true;
    this.draw();
  }

  draw() {
    const { data, boxes } = this;
    const extra = data.plusOne ? 1 : 0; // the last pixel belongs to the box
    const place = (rect, [left, top, right, bottom]) => {
      rect.setAttribute("x", left);
      rect.setAttribute("y", top);
      rect.setAttribute("width", Math.max(0, right - left));
      rect.setAttribute("height", Math.max(0, bottom - top));
    };
    const drawn = {};
    for (const name of ["a", "b"]) {
      const [left, top, right, bottom] = boxes[name];
      const box = (drawn[name] = [left, top, right + extra, bottom + extra]);
      const { group, rect, text, corners } = this.parts[name];
      place(rect, box);
      for (const [corner, [across, down]] of Object.entries(CORNERS))
        for (const circle of corners[corner]) {
          circle.setAttribute("cx", box[across]);
          circle.setAttribute("cy", box[down]);
        }
      // Each name at a corner of its own, so that equal boxes keep both.
      text.setAttribute("x", name === "a" ? box[0] + 0.7 : box[2] - 0.7);
      text.setAttribute("y", name === "a" ? box[1] - 0.6 + (box[1] < 2 ? 2.6 : 0) : box[3] + 1.9 - (box[3] > data.height - 1 ? 2.7 : 0));
      text.setAttribute("text-anchor", name === "a" ? "start" : "end");
      const words = data.words.box.replace("{name}", name.toUpperCase());
      group.setAttribute(
        "aria-label",
        ["left", "top", "right", "bottom"].reduce((said, side, i) => said.replace(`{${side}}`, boxes[name][i]), words),
      );
    }
    const [a, b] = [drawn.a, drawn.b];
    const inner = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
    const outer = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
    const shared = data.aid !== "" && inner[2] > inner[0] && inner[3] > inner[1];
    this.common.toggleAttribute("hidden", !shared);
    if (shared) place(this.common, inner);
    const enclosed = ["giou", "diou", "ciou"].includes(data.aid);
    this.around.toggleAttribute("hidden", !enclosed);
    if (enclosed) place(this.around, outer);
    this.aids.replaceChildren();
    const line = (x1, y1, x2, y2) => element("line", { x1, y1, x2, y2, class: "aid" }, this.aids);
    const note = (x, y, text) => {
      element("text", { x, y, class: "note" }, this.aids).textContent = text;
    };
    if (data.aid === "diou") {
      const [p, q] = [a, b].map((box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]);
      element("line", { x1: outer[0], y1: outer[1], x2: outer[2], y2: outer[3], class: "around" }, this.aids);
      line(...p, ...q);
      for (const [cx, cy] of [p, q]) element("circle", { cx, cy, r: 0.4, class: "dot" }, this.aids);
      note((p[0] + q[0]) / 2 + 0.5, (p[1] + q[1]) / 2 - 0.5, "ρ");
      note(outer[0] + (outer[2] - outer[0]) * 0.12 + 0.5, outer[1] + (outer[3] - outer[1]) * 0.12 - 0.3, "c");
    }
    if (data.aid === "ciou")
      for (const [box, name] of [[a, "A"], [b, "B"]]) {
        line(box[0], box[3], box[2], box[1]);
        note((box[0] + box[2]) / 2 + 0.4, (box[1] + box[3]) / 2 + 1.4, `w/h ${name}`);
      }
  }

  report() {
    if (!this.moved) return;
    this.moved = false;
    // The stamp makes every move news to Python, even one back to an earlier place.
    this.stamp = Math.max(Date.now(), this.stamp + 1);
    this.send("boxes", { value: [this.boxes.a, this.boxes.b], stamp: this.stamp });
  }
}

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".pair");
  root.pair ??= new Pair(root);
  root.pair.update(data, setStateValue);
}
