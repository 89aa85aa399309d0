// The page's data and filter. Every text in it may come from a server: it becomes text of the document (textContent), never markup.
// The parts are joined in one script: page.js, lists.js, graph.js, history.js, start.js.

const data = JSON.parse(document.getElementById('data').textContent);
const $ = (id) => document.getElementById(id);

/** An element with properties, and with children: elements or texts. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined) continue;
    if (name === 'class') element.className = value;
    else if (name.includes('-') || name === 'role' || name === 'colspan' || name === 'scope') element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const thousands = (number) => Number(number).toLocaleString('en-US');
const counted = (number, one, many) => `${thousands(number)} ${number === 1 ? one : many}`;

/** Binary units with one decimal, as on a terminal. */
function bytes(number) {
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  if (number < 1024) return `${Math.round(number)} B`;
  let value = number / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit + 1 < units.length) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds in two units at most, as on a terminal. */
function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (big, bigUnit, small, smallUnit) => (small ? `${big} ${bigUnit} ${small} ${smallUnit}` : `${big} ${bigUnit}`);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  if (seconds < 86400) return two(Math.floor(seconds / 3600), 'h', Math.floor((seconds % 3600) / 60), 'min');
  return two(Math.floor(seconds / 86400), 'd', Math.floor((seconds % 86400) / 3600), 'h');
}

const textOf = (lines) => lines.map((line) => data.lines[line]).join('\n');

/** What the filter is set to. All lists follow it. */
const filter = { q: '', kind: '', action: '', severity: '' };

const SEVERITIES = {
  error: 'Stops',
  warning: 'Warns',
  changed: 'Arrives changed',
  confirm: 'Needs a confirmation',
  different: 'Different',
  unproven: 'Unproven',
  accepted: 'Accepted',
  equal: 'Equal',
};

/** Rows that stand in the page as it is written: tables and views of a certificate. */
const proofs = [...document.querySelectorAll('tr.proof')].map((row) => ({ row, verdict: row.dataset.verdict, section: row.closest('section') }));

/** A test for a text in lower case: it has every word that is typed. */
function matcher() {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean);
  return (text) => words.every((word) => text.includes(word));
}

/** The text by which something is found. Made once for each. */
function haystack(item, parts) {
  if (item.hay === undefined) item.hay = parts().join('\n').toLowerCase();
  return item.hay;
}

const kindOf = (word) => (word === '' ? -1 : data.kinds.indexOf(word));
const actionOf = (word) => (word === '' ? -1 : data.actions.findIndex((known) => known.action === word));

/** What the filter shows of each list. */
function selected() {
  const fits = matcher();
  const kind = kindOf(filter.kind);
  const action = actionOf(filter.action);
  const { severity } = filter;
  const hasSeverity = (object) => {
    if (severity === '') return true;
    if (severity === 'changed') return object.changed !== undefined;
    if (severity === 'confirm') return Boolean(object.confirm);
    return (object.findings || []).some((at) => data.findings[at].severity === severity);
  };
  const objects = data.objects.filter((object) =>
    (action < 0 || object.action === action) &&
    (kind < 0 || object.steps.some((step) => data.steps.kind[step] === kind)) &&
    hasSeverity(object) && fits(objectText(object)));
  const findings = data.findings.filter((finding) =>
    (severity === '' || severity === finding.severity) && kind < 0 && action < 0 && fits(findingText(finding)));
  const changed = data.changed.filter((one) =>
    (severity === '' || severity === 'changed') && (kind < 0 || one.kind === kind) && (action < 0 || one.action === action) &&
    fits(changedText(one)));
  const moved = data.history ? data.history.moved.filter((one) =>
    (kind < 0 || one.steps.some((step) => data.steps.kind[step] === kind)) && fits(movedText(one))) : [];
  const proven = proofs.filter((one) =>
    (severity === '' || severity === one.verdict) && fits(haystack(one, () => [one.row.textContent])));
  return { objects, findings, changed, moved, proven };
}

