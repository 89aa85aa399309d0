// Of a state: what ran when, what the whole waited for, and how fast tables were moved.

/** More steps than these are drawn by phase: how many ran at each time. */
const MOST_BARS = 150;
const SLICES = 240;

const nameOf = (step) => data.steps.addr[step];
/** Without the migration's name, where there is one migration. */
let shortOf = nameOf;
let chosen = null;

function startHistory() {
  if (!data.history || data.history.periods.length === 0) return;
  const { periods } = data.history;
  const select = $('period');
  periods.forEach((period, at) => select.append(make('option', { value: String(at) }, `${period.begin}, ${counted(period.runs.length, 'step', 'steps')}, ${duration(period.length)}`)));
  select.parentElement.hidden = periods.length < 2;
  select.onchange = () => {
    chosen = periods[Number(select.value)];
    drawHistory();
  };
  [chosen] = periods;
  const migrations = new Set(data.steps.addr.map((addr) => (addr.match(/^migration\.[^.]+\./) || [''])[0]).filter(Boolean));
  if (migrations.size === 1) shortOf = (step) => nameOf(step).replace([...migrations][0], '');
}

/** The chosen period, as far as the filter selects its steps. */
function drawHistory() {
  if (!chosen) return;
  const fits = matcher();
  const kind = kindOf(filter.kind);
  const shown = (step) => (kind < 0 || data.steps.kind[step] === kind) && fits(nameOf(step).toLowerCase());
  drawPeriod({ ...chosen, runs: chosen.runs.filter((run) => shown(run.step)) });
}

function drawPeriod(period) {
  const section = $('history');
  section.hidden = false;
  section.querySelector('.number').textContent = `from ${period.begin}, ${duration(period.length)}`;
  const critical = new Set(period.critical.map((one) => one.step));
  const gantt = make('div', { class: 'gantt' }, axis(period));
  if (period.runs.length <= MOST_BARS) {
    gantt.append(...period.runs.map((run) => bar(run, period, critical)));
  } else {
    gantt.append(...lanes(period, critical));
  }
  const ends = { unfinished: 'dashed: begun and not finished', failed: 'red: failed' };
  const seen = Object.keys(ends).filter((status) => period.runs.some((run) => run.status === status));
  const legend = ['◆: on the critical path', ...seen.map((status) => ends[status])].join('; ');
  const note = 'A bar is from the first start of a step to its last end: where a run was interrupted, the time between is in it.';
  section.querySelector('.list').replaceChildren(gantt, make('p', { class: 'dim' }, `${legend}. ${note}`));
  drawCritical(period);
}

function axis(period) {
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => make('span', {}, part === 0 ? '0' : duration(period.length * part)));
  return make('div', { class: 'lane axis', 'aria-hidden': 'true' }, make('div', { class: 'label' }), make('div', { class: 'ticks' }, ...ticks), make('div', { class: 'num' }, 'took'));
}

const share = (ms, period) => `${Math.min(100, (100 * ms) / Math.max(1, period.length)).toFixed(3)}%`;

function bar(run, period, critical) {
  const isCritical = critical.has(run.step);
  const open = run.end === null;
  const took = open ? run.status : duration(run.end - run.start);
  const mark = make('i', { class: run.status === 'complete' ? (isCritical ? 'critical' : '') : run.status });
  mark.style.left = share(run.start, period);
  mark.style.width = share(open ? 0 : run.end - run.start, period);
  const label = `${isCritical ? '◆ ' : ''}${shortOf(run.step)}`;
  const title = `${nameOf(run.step)}: from ${duration(run.start)}, ${took}`;
  return make('div', { class: 'lane', title }, make('div', { class: 'label mono' }, label), make('div', { class: 'track', 'aria-hidden': 'true' }, mark),
    make('div', { class: 'num' }, run.status === 'failed' ? `failed, ${took}` : took));
}

