// What the page shows of a group: its card, its head, its deploy, its servers. Text from outside becomes text nodes, nothing else.
import {html} from './draw.js';
import {clock, duration, fullTime, money, name, number, plural, shortTime, t} from './words.js';

const MOST_CARDS = 60, MOST_SERVERS = 100;
const inOrder = new Intl.Collator('en', {numeric: true}).compare;
export const PHASES = ['in_service', 'warming', 'pending', 'draining', 'terminating'];

export const when = (time) => html('time', {datetime: time, title: fullTime(time), text: shortTime(time)});
export const chip = (kind, text) => html('span', {class: `chip ${kind}`, text});
const countPhase = (group, phase) => group.servers.filter((server) => server.phase === phase).length;
export const isUnderWay = (deploy) => deploy?.end === 'none';

// --- states ----------------------------------------------------------------------------------------------------------------
const pauseState = ({pause}) => pause.out && pause.in ? 'state.paused' : pause.out ? 'state.paused_out' : 'state.paused_in';

const motion = (group) => {
  const {desired, in_service: serving, servers} = group;
  if (desired === null) return chip('dim', t('state.no_turn'));
  if (servers.length > desired || countPhase(group, 'draining')) return chip('in', t('state.shrinking'));
  if (serving < desired) return chip('out', t('state.growing'));
  return chip('good', t('state.steady'));
};
const deployState = ({deploy}) => deploy.direction === 'back' ? chip('warn', t('state.going_back', {version: deploy.from}))
  : chip('deploy', t('state.deploying', {version: deploy.version}));

export const states = (group) => {
  const chips = [];
  if (isUnderWay(group.deploy)) chips.push(deployState(group));
  if (isUnderWay(group.deploy) && group.deploy.at_checkpoint) chips.push(chip('warn', t('state.waits')));
  if (group.hold) chips.push(chip('hand', t('state.held', {n: number(group.hold.servers)})));
  if (group.pause) chips.push(chip('hand', t(pauseState(group))));
  if (!isUnderWay(group.deploy)) chips.unshift(motion(group));
  return chips;
};

/** One piece for each server, or a bar of shares where they are many. */
const fleet = (group) => {
  const total = Math.max(group.servers.length, group.desired ?? 0, 1);
  const parts = PHASES.filter((phase) => countPhase(group, phase)).map((phase) => ({phase, count: countPhase(group, phase)}));
  const missing = (group.desired ?? 0) - group.servers.length;
  if (missing > 0) parts.push({phase: 'missing', count: missing});
  const bar = html('div', {class: 'fleet', 'aria-hidden': 'true'});
  for (const {phase, count} of parts) {
    const pieces = total <= 24 ? count : 1;
    for (let piece = 0; piece < pieces; ++piece) {
      const element = html('span', {class: `piece ${phase}`});
      element.style.flexGrow = String(count / pieces);
      bar.append(element);
    }
  }
  return bar;
};

const showAll = (what, n) => html('button', {type: 'button', 'data-action': 'all', 'data-value': what, text: t('show_all', {n: number(n)})});

// --- the list of groups ----------------------------------------------------------------------------------------------------
const card = (group, selected) => html('li', {'data-key': group.name},
  html('a', {class: 'card group', href: `#/${encodeURIComponent(group.name)}`, 'aria-current': selected ? 'true' : undefined},
    html('span', {class: 'group-name', text: group.name}),
    html('span', {class: 'chips'}, ...states(group)),
    html('span', {class: 'size', title: t('group.servers_of', {in_service: group.in_service, desired: group.desired ?? '–'})},
      html('b', {text: number(group.in_service)}), html('span', {'aria-hidden': 'true', text: ` / ${group.desired === null ? '–' : number(group.desired)}`}),
      html('span', {class: 'hidden', text: ` ${t('group.servers_of', {in_service: group.in_service, desired: group.desired ?? '–'})}`})),
    fleet(group),
    html('span', {class: 'small dim', text: `${t('group.range', {min: group.min, max: group.max})} · ${group.version}`}),
    group.cost ? html('span', {class: 'small dim end', text: t('group.per_hour', {cost: money(group.cost.per_hour, group.cost.currency)})}) : ''));

export const groupList = (state) => {
  if (!state.loaded) return html('p', {class: 'dim', text: ''});
  if (!state.groups.length) return html('p', {class: 'empty', text: t('groups.none')});
  const words = state.filter.toLowerCase();
  const found = state.groups.filter((group) => group.name.toLowerCase().includes(words));
  const shown = state.all.has('groups') ? found : found.slice(0, MOST_CARDS);
  const section = html('nav', {'aria-label': t('groups')});
  if (state.groups.length > 6) {
    section.append(html('input', {type: 'search', class: 'filter', 'data-key': 'filter', 'data-input': 'filter', 'aria-label': t('groups.filter'), placeholder: t('groups.filter')}));
  }
  if (!found.length) section.append(html('p', {class: 'empty', text: t('groups.no_match')}));
  section.append(html('ul', {class: 'cards', 'data-key': 'cards'}, ...shown.map((group) => card(group, group.name === state.group))));
  if (shown.length < found.length) {
    section.append(showAll('groups', found.length));
  }
  return section;
};

