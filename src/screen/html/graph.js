// The graph: it is in the document already, as the program drew it. Here it gets pan and zoom, and a phase opens its steps.

const view = { svg: null, canvas: null, base: null, scale: 1, x: 0, y: 0 };
const LEAST_SCALE = 0.2;
const MOST_SCALE = 4;
/** The chosen phase; -1: none. */
let phase = -1;

function setView() {
  const { clientWidth: wide, clientHeight: high } = view.canvas;
  view.svg.setAttribute('viewBox', `${view.x} ${view.y} ${wide / view.scale} ${high / view.scale}`);
}

/** Zooms around a point of the canvas; without one, around its middle. */
function zoom(factor, atX = view.canvas.clientWidth / 2, atY = view.canvas.clientHeight / 2) {
  const scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, view.scale * factor));
  view.x += atX / view.scale - atX / scale;
  view.y += atY / view.scale - atY / scale;
  view.scale = scale;
  // A finger scrolls the page until there is something to pan to.
  view.canvas.style.touchAction = scale > view.fitted * 1.01 ? 'none' : 'pan-y';
  setView();
}

function fit() {
  const { base, canvas } = view;
  const wide = canvas.clientWidth;
  const readable = Math.max(Math.min(1, wide / base.width), 0.6);
  const high = Math.min(Math.max(base.height * readable, 120), 820);
  canvas.style.height = `${Math.ceil(high) + 2}px`;
  view.scale = Math.max(Math.min(readable, high / base.height), 0.35);
  view.fitted = view.scale;
  view.x = base.x - (wide / view.scale - base.width) / 2;
  view.y = base.y - Math.max(0, (high / view.scale - base.height) / 2);
  setView();
}

function startGraph() {
  const section = $('graph');
  if (!section) return;
  const canvas = section.querySelector('.canvas');
  const drawings = [...canvas.querySelectorAll('svg')];
  view.canvas = canvas;
  canvas.classList.add('live');
  canvas.tabIndex = 0;
  canvas.setAttribute('role', 'group');
  canvas.setAttribute('aria-label', 'Graph. Plus and minus zoom, arrow keys pan, 0 fits it in.');
  const choose = (name) => {
    for (const drawing of drawings) drawing.toggleAttribute('hidden', !drawing.classList.contains(name));
    view.svg = drawings.find((drawing) => drawing.classList.contains(name));
    view.base = view.svg.base;
    fit();
  };
  for (const drawing of drawings) {
    const { x, y, width, height } = drawing.viewBox.baseVal;
    drawing.base = { x, y, width, height };
    drawing.querySelectorAll('.node').forEach(startNode);
  }
  const tools = section.querySelector('.tools');
  tools.hidden = false;
  const button = (label, title, onclick) => tools.appendChild(make('button', { type: 'button', title, 'aria-label': title, onclick }, label));
  if (drawings.length > 1) {
    const both = [['Phases', 'phases'], ['Every step', 'steps']].map(([label, name]) => button(label, `Draw ${label.toLowerCase()}`, () => {
      choose(name);
      both.forEach((one) => one.setAttribute('aria-pressed', String(one.textContent === label)));
    }));
    both[0].setAttribute('aria-pressed', 'true');
  }
  button('−', 'Zoom out', () => zoom(0.8));
  button('+', 'Zoom in', () => zoom(1.25));
  button('Fit', 'Show all of it', fit);
  choose('phases');
  canvas.onkeydown = graphKey;
  startPan(canvas);
  addEventListener('resize', fit);
  addEventListener('beforeprint', fit);
}

function graphKey(event) {
  const step = 60 / view.scale;
  const pan = (x, y) => () => {
    view.x += x;
    view.y += y;
    setView();
  };
  const keys = {
    '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: fit,
    ArrowLeft: pan(-step, 0), ArrowRight: pan(step, 0), ArrowUp: pan(0, -step), ArrowDown: pan(0, step),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key]();
}