/** Hides the rows that the filter leaves out, and counts those of each section that are left. */
function drawProofs(shown) {
  const left = new Set(shown);
  const sections = new Map();
  for (const one of proofs) {
    const [some, all] = sections.get(one.section) || [0, 0];
    sections.set(one.section, [some + (left.has(one) ? 1 : 0), all + 1]);
    one.row.hidden = !left.has(one);
  }
  for (const [section, [some, all]] of sections) {
    section.querySelector('.number').textContent = isFiltered() ? `${thousands(some)} of ${thousands(all)}` : thousands(all);
  }
}

const addresses = (steps) => steps.map((step) => data.steps.addr[step]);
const objectText = (object) => haystack(object, () => [
  object.name,
  data.groups[object.group],
  ...addresses(object.steps),
  ...(object.findings || []).map((at) => data.findings[at].code),
  ...(object.changed === undefined ? [] : data.changed[object.changed].notes.map((note) => note[0])),
]);
const findingText = (finding) => haystack(finding, () => [
  finding.code, finding.summary, finding.subject || '', finding.gate || '', finding.place || '', textOf(finding.detail || []),
]);
const changedText = (one) => haystack(one, () => [one.name, ...one.notes.flatMap((note) => [note[0], note[1]])]);
const movedText = (one) => haystack(one, () => [one.name, data.groups[one.group], ...addresses(one.steps)]);

const isFiltered = () => Object.values(filter).some((value) => value !== '');

/** The filter as the page's address has it: `#q=orders&action=create`. A fragment without `=` is a section. */
function fragment() {
  const set = Object.entries(filter).filter(([, value]) => value !== '');
  return new URLSearchParams(set).toString();
}

function readFragment() {
  const text = location.hash.slice(1);
  if (!text.includes('=')) return false;
  const parameters = new URLSearchParams(text);
  for (const name of Object.keys(filter)) filter[name] = parameters.get(name) || '';
  return true;
}

function writeFragment() {
  const text = fragment();
  if (text === '' && !location.hash.includes('=')) return;
  // Some browsers let no page of a file change its address.
  try {
    history.replaceState(null, '', text === '' ? location.pathname + location.search : `#${text}`);
  } catch {
    // The filter works without it.
  }
}

/** Shows what the filter selects, in all lists. */
function apply() {
  const begin = performance.now();
  const found = selected();
  drawFindings(found.findings);
  drawObjects(found.objects);
  drawChanged(found.changed);
  drawHistory();
  drawMoved(found.moved);
  drawProofs(found.proven);
  drawPhase();
  const parts = [
    [found.objects, data.objects, 'change', 'changes', sums(found.objects)],
    [found.findings, data.findings, 'finding', 'findings', ''],
    [found.changed, data.changed, 'difference', 'differences', ''],
    [found.proven, proofs, 'table or view', 'tables and views', ''],
    [found.moved, data.history ? data.history.moved : [], 'table', 'tables', ''],
  ].filter(([, all]) => all.length > 0);
  const words = parts.map(([some, all, one, many, more]) => `${thousands(some.length)} of ${counted(all.length, one, many)}${more}`);
  $('count').textContent = isFiltered() ? `Shown: ${words.join(', ')}` : '';
  document.body.classList.toggle('filtered', isFiltered());
  $('clear').hidden = !isFiltered();
  document.documentElement.dataset.filterMs = (performance.now() - begin).toFixed(1);
}

/** How much there is in the objects that are shown. */
function sums(objects) {
  const sum = (name) => objects.reduce((all, object) => all + (object[name] || 0), 0);
  const rows = sum('rows');
  return rows > 0 ? ` (${counted(rows, 'row', 'rows')}, ${bytes(sum('bytes'))})` : '';
}

/** Sets the filter from the controls or from elsewhere. */
function setFilter(values) {
  Object.assign(filter, values);
  for (const name of Object.keys(filter)) $(name).value = filter[name];
  writeFragment();
  apply();
}