// --- the head of the group that is looked at -------------------------------------------------------------------------------
const button = (action, kind = '') => html('button', {type: 'button', class: kind, 'data-action': action, 'data-key': action, text: t(`action.${action}`)});

const hand = ({hold, pause}) => {
  const told = (order, text) => html('p', {class: 'by-hand'}, text, ' · ', order.until ? t('until', {time: shortTime(order.until)}) : t('until_resumed'),
    order.by ? ` · ${t('by', {who: order.by})}` : '');
  return [...(hold ? [told(hold, t('state.held', {n: number(hold.servers)}))] : []), ...(pause ? [told(pause, t(pauseState({pause})))] : [])];
};

const tile = (key, label, value, meaning) => html('div', {'data-key': key}, html('dt', {text: label}),
  html('dd', {}, html('span', {class: 'value'}, value), meaning ? html('span', {class: 'meaning', text: meaning}) : ''));

const costTiles = ({cost}) => {
  if (!cost) return [];
  const tiles = [tile('per_hour', t('tile.per_hour'), money(cost.per_hour, cost.currency))];
  if (cost.month_to_date !== undefined) {
    const end = cost.month_end === undefined ? '' : t('tile.month_end', {cost: money(cost.month_end, cost.currency)});
    tiles.push(tile('month', t('tile.month'), money(cost.month_to_date, cost.currency), end));
  }
  return tiles;
};

const ago = (time, now) => time ? t('tile.ago', {age: duration(now - Date.parse(time))}) : t('tile.never');

const tiles = (group, now) => {
  const coming = countPhase(group, 'pending') + countPhase(group, 'warming');
  return html('dl', {class: 'tiles'},
    tile('in_service', t('tile.in_service'), number(group.in_service), coming ? t('tile.on_the_way', {n: number(coming)}) : ''),
    tile('desired', t('tile.desired'), group.desired === null ? '–' : number(group.desired)),
    tile('bounds', t('tile.bounds'), `${number(group.min)} – ${number(group.max)}`),
    tile('version', t('tile.version'), group.version),
    tile('provider', t('tile.provider'), group.provider),
    ...costTiles(group),
    tile('last_turn', t('tile.last_turn'), group.last_turn ? when(group.last_turn) : t('tile.never'), group.last_turn ? ago(group.last_turn, now) : ''),
    tile('last_change', t('tile.last_change'), group.last_change ? when(group.last_change) : t('tile.never'), group.last_change ? ago(group.last_change, now) : ''));
};

export const head = (group, now) => html('section', {class: 'card', 'aria-labelledby': 'group-heading', 'data-key': `head-${group.name}`},
  html('div', {class: 'heading'},
    html('h2', {id: 'group-heading', tabindex: '-1', text: group.name}),
    html('span', {class: 'chips'}, ...states(group)),
    html('div', {class: 'actions', role: 'group', 'aria-label': t('actions')}, button('scale'), button('pause'),
      ...(group.hold || group.pause ? [button('resume', 'strong')] : []), button('deploy'))),
  html('p', {class: 'why', text: group.why}),
  ...hand(group), tiles(group, now));

// --- the deploy ------------------------------------------------------------------------------------------------------------
const versionBar = (group, version, most) => {
  const servers = group.servers.filter((server) => server.version === version);
  const done = servers.filter((server) => server.phase === 'in_service').length;
  const text = t('deploy.progress', {version, done: number(done), all: number(servers.length)});
  const bar = fleet({servers, desired: servers.length});
  bar.style.maxWidth = `${servers.length / most * 100}%`;
  return html('div', {class: 'version', 'data-key': version}, html('span', {class: 'small', text}), bar);
};

const deployTitle = (deploy) => {
  const values = {from: deploy.from, version: deploy.version, strategy: deploy.strategy, who: deploy.by, why: deploy.why_back ?? ''};
  if (deploy.end === 'done') return t('deploy.done', {...values, time: shortTime(deploy.ended_at)});
  if (deploy.end === 'went_back') return t('deploy.went_back', {...values, time: shortTime(deploy.ended_at)});
  if (deploy.direction === 'back') return t('deploy.back', values);
  return t('deploy.under_way', {...values, time: shortTime(deploy.started_at)});
};

const hookState = (hook) => !hook.ended_at ? t('deploy.hook_running', {time: clock(hook.started_at)})
  : hook.failed ? t('deploy.hook_failed') : t('deploy.hook_done');
const hooks = (deploy) => !deploy.hooks?.length ? [] : [html('h4', {text: t('deploy.hooks')}),
  html('ul', {}, ...deploy.hooks.map((hook) => html('li', {'data-key': hook.token}, `${hook.point}: ${hookState(hook)}${hook.said ? ` – ${hook.said}` : ''}`)))];