/** Dragging pans, two fingers zoom, and so does the wheel with Ctrl; without it the wheel scrolls the page. */
function startPan(canvas) {
  const down = new Map();
  let moved = 0;
  const apart = () => {
    const [one, other] = [...down.values()];
    return Math.hypot(one.x - other.x, one.y - other.y);
  };
  canvas.addEventListener('pointerdown', (event) => {
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved = 0;
  });
  canvas.addEventListener('pointermove', (event) => {
    const last = down.get(event.pointerId);
    if (!last) return;
    const before = down.size === 2 ? apart() : 0;
    const [byX, byY] = [event.clientX - last.x, event.clientY - last.y];
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    moved += Math.abs(byX) + Math.abs(byY);
    if (moved < 4) return;
    if (!canvas.hasPointerCapture(event.pointerId)) canvas.setPointerCapture(event.pointerId);
    canvas.classList.add('drag');
    if (before > 0) {
      const frame = canvas.getBoundingClientRect();
      zoom(apart() / before, event.clientX - frame.left, event.clientY - frame.top);
    } else {
      view.x -= byX / view.scale;
      view.y -= byY / view.scale;
      setView();
    }
  });
  const up = (event) => {
    down.delete(event.pointerId);
    canvas.classList.remove('drag');
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  // The end of a drag is not a choice.
  canvas.addEventListener('click', (event) => {
    if (moved >= 4) event.stopPropagation();
  }, true);
  canvas.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const frame = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 200), event.clientX - frame.left, event.clientY - frame.top);
  }, { passive: false });
}

function startNode(node) {
  const at = Number(node.dataset.at);
  const ofPhases = node.ownerSVGElement.classList.contains('phases');
  node.setAttribute('tabindex', '0');
  node.setAttribute('role', 'button');
  node.setAttribute('aria-label', node.querySelector('title').textContent);
  const choose = () => (ofPhases ? choosePhase(phase === at ? -1 : at) : goTo(at));
  node.addEventListener('click', choose);
  node.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    event.stopPropagation();
    choose();
  });
}

function choosePhase(at) {
  phase = at;
  for (const node of document.querySelectorAll('svg.phases .node')) {
    node.setAttribute('aria-pressed', String(Number(node.dataset.at) === at));
  }
  drawPhase();
}

/** The steps of the chosen phase, as far as the filter selects them. */
function drawPhase() {
  const panel = $('phase');
  if (!panel) return;
  const stage = panel.parentElement;
  panel.hidden = phase < 0;
  if (stage.classList.toggle('alone', phase < 0) !== view.alone) {
    view.alone = phase < 0;
    fit();
  }
  if (phase < 0) return;
  const fits = matcher();
  const kind = kindOf(filter.kind);
  const action = actionOf(filter.action);
  const { steps } = data;
  const all = [];
  steps.phase.forEach((of, step) => {
    if (of === phase) all.push(step);
  });
  const shown = all.filter((step) => (kind < 0 || steps.kind[step] === kind) && (action < 0 || steps.action[step] === action) && fits(steps.addr[step].toLowerCase()));
  const changes = new Set(data.objects.flatMap((entry) => entry.steps));
  const item = (step) => {
    const sign = data.actions[steps.action[step]];
    const label = steps.addr[step];
    return make('li', {}, make('span', { class: `sign ${sign.action}`, title: sign.word }, sign.sign),
      changes.has(step) ? make('button', { type: 'button', class: 'go', onclick: () => goTo(step) }, label) : make('code', {}, label));
  };
  const number = shown.length === all.length ? counted(all.length, 'step', 'steps') : `${thousands(shown.length)} of ${counted(all.length, 'step', 'steps')}`;
  const rest = shown.length - PAGE;
  panel.replaceChildren(
    make('h3', {}, data.phases[phase]),
    make('p', { class: 'dim' }, number),
    make('ul', { class: 'plain' }, ...shown.slice(0, PAGE).map(item)),
    rest > 0 ? make('p', { class: 'dim' }, `and ${thousands(rest)} more: the filter narrows them`) : '');
}
