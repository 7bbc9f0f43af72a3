// The state of the page, what brings it in, and what is done with buttons. Only here does anything happen by itself.
import {Problem, groupPath, request} from './api.js';
import {Charts, RANGES, chartTable} from './chart.js';
import {decisionsCard} from './decisions.js';
import {ask} from './dialog.js';
import {DAY, HOUR, html} from './draw.js';
import {tab} from './keep.js';
import {morph} from './morph.js';
import {deployCard, groupList, head, isUnderWay, serversCard} from './view.js';
import {LANGUAGES, clock, duration, number, plural, speak, speaks, t, zone} from './words.js';

const EVERY = 2000;             // between two looks
const SAID_FOR = 20000;         // until then what was ordered is to be seen in the group itself
const BACKOFF = [1000, 2000, 4000, 8000, 15000, 30000];
const FIRST_TURNS = 60, MORE_TURNS = 100, MOST_TURNS = 1000, MOST_POINTS = 1500;

const state = {
  groups: [], loaded: false, group: '', filter: '', all: new Set(), range: RANGES[1],
  contact: {at: undefined, failures: 0, problem: undefined, next: 0},
  decisions: {group: '', turns: [], older: false, error: ''},
  series: {group: '', range: 0, data: undefined, error: ''},
  open: new Set(), said: {text: '', kind: '', at: 0}, forgotten: false,
};

// --- the token: in this tab only -------------------------------------------------------------------------------------------
const token = () => tab.get('weir.token');
const who = () => tab.get('weir.who');
/** A token that is wrong, or is so by now. Showing it again would only count as another attempt. */
const forget = (shown) => {
  if (token() !== shown) return;
  tab.set('weir.token', '');
  state.forgotten = true;
};

// --- drawing ---------------------------------------------------------------------------------------------------------------
const current = () => state.groups.find((group) => group.name === state.group);

const contactText = () => {
  const {at, failures, problem} = state.contact;
  if (!failures) return at ? t('contact.live', {time: clock(at)}) : t('contact.connecting');
  if (problem) return `${problem.status} ${problem.title}`;
  return at ? t('contact.lost', {time: clock(at)}) : t('contact.never');
};

const topBar = () => html('header', {},
  html('a', {class: 'skip', href: '#group-heading', 'data-action': 'skip', text: t('skip')}),
  html('h1', {text: 'weir'}),
  html('p', {class: `contact ${state.contact.failures ? 'lost' : state.contact.at ? 'live' : ''}`, text: contactText()}),
  html('div', {class: 'tools'},
    html('button', {type: 'button', 'data-action': 'token', 'aria-label': t('token.button_label', {state: t(token() ? 'token.set' : 'token.none')}), class: token() ? 'may-write' : '',
      text: t(token() ? 'token.set' : 'token.none')}),
    html('div', {class: 'switch', role: 'group', 'aria-label': t('language')}, ...LANGUAGES.map(([code, text]) =>
      html('button', {type: 'button', 'data-action': 'language', 'data-value': code, lang: code, 'aria-pressed': String(speaks() === code), text})))));

const trouble = () => {
  const {failures, problem, at} = state.contact;
  if (!failures) return html('div', {role: 'alert'});
  const detail = problem ? t('contact.refused', {detail: problem.message}) : t('contact.lost_detail', {wait: duration(state.contact.wait)});
  return html('div', {role: 'alert', class: 'banner'}, html('p', {},
    html('b', {text: problem ? contactText() : at ? t('contact.lost', {time: clock(at)}) : t('contact.never')}), '. ',
    problem?.status === 401 ? `${state.forgotten ? `${t('error.wrong_token')} ` : ''}${t('contact.needs_token')}` : detail),
  html('button', {type: 'button', 'data-action': problem?.status === 401 ? 'token' : 'retry', text: problem?.status === 401 ? t('token.title') : t('contact.retry')}));
};

const rangeText = (range) => range < 2 * DAY ? plural('charts.hours', range / HOUR) : t('charts.days', {n: number(range / DAY)});
const chartsCard = () => {
  const {data, error} = state.series;
  const empty = data && !data.at.length;
  const open = state.open.has('table');
  return html('section', {class: 'card', 'aria-labelledby': 'charts-heading', 'data-key': 'charts'},
    html('div', {class: 'heading'}, html('h3', {id: 'charts-heading', text: t('charts')}), html('span', {class: 'small dim', text: t('charts.zone', {zone: zone()})}),
      html('div', {class: 'switch', role: 'group', 'aria-label': t('charts.range')}, ...RANGES.map((range) =>
        html('button', {type: 'button', 'data-action': 'range', 'data-value': String(range), 'aria-pressed': String(state.range === range), text: rangeText(range)})))),
    error ? html('p', {class: 'problem', text: t('error.load', {detail: error})}) : '',
    empty ? html('p', {class: 'empty', text: t('charts.none')}) : !data && !error ? html('p', {class: 'empty', text: t('charts.loading')}) : '',
    html('div', {class: 'charts', 'data-keep': 'charts', 'data-key': 'plots'}),
    html('details', {'data-open': 'table', 'data-key': 'table', open}, html('summary', {text: t('charts.table')}), ...(open && data ? chartTable(data) : [])));
};

