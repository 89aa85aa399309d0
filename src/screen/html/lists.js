// The lists of findings, of objects, of what arrives changed. Of a long list the first entries are in the document; the filter
// finds all of them, and a button shows more.

/** Entries of a list at first, and with each "more". */
const FIRST = 50;
const MORE = 200;
/** Entries of a list that does not grow. */
const PAGE = 100;
/** More changes of one object are folded: the difference shows them. */
const NOTES = 8;

/** Fills a section: its number, its first entries, and the way to more. `draw` makes an element of an entry, or several. */
function fill(id, entries, all, draw, frame) {
  const section = $(id);
  section.hidden = all === 0;
  if (all === 0) return;
  const number = isFiltered() ? `${thousands(entries.length)} of ${thousands(all)}` : thousands(all);
  section.querySelector('.number').textContent = number;
  section.classList.toggle('nothing', entries.length === 0);
  const list = section.querySelector('.list');
  if (entries.length === 0) {
    list.replaceChildren(make('p', { class: 'empty' }, 'The filter leaves nothing here.'));
    return;
  }
  const into = frame ? frame() : make('div');
  let shown = 0;
  const more = make('p', { class: 'more' });
  const show = () => {
    const part = document.createDocumentFragment();
    const until = Math.min(entries.length, shown === 0 ? FIRST : shown + MORE);
    for (const entry of entries.slice(shown, until)) part.append(...[draw(entry)].flat());
    shown = until;
    (into.tBodies ? into.tBodies[0] : into).append(part);
    const rest = entries.length - shown;
    more.replaceChildren();
    if (rest > 0) {
      more.append(`The first ${thousands(shown)} of ${thousands(entries.length)}. `,make('button', { type: 'button', onclick: show }, `Show ${thousands(Math.min(MORE, rest))} more`));
    }
  };
  show();
  list.replaceChildren(into, more);
}

/** A button that opens and closes what belongs to it. `content` is made when it is opened first. */
function opener(label, look, toggle) {
  const button = make('button', { type: 'button', class: `row ${look}`, 'aria-expanded': 'false' }, label);
  button.toggle = (open) => {
    if (open === (button.getAttribute('aria-expanded') === 'true')) return;
    button.setAttribute('aria-expanded', String(open));
    toggle(open);
  };
  button.onclick = () => button.toggle(button.getAttribute('aria-expanded') !== 'true');
  return button;
}

const severitySign = (severity) => (severity === 'error' ? ['✗', 'Stops', 'bad'] : ['!', 'Warns', 'warn']);

function drawFindings(entries) {
  fill('findings', entries, data.findings.length, finding);
}

function finding(entry) {
  const [sign, word, look] = severitySign(entry.severity);
  const subject = entry.subject && !entry.summary.includes(entry.subject) ? `${entry.subject}: ` : '';
  const head = make('div', { class: 'line' }, make('span', { class: `severity ${look}` }, `${sign} ${word}`), make('code', {}, entry.code));
  const whole = make('div', { class: 'finding' }, head);
  const more = (entry.detail || []).length > 0 || entry.help || entry.place;
  if (!more) {
    head.append(make('span', {}, subject + entry.summary), gateOf(entry));
    return whole;
  }
  let body = null;
  const button = opener(subject + entry.summary, 'prose', (open) => {
    if (body === null) body = whole.appendChild(findingBody(entry));
    body.hidden = !open;
  });
  head.append(button, gateOf(entry));
  // What stops is open: it is why the reader is here.
  if (entry.severity === 'error') button.toggle(true);
  return whole;
}

const gateOf = (entry) => make('span', { class: 'dim' }, entry.gate ? `gate ${entry.gate}` : '');

function findingBody(entry) {
  const body = make('div', { class: 'body' });
  if (entry.place) body.append(make('p', {}, make('code', {}, entry.place)));
  if ((entry.detail || []).length > 0) body.append(make('p', {}, textOf(entry.detail)));
  if (entry.help) body.append(make('p', {}, make('b', {}, 'Help: '), entry.help));
  body.append(make('p', { class: 'dim' }, 'More of this code: ', make('code', {}, `mig explain ${entry.code}`)));
  return body;
}

