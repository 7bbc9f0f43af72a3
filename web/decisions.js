// The turns of a group, in sentences, each with its votes and stages.
import {html} from './draw.js';
import {clock, name, number, plural, shortTime, t} from './words.js';
import {when} from './view.js';

const NOT_GONE_YET = 'not gone yet';
const stepText = (step) => `${step.stage}: ${step.why}`;

/** Why a turn came out as it did: the same sentence that weir itself makes of it. */
export const reason = (turn) => {
  const {steps, actions, notes = []} = turn;
  if (turn.refused) return t('decisions.refused', {why: turn.refused});
  const held = steps.findLast((step) => step.from !== step.to);
  if (turn.previous !== turn.desired && held) return stepText(held);
  const fresh = actions.find((action) => action.why !== NOT_GONE_YET);
  if (fresh) return fresh.why;
  if (notes.length) return notes[0];
  if (held) return stepText(held);
  return actions.length ? actions[0].why : steps.length ? stepText(steps[0]) : '';
};

const isQuiet = (turn) => turn.previous === turn.desired && !turn.orders?.length && !turn.refused && turn.actions.every((action) => action.why === NOT_GONE_YET);

/** Turns without a change that follow each other are told together. Newest first, as the turns are. */
const runs = (turns) => {
  const all = [];
  for (const turn of turns) {
    const last = all.at(-1);
    if (last && isQuiet(turn) && isQuiet(last[0])) last.push(turn);
    else all.push([turn]);
  }
  return all;
};

const sentence = (run) => {
  const [turn] = run;
  if (run.length > 1) return plural('decisions.quiet', run.length, {why: reason(turn)});
  if (turn.previous !== turn.desired) return t('decisions.change', {from: number(turn.previous), to: number(turn.desired), why: reason(turn)});
  return t('decisions.stays', {n: number(turn.desired), why: reason(turn)});
};

const badge = (turn) => {
  if (turn.refused) return html('span', {class: 'badge warn', text: '!'});
  const kind = turn.desired > turn.previous ? 'out' : turn.desired < turn.previous ? 'in' : 'same';
  return html('span', {class: `badge ${kind}`, 'aria-hidden': 'true', text: kind === 'same' ? number(turn.desired) : `${number(turn.previous)} → ${number(turn.desired)}`});
};

// --- what a turn was made of -----------------------------------------------------------------------------------------------
const table = (label, columns, rows) => html('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label},
  html('table', {class: 'inner'}, html('caption', {text: label}), html('thead', {}, html('tr', {}, ...columns.map((text) => html('th', {scope: 'col', text})))),
    html('tbody', {}, ...rows)));
const row = (first, ...cells) => html('tr', {}, html('th', {scope: 'row', text: first}), ...cells.map((each) => html('td', {}, each)));

const stance = (vote) => {
  if (vote.stance === 'wants') return t('stance.wants', {n: number(vote.desired)});
  return name('stance', vote.stance);
};
const seen = (vote) => {
  if (vote.value === null && vote.forecast === undefined) return '–';
  const value = vote.value === null ? '–' : number(vote.value);
  return vote.forecast === undefined ? value : t('vote.forecast', {value, forecast: number(vote.forecast)});
};
const votes = (turn) => !turn.votes.length ? html('p', {class: 'dim', text: t('votes.none')})
  : table(t('votes'), [t('vote.policy'), t('vote.type'), t('vote.says'), t('vote.value'), t('vote.why')],
    turn.votes.map((vote) => row(vote.policy, vote.type, html('span', {class: `stance ${vote.stance}`, text: stance(vote)}), seen(vote), vote.why)));
const stages = (turn) => table(t('stages'), [t('stage.name'), t('stage.change'), t('stage.why')],
  turn.steps.map((step) => row(step.stage, step.from === step.to ? number(step.to) : html('b', {text: `${number(step.from)} → ${number(step.to)}`}), step.why)));

const list = (heading, items) => !items.length ? [] : [html('h4', {text: heading}), html('ul', {}, ...items.map((text) => html('li', {text})))];
const actionText = (action) => `${name('kind', action.kind)} ${action.address || action.server} – ${action.why}`;
const orderText = (order) => t(`order.${order.order}`, {n: order.servers, version: order.version, who: order.by ?? ''});

const details = (turn) => html('div', {class: 'turn'},
  ...list(t('turn.orders'), (turn.orders ?? []).map(orderText)),
  turn.servers_detail ? html('p', {text: t('turn.servers_detail', {detail: turn.servers_detail})}) : '',
  votes(turn), stages(turn),
  ...list(t('turn.actions'), turn.actions.map(actionText)),
  ...list(t('turn.notes'), turn.notes ?? []));

/** Drawn only while it is open: there are many. */
const expandable = (state, key, summary, content) => {
  const open = state.open.has(key);
  return html('details', {'data-open': key, 'data-key': key, open}, summary, ...(open ? content() : []));
};

const time = (run) => run.length === 1 ? when(run[0].at)
  : html('span', {class: 'span', text: t('decisions.from_to', {from: shortTime(run.at(-1).at), to: clock(run[0].at)})});

const entry = (state, run) => {
  const [turn] = run;
  const actions = turn.actions.length && !isQuiet(turn) ? html('span', {class: 'chip dim', text: plural('decisions.actions', turn.actions.length)}) : '';
  // By the oldest turn of a run: its newest changes with every turn, and what is open is to stay open.
  const key = `turn-${run.at(-1).at}`;
  const summary = html('summary', {}, time(run), badge(turn), html('span', {class: 'sentence', text: sentence(run)}), actions);
  const older = () => run.slice(1, 30).map((each) => expandable(state, `of-run-${each.at}`,
    html('summary', {}, when(each.at), html('span', {class: 'sentence', text: reason(each)})), () => [details(each)]));
  return html('li', {'data-key': key}, expandable(state, key, summary,
    () => [details(turn), ...(run.length > 1 ? [html('h4', {text: t('decisions.earlier_turns')}), ...older()] : [])]));
};

export const decisionsCard = (state) => {
  const {turns, older, error} = state.decisions;
  return html('section', {class: 'card', 'aria-labelledby': 'decisions-heading', 'data-key': 'decisions'},
    html('h3', {id: 'decisions-heading', text: t('decisions')}),
    error ? html('p', {class: 'problem', text: t('error.load', {detail: error})}) : '',
    turns.length ? html('ol', {class: 'decisions', reversed: true}, ...runs(turns).map((run) => entry(state, run))) : html('p', {class: 'empty', text: t('decisions.none')}),
    older && turns.length ? html('button', {type: 'button', 'data-action': 'older', 'data-key': 'older', text: t('decisions.more')}) : '');
};