const groupPage = () => {
  const group = current();
  if (!group) return state.loaded && state.group ? [html('p', {class: 'card empty', text: t('group.gone', {group: state.group})})] : [];
  const now = Date.now();
  const last = state.decisions.group === group.name ? state.decisions.turns[0] : undefined;
  return [head(group, now), deployCard(group), chartsCard(), serversCard(group, last?.actions ?? [], now, state.all.has('servers')), decisionsCard(state)];
};

const page = () => html('div', {id: 'page'}, topBar(), trouble(),
  html('p', {class: state.said.text ? `said ${state.said.kind}` : 'hidden', role: 'status', text: state.said.text}),
  html('main', {class: state.loaded && !(state.groups.length === 1 && current()) ? 'many' : 'one'},
    html('section', {class: 'groups', 'aria-labelledby': 'groups-heading'}, html('h2', {id: 'groups-heading', class: 'overline', text: t('groups')}), groupList(state)),
    html('div', {class: 'detail'}, ...groupPage())),
  html('footer', {class: 'small dim'}, t('footer'), ' ', html('a', {href: 'v1', text: t('footer.list')})));

let charts;
const render = () => {
  document.documentElement.lang = speaks();
  document.title = state.group ? t('title.group', {group: state.group}) : 'weir';
  const focused = document.activeElement;
  morph(document.getElementById('page'), page());
  // Who is led by the keyboard need not begin at the top when the button is gone.
  if (focused?.isConnected === false) document.getElementById('group-heading')?.focus({preventScroll: true});
  const host = document.querySelector('.charts');
  if (host !== charts?.host) charts = host ? new Charts(host) : undefined;
  const {data, group, range} = state.series;
  if (charts && data && group === state.group) data.at.length ? charts.show(data, range) : charts.clear();
  else charts?.clear();
};

// --- bringing in what weir says --------------------------------------------------------------------------------------------
let asking = new AbortController();
const ask_weir = (path) => request(path, {token: token(), signal: asking.signal});

const turnsOf = (group) => state.decisions.group === group.name ? state.decisions.turns : [];

const loadDecisions = async (group) => {
  let known = turnsOf(group);
  if (known.length && known[0].at === group.last_turn) return;
  let decisions = [], meets = -1;
  for (const limit of known.length ? [12, 200] : [FIRST_TURNS]) {
    if (meets >= 0) break;
    ({decisions} = await ask_weir(`${groupPath(group.name)}/decisions?limit=${limit}`));
    known = turnsOf(group);             // older ones may have come meanwhile
    meets = decisions.findIndex((turn) => turn.at === known[0]?.at);
  }
  const older = meets < 0 ? decisions.length >= FIRST_TURNS : state.decisions.older;
  const turns = meets < 0 ? decisions : [...decisions.slice(0, meets), ...known].slice(0, MOST_TURNS);
  state.decisions = {group: group.name, turns, older, error: ''};
};

/** Adds the columns of what came since. */
const joined = (data, fresh) => {
  const before = data.at.length, count = fresh.at.length;
  const policies = [...data.policies];
  for (const policy of fresh.policies) if (!policies.some((each) => each.policy === policy.policy)) policies.push({policy: policy.policy, type: policy.type});
  const nothing = (length) => Array(length).fill(null);
  const column = (one, other) => [...(one ?? nothing(before)), ...(other ?? nothing(count))];
  const both = {group: data.group, currency: fresh.currency ?? data.currency, policies: policies.map((policy) => {
    const more = fresh.policies.find((each) => each.policy === policy.policy);
    return {policy: policy.policy, type: more?.type ?? policy.type, value: column(policy.value, more?.value), forecast: column(policy.forecast, more?.forecast), desired: column(policy.desired, more?.desired)};
  })};
  for (const name of ['at', 'desired', 'in_service', 'servers', 'min', 'max', 'per_hour']) both[name] = [...data[name], ...fresh[name]];
  return both;
};