const deployFacts = (deploy) => {
  const facts = [];
  if (deploy.waits && isUnderWay(deploy)) facts.push(t('deploy.waits', {what: deploy.waits}));
  if (deploy.share !== undefined && isUnderWay(deploy)) facts.push(t('deploy.share', {share: `${Math.round(deploy.share * 100)} %`}));
  if (deploy.failures) facts.push(plural('deploy.failures', deploy.failures, {what: deploy.last_failure ?? ''}));
  if (deploy.judge?.why) facts.push(t('deploy.judge', {why: deploy.judge.why}));
  return facts.map((text) => html('p', {text}));
};

export const deployCard = (group) => {
  const {deploy} = group;
  if (!deploy) return '';
  const under = isUnderWay(deploy);
  const versions = under ? [deploy.version, deploy.from, ...(deploy.replaced ?? [])] : [];
  const present = versions.filter((version, index) => versions.indexOf(version) === index && group.servers.some((server) => server.version === version));
  const most = Math.max(1, ...present.map((version) => group.servers.filter((server) => server.version === version).length));
  return html('section', {class: `card deploy-card${under ? ' under-way' : ''}`, 'aria-labelledby': 'deploy-heading', 'data-key': 'deploy'},
    html('div', {class: 'heading'}, html('h3', {id: 'deploy-heading', text: t('deploy.heading')}),
      under && deploy.step ? chip('dim', t('deploy.step', {n: number(deploy.step)})) : '',
      under ? html('div', {class: 'actions', role: 'group', 'aria-label': t('actions')},
        ...(deploy.direction === 'back' ? [] : [button('promote', deploy.at_checkpoint ? 'strong' : ''), button('abort', 'danger')])) : ''),
    html('p', {class: 'why', text: deployTitle(deploy)}),
    html('div', {class: 'versions'}, ...present.map((version) => versionBar(group, version, most))),
    ...deployFacts(deploy), ...hooks(deploy));
};

// --- servers ---------------------------------------------------------------------------------------------------------------
const notes = (server, because) => {
  const said = [];
  if (server.failure) said.push(t('note.failure', {detail: server.failure}));
  if (server.listed === false) said.push(t('note.unlisted'));
  if (server.phase !== 'in_service') said.push(t(`note.${server.phase}`));
  if (server.phase === 'draining' && server.connections) said.push(plural('note.connections', server.connections));
  if (server.health_detail && server.health !== 'healthy') said.push(t('note.check', {detail: server.health_detail}));
  if (server.protection) said.push(t('note.protection', {detail: server.protection}));
  if (server.overflow) said.push(t('note.overflow'));
  if (because) said.push(t('note.because', {why: because}));
  return said.join(' ');
};

const serverRow = (server, because, now) => {
  const cell = (label, ...children) => html('td', {role: 'cell', 'data-label': label}, ...children);
  const address = server.address && server.address !== server.id ? html('span', {class: 'small dim', text: ` ${server.address}`}) : '';
  return html('tr', {role: 'row', 'data-key': server.id},
    html('th', {scope: 'row', role: 'rowheader'}, server.id, address),
    cell(t('server.phase'), html('span', {class: `phase ${server.phase}`, text: name('phase', server.phase)})),
    cell(t('server.version'), html('span', {class: 'version-name', text: server.version})),
    cell(t('server.health'), html('span', {class: `health ${server.health}`, text: name('health', server.health)})),
    cell(t('server.age'), html('span', {title: fullTime(server.launched_at), text: duration(now - Date.parse(server.launched_at))})),
    cell(t('server.note'), notes(server, because)));
};

const needsALook = (server) => notes(server) !== '' || server.health === 'unhealthy';

/** `actions`: of the last turn; `all`: however many there are. */
export const serversCard = (group, actions, now, all) => {
  const because = new Map(actions.map((action) => [action.server, action.why]));
  const sorted = [...group.servers].sort((one, other) => PHASES.indexOf(one.phase) - PHASES.indexOf(other.phase) || inOrder(one.id, other.id));
  const few = all || sorted.length <= MOST_SERVERS;
  const shown = few ? sorted : [...sorted.filter(needsALook), ...sorted.filter((server) => !needsALook(server))].slice(0, MOST_SERVERS);
  const heading = (text) => html('th', {scope: 'col', role: 'columnheader', text});
  return html('section', {class: 'card', 'aria-labelledby': 'servers-heading', 'data-key': 'servers'},
    html('h3', {id: 'servers-heading', text: t('servers')}),
    group.servers.length ? html('table', {class: 'stacked', role: 'table', 'aria-labelledby': 'servers-heading'},
      html('thead', {role: 'rowgroup'}, html('tr', {role: 'row'}, ...['id', 'phase', 'version', 'health', 'age', 'note'].map((each) => heading(t(`server.${each}`))))),
      html('tbody', {role: 'rowgroup'}, ...shown.map((server) => serverRow(server, server.phase === 'in_service' ? '' : because.get(server.id), now))))
      : html('p', {class: 'empty', text: t('servers.none')}),
    ...(few ? [] : [html('p', {class: 'small dim', text: t('servers.of', {shown: number(shown.length), n: number(sorted.length)})}), showAll('servers', sorted.length)]));
};