/** One lane a phase; it opens its longest steps. */
function lanes(period, critical) {
  const byPhase = new Map();
  for (const run of period.runs) {
    const of = data.steps.phase[run.step];
    if (!byPhase.has(of)) byPhase.set(of, []);
    byPhase.get(of).push(run);
  }
  return [...byPhase].flatMap(([of, runs]) => {
    const end = Math.max(...runs.map((run) => (run.end === null ? run.start : run.end)));
    const begin = runs[0].start;
    const steps = make('div', { hidden: true });
    const isCritical = runs.some((run) => critical.has(run.step));
    const button = opener(`${isCritical ? '◆ ' : ''}${data.phases[of]}`, '', (open) => {
      if (steps.childElementCount === 0) {
        const longest = runs.slice().sort((a, b) => (b.end - b.start) - (a.end - a.start)).slice(0, PAGE);
        steps.append(...longest.map((run) => bar(run, period, critical)));
        if (runs.length > PAGE) steps.append(make('p', { class: 'dim' }, `The ${PAGE} longest of ${thousands(runs.length)}.`));
      }
      steps.hidden = !open;
    });
    const lane = make('div', { class: 'lane group', title: `${data.phases[of]}: ${counted(runs.length, 'step', 'steps')}, from ${duration(begin)} to ${duration(end)}` },
      make('div', { class: 'label' }, button, make('span', { class: 'number' }, counted(runs.length, 'step', 'steps'))),
      make('div', { class: 'track', 'aria-hidden': 'true' }, crowd(runs, period)), make('div', { class: 'num' }, duration(end - begin)));
    return [lane, steps];
  });
}

/** How many of the steps ran at each time, as an area. */
function crowd(runs, period) {
  const counts = new Float64Array(SLICES + 1);
  const slice = (ms) => Math.min(SLICES - 1, Math.floor((SLICES * ms) / Math.max(1, period.length)));
  for (const run of runs) {
    counts[slice(run.start)] += 1;
    counts[slice(run.end === null ? run.start : run.end) + 1] -= 1;
  }
  const most = counts.reduce(([sum, top], count) => [sum + count, Math.max(top, sum + count)], [0, 1])[1];
  let running = 0;
  let path = 'M0 100';
  for (let at = 0; at < SLICES; at += 1) {
    running += counts[at];
    path += `V${(100 - (95 * running) / most).toFixed(1)}H${at + 1}`;
  }
  const draw = (name, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
    return element;
  };
  const svg = draw('svg', { viewBox: `0 0 ${SLICES} 100`, preserveAspectRatio: 'none' });
  svg.append(draw('path', { d: `${path}V100Z` }));
  return svg;
}

function drawCritical(period) {
  const section = $('critical');
  section.hidden = period.critical.length === 0;
  section.querySelector('.number').textContent = counted(period.critical.length, 'step', 'steps');
  const head = (text, look) => make('th', { scope: 'col', class: look }, text);
  const row = (one) => make('tr', {},
    make('td', { class: 'mono' }, nameOf(one.step)),
    make('td', { class: 'num' }, duration(one.to - one.from)),
    make('td', { class: 'num' }, `${((100 * (one.to - one.from)) / Math.max(1, period.length)).toFixed(1)} %`),
    make('td', { class: 'num wide' }, one.waited > 0 ? duration(one.waited) : ''));
  section.querySelector('.list').replaceChildren(
    make('p', { class: 'dim' }, 'The chain of steps that the end waited for, each with the time in which it alone was waited for. A step that had not started although it could have lacked a free place: see -parallelism and the threads of the spec.'),
    make('table', {}, make('thead', {}, make('tr', {}, head('Step'), head('Waited for', 'num'), head('Share', 'num'), head('Could have started before', 'num wide'))),
      make('tbody', {}, ...period.critical.map(row))));
}

const rate = (amount, ms) => (amount === undefined || !ms ? '' : `${bytes((1000 * amount) / ms)}/s`);

function drawMoved(entries) {
  if (!data.history) return;
  const sorted = entries.slice().sort((a, b) => (b.bytes || 0) - (a.bytes || 0) || (a.name < b.name ? -1 : 1));
  const took = (ms) => (ms === undefined ? '' : duration(ms));
  const cell = (ms, amount) => make('td', { class: 'num' }, took(ms), make('div', { class: 'dim' }, rate(amount, ms)));
  fill('moved', sorted, data.history.moved.length, (one) => make('tr', {},
    make('td', { class: 'mono' }, one.name, one.complete ? null : make('span', { class: 'tag warn' }, '! not complete')),
    make('td', { class: 'num' }, one.rows === undefined ? '' : thousands(one.rows)),
    make('td', { class: 'num' }, one.bytes === undefined ? '' : bytes(one.bytes)),
    cell(one.dump, one.bytes), cell(one.load, one.bytes), cell(one.verify, undefined)), () => {
    const head = (text, look) => make('th', { scope: 'col', class: look }, text);
    return make('table', {}, make('thead', {}, make('tr', {}, head('Table'), head('Rows', 'num'), head('Size', 'num'), head('Dump', 'num'), head('Load', 'num'), head('Verify', 'num'))), make('tbody'));
  });
}