const loadSeries = async (group) => {
  if (!group.last_turn) return;
  const {series, range} = state;
  const fits = series.group === group.name && series.range === range && series.data && series.data.at.length < MOST_POINTS;
  const last = fits ? series.data.at.at(-1) : undefined;
  if (last === group.last_turn) return;
  const since = last ?? new Date(Date.parse(group.last_turn) - range).toISOString();
  const fresh = await ask_weir(`${groupPath(group.name)}/series?since=${encodeURIComponent(since)}`);
  state.series = {group: group.name, range, data: last ? joined(series.data, fresh) : fresh, error: ''};
};

/** What cannot be had is said where it would be; without any answer the whole page is without contact. */
const part = async (load, where) => {
  try {
    await load(current());
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    where.error = error.message;
  }
};

const look = async () => {
  const {groups} = await ask_weir('v1/groups');
  if (!Array.isArray(groups)) throw new TypeError('this is not weir');
  state.groups = groups;
  state.loaded = true;
  if (!state.group && groups.length) state.group = groups[0].name;
  if (!current()) return;
  await part(loadDecisions, state.decisions);
  await part(loadSeries, state.series);
};

let timer;
const lookAgainIn = (wait) => {
  clearTimeout(timer);
  state.contact.wait = wait;
  if (!document.hidden) timer = setTimeout(turn, wait);
};

const say = (text, kind = '') => { state.said = {text, kind, at: performance.now()}; };

const turn = async () => {
  asking.abort();
  const mine = asking = new AbortController();
  const begin = performance.now(), shown = token();
  try {
    await look();
    state.contact = {at: Date.now(), failures: 0, problem: undefined};
  } catch (error) {
    if (mine.signal.aborted) return;    // a newer look has begun
    const failures = state.contact.failures + 1;
    state.contact = {at: error instanceof Problem ? Date.now() : state.contact.at, failures, problem: error instanceof Problem ? error : undefined};
  }
  if (mine.signal.aborted) return;
  if (performance.now() - state.said.at > SAID_FOR) say('');
  const {failures, problem} = state.contact;
  if (problem?.status === 401 && shown) forget(shown);
  // A large answer over a slow line is not asked for all the time.
  lookAgainIn(failures ? BACKOFF[Math.min(failures, BACKOFF.length) - 1] : Math.max(EVERY, 5 * (performance.now() - begin)));
  render();
};

// --- doing something -------------------------------------------------------------------------------------------------------
const needed = (value) => value === '' || value === undefined ? undefined : value;

const order = async (group, path, body) => {
  const shown = token();
  try {
    await request(`${groupPath(group)}${path}`, {token: shown, order: {...body, by: who() || 'web'}});
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      forget(shown);
      render();
      error.message += `. ${t('error.wrong_token')}`;
    }
    throw error;
  }
};

/** Asks, sends the order, says that it is taken. Without a token it asks for that too. The group is the one that it was opened for, also
    where another is looked at by then. */
const orderDialog = ({path, body = () => ({}), done, ...question}) => {
  const {group} = state;
  const fields = [...(question.fields ?? [])];
  if (!token()) fields.push(...tokenFields());
  const unheard = (text) => {
    say(`${question.title}: ${text}`, 'warn');
    render();
  };
  ask({...question, fields, denied: tokenFields, unheard, send: async (values) => {
    keepToken(values);
    await order(group, path, body(values));
    say(done(values, group));
    render();
    turn();
  }});
};

const tokenFields = () => [{name: 'token', label: t('token.field'), type: 'password', required: true, hint: t('token.explain')},
  {name: 'who', label: t('token.who'), value: who()}];
const keepToken = (values) => {
  if (values.token) {
    tab.set('weir.token', values.token.trim());
    state.forgotten = false;
  }
  if (values.who !== undefined) tab.set('weir.who', values.who.trim());
};

const forField = () => ({name: 'for', label: t('for'), hint: t('for.hint')});
const groupName = () => state.group;

