// The controls, the keyboard, and the first drawing.

const rows = () => [...document.querySelectorAll('button.row')].filter((row) => row.offsetParent !== null);

/** Moves the focus to the next row that can be opened, or to the one before. */
function move(by) {
  const all = rows();
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? firstBelowBar(all) : -1) : at + by;
  if (next < 0 || next >= all.length) {
    if (by < 0) $('q').focus();
    return;
  }
  all[next].focus();
  all[next].scrollIntoView({ block: 'nearest' });
}

const firstBelowBar = (all) => {
  const edge = $('bar').getBoundingClientRect().bottom;
  const at = all.findIndex((row) => row.getBoundingClientRect().bottom > edge);
  return at < 0 ? 0 : at;
};

/** Closes the row that has the focus or holds it, or the steps of a phase; else clears the filter. */
function escape() {
  const active = document.activeElement;
  if (phase >= 0 && active.closest('#graph')) {
    const node = document.querySelector('svg.phases .node[aria-pressed="true"]');
    choosePhase(-1);
    node.focus();
    return;
  }
  const within = active.closest('.finding, tr.detail, tr');
  const holder = within && within.classList.contains('detail') ? within.previousElementSibling : within;
  const open = holder && holder.querySelector('button.row[aria-expanded="true"]');
  if (open && active.id !== 'q') {
    open.toggle(false);
    open.focus();
  } else if (isFiltered()) {
    setFilter({ q: '', kind: '', action: '', severity: '' });
  } else {
    active.blur();
  }
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target instanceof HTMLInputElement;
  const choosing = event.target instanceof HTMLSelectElement;
  const inRows = event.target === document.body || event.target.classList.contains('row') || typing;
  if (event.key === '/' && !typing && !choosing) $('q').focus();
  else if (event.key === 'ArrowDown' && inRows) move(1);
  else if (event.key === 'ArrowUp' && inRows && !typing && event.target !== document.body) move(-1);
  else if (event.key === 'Escape') escape();
  else return;
  event.preventDefault();
}

function options(select, entries) {
  for (const [value, label] of entries) select.append(make('option', { value }, label));
  select.hidden = entries.length === 0;
}

function start() {
  const usedKinds = new Set(data.objects.flatMap((entry) => entry.steps.map((step) => data.steps.kind[step])));
  const usedActions = new Set(data.objects.map((entry) => entry.action));
  const used = {
    error: data.findings.some((entry) => entry.severity === 'error'),
    warning: data.findings.some((entry) => entry.severity === 'warning'),
    changed: data.changed.length > 0,
    confirm: data.objects.some((entry) => entry.confirm),
  };
  for (const verdict of ['different', 'unproven', 'accepted', 'equal']) used[verdict] = proofs.some((one) => one.verdict === verdict);
  const moved = data.history ? new Set(data.history.moved.flatMap((one) => one.steps.map((step) => data.steps.kind[step]))) : new Set();
  options($('kind'), [...usedKinds, ...moved].sort((a, b) => a - b).map((kind) => [data.kinds[kind], data.kinds[kind]]));
  options($('action'), [...usedActions].sort((a, b) => a - b).map((at) => [data.actions[at].action, `${data.actions[at].sign} ${data.actions[at].word}`]));
  if (proofs.length > 0) {
    $('severity').options[0].textContent = 'All verdicts';
    $('severity').setAttribute('aria-label', 'Verdict');
  }
  options($('severity'), Object.keys(used).filter((name) => used[name]).map((name) => [name, SEVERITIES[name]]));
  $('q').oninput = () => setFilter({ q: $('q').value });
  for (const name of ['kind', 'action', 'severity']) $(name).onchange = () => setFilter({ [name]: $(name).value });
  $('order').onchange = apply;
  $('clear').onclick = () => {
    setFilter({ q: '', kind: '', action: '', severity: '' });
    $('q').focus();
  };
  addEventListener('keydown', onKey);
  addEventListener('hashchange', () => {
    if (readFragment()) setFilter({});
  });
  // On paper nothing can be opened.
  addEventListener('beforeprint', () => document.querySelectorAll('#findings button.row').forEach((row) => row.toggle(true)));
  startGraph();
  startHistory();
  readFragment();
  setFilter({});
  const sections = [...document.querySelectorAll('main section')].filter((section) => !section.hidden);
  $('nav').append(...sections.map((section) => make('a', { href: `#${section.id}` }, section.querySelector('h2').firstChild.textContent.trim())));
  for (const id of ['bar', 'nav', 'keys']) $(id).hidden = false;
  // The first letter that is typed finds the texts made.
  setTimeout(() => [[data.objects, objectText], [data.findings, findingText], [data.changed, changedText]].forEach(([all, of]) => all.forEach(of)));
  // For who measures: milliseconds from the opening of the page to here.
  document.documentElement.dataset.readyMs = performance.now().toFixed(1);
}

start();
