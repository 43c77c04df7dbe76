// A picture divided into cells: a click, or arrow keys and Enter, picks one.
// One transparent grid lies over the picture; moving about is local, only a pick reaches Python.

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  const root = parentElement.querySelector(".picker");
  const { rows, columns } = data;
  let [row, column] = data.selected ?? [0, 0];

  const image = root.querySelector("img");
  if (image.src !== data.source) image.src = data.source;
  image.alt = data.alt;

  const place = (element, box) => {
    element.style.left = `${100 * box[0]}%`;
    element.style.top = `${100 * box[1]}%`;
    element.style.width = `${100 * (box[2] - box[0])}%`;
    element.style.height = `${100 * (box[3] - box[1])}%`;
  };
  const cellBox = (r, c) => [c / columns, r / rows, (c + 1) / columns, (r + 1) / rows];

  const boxes = root.querySelector(".boxes");
  boxes.replaceChildren(
    ...data.boxes.map((box) => {
      const element = document.createElement("div");
      element.className = "box";
      element.style.borderColor = box.colour;
      place(element, [box.left, box.top, box.right, box.bottom]);
      if (box.label) {
        const label = document.createElement("span");
        label.textContent = box.label;
        label.style.background = box.colour;
        element.append(label);
      }
      return element;
    }),
  );

  const surface = root.querySelector(".surface");
  const mark = root.querySelector(".mark");
  const hover = root.querySelector(".hover");
  // Only now: a slider without a name and values would be one that nobody can use.
  surface.tabIndex = 0;
  surface.setAttribute("role", "slider");
  surface.setAttribute("aria-label", data.label);
  surface.setAttribute("aria-valuemin", "1");
  surface.setAttribute("aria-valuemax", String(rows * columns));

  const say = (r, c) => {
    surface.setAttribute("aria-valuenow", String(r * columns + c + 1));
    surface.setAttribute("aria-valuetext", data.cellText.replace("{row}", r + 1).replace("{column}", c + 1));
  };
  const show = () => {
    mark.hidden = data.selected === null;
    if (data.selected) place(mark, cellBox(...data.selected));
    say(row, column);
  };
  const aim = (r, c) => {
    row = Math.max(0, Math.min(rows - 1, r));
    column = Math.max(0, Math.min(columns - 1, c));
    hover.hidden = false;
    place(hover, cellBox(row, column));
    say(row, column);
  };
  const pick = () => {
    data.selected = [row, column];
    show();
    setStateValue("cell", [row, column]);
  };
  const under = (event) => {
    const area = surface.getBoundingClientRect();
    return [
      Math.floor(((event.clientY - area.top) / area.height) * rows),
      Math.floor(((event.clientX - area.left) / area.width) * columns),
    ];
  };

  surface.onpointermove = (event) => aim(...under(event));
  surface.onpointerleave = () => {
    hover.hidden = true;
    [row, column] = data.selected ?? [0, 0];
    say(row, column);
  };
  surface.onclick = (event) => {
    aim(...under(event));
    pick();
  };
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  surface.onkeydown = (event) => {
    if (steps[event.key]) aim(row + steps[event.key][0], column + steps[event.key][1]);
    else if (event.key === "Enter" || event.key === " ") pick();
    else return;
    event.preventDefault();
  };
  surface.onblur = () => {
    hover.hidden = true;
  };
  show();
}
