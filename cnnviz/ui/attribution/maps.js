// Several maps of one photo: one cursor and one zoom for all, and the maps' values under the cursor.
// Moving about is local; a click, or Enter, pins the cursor and tells Python.

const clamp = (value, most) => Math.max(0, Math.min(most - 1, value));

function figure() {
  const element = document.createElement("figure");
  element.innerHTML =
    '<figcaption><b></b><output></output></figcaption><div class="view"><div class="layer"><img alt="">' +
    '<canvas hidden></canvas></div><i class="across"></i><i class="down"></i></div><p></p>';
  return element;
}

// The level of each cell of a grey PNG, and its colours on the canvas.
async function paint(element, panel, palette) {
  const image = new Image();
  image.src = panel.source;
  await image.decode();
  const canvas = element.querySelector("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, image.width, image.height);
  const levels = new Uint8Array(image.width * image.height);
  for (let cell = 0; cell < levels.length; cell++) {
    const level = pixels.data[4 * cell];
    levels[cell] = level;
    for (let channel = 0; channel < 3; channel++) {
      const at = 6 * level + 2 * channel;
      pixels.data[4 * cell + channel] = parseInt(palette.slice(at, at + 2), 16);
    }
  }
  context.putImageData(pixels, 0, 0);
  return levels;
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".maps");
  const grid = root.querySelector(".grid");
  const [rows, columns] = data.size;
  const { words } = data;
  let [row, column] = data.pin;

  root.querySelector(".hint").textContent = words.hint;
  while (grid.children.length > data.panels.length + 1) grid.lastChild.remove();
  while (grid.children.length < data.panels.length + 1) grid.append(figure());
  const [first, ...others] = grid.children;

  const valueOf = (element, panel) => {
    if (!element.levels) return "";
    const canvas = element.querySelector("canvas");
    const y = Math.floor(((row + 0.5) / rows) * canvas.height);
    const x = Math.floor(((column + 0.5) / columns) * canvas.width);
    const level = element.levels[y * canvas.width + x];
    const share = Math.round(100 * (panel.signed ? (level - 128) / 127 : level / 255));
    return `${share < 0 ? "−" : ""}${Math.abs(share)} %`;
  };
  const place = () => words.position.replace("{row}", row).replace("{column}", column);

  const surface = first.querySelector(".view");
  const show = () => {
    root.style.setProperty("--x", (column + 0.5) / columns);
    root.style.setProperty("--y", (row + 0.5) / rows);
    first.querySelector("output").textContent = `${row}, ${column}`;
    const said = others.map((element, index) => {
      const panel = data.panels[index];
      const value = valueOf(element, panel);
      element.querySelector("output").textContent = value;
      return `${panel.title} ${value || words.nothing}`;
    });
    surface.setAttribute("aria-valuenow", String(row * columns + column));
    surface.setAttribute("aria-valuetext", [place(), ...said].join("; "));
  };
  const aim = (r, c) => {
    [row, column] = [clamp(r, rows), clamp(c, columns)];
    show();
  };
  const pin = () => {
    data.pin = [row, column];
    rest();
    setStateValue("pin", data.pin);
  };
  const rest = () => {
    [row, column] = data.pin;
    root.style.setProperty("--pin-x", (column + 0.5) / columns);
    root.style.setProperty("--pin-y", (row + 0.5) / rows);
    show();
  };

  for (const element of grid.children) {
    const image = element.querySelector("img");
    if (image.src !== data.photo) image.src = data.photo;
    const layer = element.querySelector(".layer");
    const view = element.querySelector(".view");
    const under = (event) => {
      const area = layer.getBoundingClientRect();
      return [
        Math.floor(((event.clientY - area.top) / area.height) * rows),
        Math.floor(((event.clientX - area.left) / area.width) * columns),
      ];
    };
    view.onpointermove = (event) => aim(...under(event));
    view.onpointerleave = rest;
    // A click knows whole pixels only, and after a touch the pointer has left already.
    let pressed = data.pin;
    view.onpointerdown = (event) => {
      pressed = under(event);
    };
    view.onclick = () => {
      aim(...pressed);
      pin();
    };
  }

  first.querySelector("b").textContent = words.photo;
  first.querySelector("img").alt = data.photoAlt;
  surface.tabIndex = 0;
  surface.setAttribute("role", "slider");
  surface.setAttribute("aria-label", words.label);
  surface.setAttribute("aria-valuemin", "0");
  surface.setAttribute("aria-valuemax", String(rows * columns - 1));
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  surface.onkeydown = (event) => {
    const step = steps[event.key];
    const far = event.shiftKey ? 16 : 4;
    if (step) aim(row + far * step[0], column + far * step[1]);
    else if (event.key === "Enter" || event.key === " ") pin();
    else return;
    event.preventDefault();
  };
  surface.onblur = rest;

  others.forEach((element, index) => {
    const panel = data.panels[index];
    const canvas = element.querySelector("canvas");
    element.querySelector("b").textContent = panel.title;
    element.querySelector("p").textContent = panel.note;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", panel.alt);
    if (element.source === panel.source) return;
    element.source = panel.source;
    if (!panel.source) {
      element.levels = null;
      canvas.hidden = true;
      return;
    }
    paint(element, panel, panel.signed ? data.palettes.signed : data.palettes.plain).then((levels) => {
      if (element.source !== panel.source) return;
      element.levels = levels;
      canvas.hidden = false;
      show();
    });
  });
  rest();
}
