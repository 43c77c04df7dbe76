// A photo with its mask. Pointing reads a small grid of probabilities here; only clicks and ticks reach Python.

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".probe");
  const surface = root.querySelector(".surface");
  const image = root.querySelector("img");
  const said = root.querySelector(".said");
  const { rows, columns, names, words } = data;
  const size = rows * columns;

  if (image.src !== data.source) image.src = data.source;
  image.alt = data.alt;
  const classes = bytes(data.classes);
  const shares = bytes(data.shares);

  root.querySelector(".names").replaceChildren(
    ...data.places.map(({ text, colour, x, y }) => {
      const name = document.createElement("span");
      name.textContent = text;
      // Not cut off by the picture's sides.
      const [left, top] = [Math.min(Math.max(x, 0.07), 0.93), Math.min(Math.max(y, 0.04), 0.96)];
      name.style.cssText = `left:${100 * left}%;top:${100 * top}%;border-color:${colour}`;
      return name;
    }),
  );
  const point = root.querySelector(".point");
  point.style.left = `${data.point[0]}%`;
  point.style.top = `${data.point[1]}%`;

  const tell = (event) => {
    const area = surface.getBoundingClientRect();
    const x = (event.clientX - area.left) / area.width;
    const y = (event.clientY - area.top) / area.height;
    return [Math.min(Math.max(x, 0), 1), Math.min(Math.max(y, 0), 1)];
  };
  said.textContent = words.hint;
  surface.onpointermove = (event) => {
    const [x, y] = tell(event);
    const at = Math.min(rows - 1, Math.floor(y * rows)) * columns + Math.min(columns - 1, Math.floor(x * columns));
    const texts = [0, 1, 2].map((place) => {
      const share = Math.round((100 * shares[place * size + at]) / 255);
      return `${names[classes[place * size + at]]} ${share} %`;
    });
    said.textContent = texts.join(" · ");
  };
  surface.onpointerleave = () => {
    said.textContent = words.hint;
  };
  surface.onclick = (event) => setStateValue("point", tell(event).map((part) => Math.round(100 * part)));

  root.querySelector("legend").textContent = words.legend;
  const fieldset = root.querySelector("fieldset");
  const made = new Map([...fieldset.querySelectorAll("label")].map((label) => [label.dataset.label, label]));
  for (const { label, text, colour, shown } of data.legend) {
    let row = made.get(String(label));
    if (!row) {
      row = document.createElement("label");
      row.dataset.label = label;
      const input = document.createElement("input");
      input.type = "checkbox";
      const chip = document.createElement("span");
      chip.className = "chip";
      chip.style.background = colour;
      row.append(input, chip, document.createElement("span"));
    }
    made.delete(String(label));
    fieldset.append(row);
    row.lastChild.textContent = text;
    const input = row.firstChild;
    input.checked = shown;
    // The time makes every tick news to Python, even one that repeats an earlier state.
    input.onchange = () => setStateValue("shown", [label, input.checked, Date.now()]);
  }
  made.forEach((old) => old.remove());
}