/** The objects in the order that is asked for; in the plan's order they stand under their blocks. */
function drawObjects(entries) {
  const order = $('order').value;
  const sorted = order === '' ? entries : entries.slice().sort((a, b) => (order === 'name'
    ? (a.name < b.name ? -1 : 1)
    : (b[order] === undefined ? -1 : b[order]) - (a[order] === undefined ? -1 : a[order])));
  let group = -1;
  fill('objects', sorted, data.objects.length, (entry) => {
    const rows = object(entry);
    if (order === '' && entry.group !== group) {
      group = entry.group;
      const number = entries.filter((other) => other.group === group).length;
      const title = make('th', { colspan: 6, scope: 'rowgroup' }, data.groups[group], ' ', make('span', { class: 'number' }, counted(number, 'object', 'objects')));
      rows.unshift(make('tr', { class: 'block' }, title));
    }
    return rows;
  }, objectFrame);
}

function objectFrame() {
  const head = (text, look) => make('th', { scope: 'col', class: look }, text);
  return make('table', { class: 'objects' },
    make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, make('span', {}, 'Action')), head('Object'), head('Steps', 'wide'), head('Rows', 'num'), head('Size', 'num'), head('Files', 'num wide'))),
    make('tbody'));
}

/** The row of an object, with what was opened under it. It is kept: letter by letter, much the same is found. */
function object(entry) {
  if (!entry.drawn) entry.drawn = [objectRow(entry)];
  return entry.drawn.slice();
}

function objectRow(entry) {
  const sign = data.actions[entry.action];
  const words = [...new Set(entry.steps.map((step) => data.kinds[data.steps.kind[step]]))];
  const name = make('td');
  const row = make('tr', {},
    make('td', { class: `act ${sign.action}` }, make('span', { class: 'sign' }, sign.sign), make('span', { class: 'word' }, sign.word)),
    name,
    make('td', { class: 'dim wide' }, words.join(', ')),
    make('td', { class: 'num' }, entry.rows === undefined ? '' : thousands(entry.rows)),
    make('td', { class: 'num' }, entry.bytes === undefined ? '' : bytes(entry.bytes)),
    make('td', { class: 'num wide' }, entry.files === undefined ? '' : thousands(entry.files)));
  let detail = null;
  const button = opener(entry.name, '', (open) => {
    if (detail === null) {
      detail = make('tr', { class: 'detail' }, make('td', { colspan: 6 }, ...objectBody(entry)));
      row.after(detail);
      entry.drawn.push(detail);
    }
    detail.hidden = !open;
    row.classList.toggle('open', open);
  });
  entry.button = button;
  name.append(button, ...tags(entry));
  return row;
}

function tags(entry) {
  const out = [];
  const tag = (look, text) => out.push(make('span', { class: `tag ${look}` }, text));
  if (entry.confirm) tag('bad', '✗ needs -confirm');
  const severities = (entry.findings || []).map((at) => data.findings[at].severity);
  if (severities.includes('error')) tag('bad', '✗ stops');
  else if (severities.length > 0) tag('warn', '! warns');
  if (entry.changed !== undefined) tag('warn', '≠ arrives changed');
  return out;
}

function objectBody(entry) {
  const out = [];
  const part = (title, ...content) => out.push(make('h3', {}, title), ...content);
  if (entry.confirm) out.push(make('p', { class: 'bad' }, 'Rows on the target are dropped: needs -confirm=TARGET_HOST.'));
  if (entry.what) part('Made from', make('p', {}, entry.what));
  if (entry.why) part('Why', make('p', {}, entry.why));
  if ((entry.findings || []).length > 0) part('Findings', ...entry.findings.map((at) => finding(data.findings[at])));
  const changed = entry.changed === undefined ? null : data.changed[entry.changed];
  if (changed) part('Arrives changed', ...changedBody(changed));
  if ((entry.ddl || []).length > 0) part('Created by', ...entry.ddl.map((lines) => make('pre', { class: 'sql' }, textOf(lines))));
  part('Steps', make('ul', { class: 'plain' }, ...entry.steps.map(stepItem)));
  return out;
}