const actions = {
  scale: () => {
    const group = current();
    orderDialog({path: '/scale', title: t('scale.title', {group: group.name}), confirm: t('scale.confirm'),
      text: t('scale.explain', {desired: group.desired ?? '–', min: group.min, max: group.max}),
      fields: [{name: 'servers', label: t('scale.servers'), type: 'number', min: 0, required: true, value: group.desired ?? group.min}, forField()],
      body: (values) => ({servers: Number(values.servers), for: needed(values.for)}),
      done: (values, name) => t('done.scale', {group: name, n: values.servers})});
  },
  pause: () => orderDialog({path: '/pause', title: t('pause.title', {group: groupName()}), text: t('pause.explain'), confirm: t('pause.confirm'),
    fields: [{name: 'direction', label: t('pause.direction'), options: ['both', 'out', 'in'].map((each) => [each, t(`pause.${each}`)])}, forField()],
    body: (values) => ({direction: values.direction, for: needed(values.for)}), done: (values, group) => t('done.pause', {group})}),
  resume: () => orderDialog({path: '/resume', title: t('resume.title', {group: groupName()}), text: t('resume.explain'), confirm: t('resume.confirm'),
    done: (values, group) => t('done.resume', {group})}),
  deploy: () => orderDialog({path: '/deploys', title: t('deploy.title', {group: groupName()}), text: t('deploy.explain', {version: current().version}), confirm: t('deploy.confirm'),
    fields: [{name: 'version', label: t('deploy.version'), required: true},
      {name: 'strategy', label: t('deploy.strategy'), options: [['', t('deploy.own')], ...['rolling', 'blue_green', 'canary'].map((each) => [each, each])]}],
    body: (values) => ({version: values.version.trim(), strategy: needed(values.strategy)}), done: (values, group) => t('done.deploy', {group, version: values.version})}),
  promote: () => {
    const {deploy} = current();
    orderDialog({path: '/deploys/current/promote', title: t('promote.title', {version: deploy.version}), text: t('promote.explain', {waits: deploy.waits ?? '–'}),
      confirm: t('promote.confirm'), done: (values, group) => t('done.promote', {group})});
  },
  abort: () => {
    const {deploy} = current();
    orderDialog({path: '/deploys/current/abort', title: t('abort.title', {version: deploy.version}), text: t('abort.explain', {from: deploy.from}),
      confirm: t('abort.confirm'), danger: isUnderWay(deploy), done: (values, group) => t('done.abort', {group})});
  },
  token: () => ask({title: t('token.title'), text: t('token.explain'), confirm: t('token.save'),
    fields: [{name: 'token', label: t('token.field'), type: 'password', required: true}, {name: 'who', label: t('token.who'), value: who()}],
    extra: token() ? {text: t('token.forget'), act: () => { tab.set('weir.token', ''); render(); }} : undefined,
    send: async (values) => { keepToken(values); turn(); render(); }}),
  language: (value) => { speak(value); render(); },
  range: (value) => { state.range = Number(value); turn(); render(); },
  retry: () => turn(),
  all: (what) => { state.all.add(what); render(); },
  skip: () => document.getElementById('group-heading')?.focus(),
  older: async () => {
    const {group, turns} = state.decisions;
    await part(async () => {
      const {decisions} = await request(`${groupPath(group)}/decisions?limit=${MORE_TURNS}&before=${encodeURIComponent(turns.at(-1).at)}`, {token: token()});
      const now = state.decisions;
      // Pressed twice, they come twice.
      if (now.group === group && now.turns.at(-1)?.at === turns.at(-1).at) state.decisions = {...now, turns: [...now.turns, ...decisions], older: decisions.length === MORE_TURNS && now.turns.length < MOST_TURNS};
    }, state.decisions).catch(() => turn());
    render();
  },
};

document.addEventListener('click', (event) => {
  const target = event.target.closest?.('[data-action]');
  if (!target) return;
  if (target.dataset.action === 'skip') event.preventDefault();
  say('');
  actions[target.dataset.action](target.dataset.value);
});
document.addEventListener('input', (event) => {
  if (event.target.dataset?.input !== 'filter') return;
  state.filter = event.target.value;
  render();
});
document.addEventListener('toggle', (event) => {
  const key = event.target.dataset?.open;
  if (!key || state.open.has(key) === event.target.open) return;
  if (event.target.open) state.open.add(key);
  else state.open.delete(key);
  render();
}, true);

const follow = () => {
  const match = /^#\/(.+)$/.exec(location.hash);
  try {
    state.group = match ? decodeURIComponent(match[1]) : '';      // '': the first one
  } catch {
    return;                     // somebody has typed it
  }
  state.decisions = {group: '', turns: [], older: false, error: ''};
  state.series = {group: '', range: 0, data: undefined, error: ''};
  state.all.delete('servers');
  say('');
};
addEventListener('hashchange', () => {
  follow();
  turn();
  render();
});
// What nobody looks at need not be asked for; who comes back sees what is so now.
document.addEventListener('visibilitychange', () => document.hidden ? clearTimeout(timer) : turn());
addEventListener('online', () => turn());

follow();
render();
turn();