/** One step, and what it waits for. */
function stepItem(step) {
  const after = data.steps.after[step];
  const sign = data.actions[data.steps.action[step]];
  const item = make('li', {}, make('span', { class: `sign ${sign.action}` }, sign.sign), make('code', {}, data.steps.addr[step]));
  if (after.length > 0) {
    const names = addresses(after.slice(0, 12));
    const rest = after.length - names.length;
    item.append(make('details', {}, make('summary', { class: 'dim' }, `waits for ${counted(after.length, 'step', 'steps')}`),
      make('ul', {}, ...names.map((name) => make('li', {}, make('code', {}, name)))),
      rest > 0 ? make('p', { class: 'dim' }, `and ${thousands(rest)} more`) : null));
  }
  return item;
}

/** Shows the object of a step: alone, open, and with the focus. */
function goTo(step) {
  const of = data.objects.find((entry) => entry.steps.includes(step));
  if (!of) return;
  setFilter({ q: data.steps.addr[step], kind: '', action: '', severity: '' });
  of.button.toggle(true);
  of.button.focus();
  of.button.scrollIntoView({ block: 'center' });
}

function drawChanged(entries) {
  const few = entries.length <= 10;
  fill('changed', entries, data.changed.length, (entry) => {
    const whole = make('div', { class: 'finding' });
    let body = null;
    const codes = [...new Set(entry.notes.map((note) => note[0]))].join(' ');
    const button = opener(entry.name, '', (open) => {
      if (body === null) body = whole.appendChild(make('div', { class: 'body' }, ...changedBody(entry)));
      body.hidden = !open;
    });
    whole.append(make('div', { class: 'line' }, button, make('code', { class: 'dim' }, codes)));
    if (few && entry.rows.length > 0) button.toggle(true);
    return whole;
  });
}

function changedBody(entry) {
  const note = ([code, summary, detail]) =>
    make('p', {}, make('code', {}, code), ' ', summary, detail ? make('span', { class: 'dim' }, ` ${detail}`) : null);
  const out = entry.notes.slice(0, NOTES).map(note);
  const rest = entry.notes.slice(NOTES);
  if (rest.length > 0) out.push(make('details', {}, make('summary', {}, `${counted(rest.length, 'more change', 'more changes')}`), ...rest.map(note)));
  if (entry.rows.length > 0) out.push(diff(entry.rows));
  return out;
}

/** Source and target side by side. In a narrow window CSS puts them one below the other. */
function diff(rows) {
  const whole = make('div', { class: 'diff' });
  const sides = (look, left, right) => whole.append(make('div', { class: `sides ${look}` }, left, right));
  sides('caption', make('div', {}, 'Source'), make('div', {}, 'Target'));
  for (const row of rows) {
    if (typeof row === 'number') {
      sides('same', make('div', {}, data.lines[row]), make('div', {}, data.lines[row]));
      continue;
    }
    const [source, target] = row.map((line) => (line === null ? null : data.lines[line]));
    const [left, right] = source === null || target === null ? [[source], [target]] : marked(source, target);
    sides('differs',
      source === null ? make('div', { class: 'none' }) : make('div', { class: 'gone' }, ...left),
      target === null ? make('div', { class: 'none' }) : make('div', { class: 'come' }, ...right));
  }
  return whole;
}

/** Both lines with what is between their common begin and their common end marked. */
function marked(source, target) {
  const least = Math.min(source.length, target.length);
  let head = 0;
  while (head < least && source[head] === target[head]) head += 1;
  let tail = 0;
  while (tail < least - head && source[source.length - 1 - tail] === target[target.length - 1 - tail]) tail += 1;
  // Not inside of a word: half a name says nothing.
  const inWord = (text, at) => /\w/.test(text[at - 1] || '') && /\w/.test(text[at] || '');
  while (head > 0 && (inWord(source, head) || inWord(target, head))) head -= 1;
  while (tail > 0 && (inWord(source, source.length - tail) || inWord(target, target.length - tail))) tail -= 1;
  const side = (text) => {
    const middle = text.slice(head, text.length - tail);
    return [text.slice(0, head), middle === '' ? null : make('mark', {}, middle), text.slice(text.length - tail)];
  };
  return [side(source), side(target)];
}
