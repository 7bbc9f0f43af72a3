// The charts of a group over time: one place in time for all of them, read with the pointer, and a table of the same numbers.
import {HOUR, MINUTE, after, html, svg, timeTicks, valueTicks} from './draw.js';
import {clock, compact, dayText, money, number, shortTime, speaks, t, zone} from './words.js';

const MOST_ROWS = 100;
const SHORTEST = 2 * MINUTE;
const LEFT = 44, RIGHT = 8, TOP = 8, BOTTOM = 22;
let charts = 0;

const valueText = (panel, value) => (value ?? null) === null ? '–' : panel.text(value);
const known = (values) => values.some((value) => value !== null);

/** What is drawn of a series: panels with their lines, each {name, label, values, stepped}. */
const panelsOf = (series) => {
  const line = (name, values, stepped = true) => ({name, label: t(`line.${name}`), values, stepped});
  const panels = [{key: 'servers', title: t('charts.servers'), unit: '', whole: true, wide: true, text: number,
    lines: [line('in_service', series.in_service), line('servers', series.servers), line('desired', series.desired), line('min', series.min), line('max', series.max)]}];
  for (const policy of series.policies) {
    const lines = [];
    if (known(policy.value)) lines.push(line('value', policy.value, false));
    if (known(policy.forecast)) lines.push(line('forecast', policy.forecast, false));
    const values = lines.length > 0;
    if (!values && known(policy.desired)) lines.push(line('wants', policy.desired));
    if (!lines.length) continue;
    panels.push({key: `policy-${policy.policy}`, title: policy.policy, unit: t(values ? 'charts.value' : 'charts.wants', {type: policy.type}), whole: !values, text: number, lines});
  }
  if (known(series.per_hour)) {
    panels.push({key: 'cost', title: t('charts.cost', {currency: series.currency}), unit: '', whole: false, text: (value) => money(value, series.currency), lines: [line('per_hour', series.per_hour)]});
  }
  return panels;
};

/** How far the clocks here are before UTC. */
const offsetAt = (time) => -new Date(time).getTimezoneOffset() * MINUTE;

/** Where turns are further apart than they usually are, weir did not run or has forgotten them. */
const gapsOf = (at) => {
  const apart = at.slice(1).map((time, index) => time - at[index]).sort((one, other) => one - other);
  const usual = apart[apart.length >> 1] ?? 0;
  const longest = Math.max(usual * 6, 2 * MINUTE);
  return at.slice(1).flatMap((time, index) => time - at[index] > longest ? [[at[index], time]] : []);
};

export class Charts {
  constructor(host) {
    this.host = host;
    this.series = undefined;
    this.cursor = undefined;    // the time that the pointer is at
    this.plots = [];
    new ResizeObserver(() => this.draw()).observe(host);
  }

  /** `series`: as weir tells it; `range`: milliseconds to the last turn. */
  show(series, range) {
    const shown = [series, range, speaks()];
    if (this.series && shown.every((each, index) => each === this.shown[index])) return;
    this.shown = shown;
    this.series = series;
    this.at = series.at.map((time) => Date.parse(time));
    const end = this.at.at(-1) ?? Date.now();
    this.view = [Math.min(Math.max(end - range, this.at[0] ?? 0), end - SHORTEST), end];
    this.first = Math.max(after(this.at, this.view[0]) - 1, 0);
    this.gaps = gapsOf(this.at);
    this.build();
  }
  clear() {
    this.series = undefined;
    this.plots = [];
    this.host.replaceChildren();
  }

  build() {
    const panels = panelsOf(this.series);
    const keys = panels.map((panel) => panel.key + panel.title + panel.unit + panel.lines.map((line) => line.label)).join();
    if (keys !== this.keys || !this.plots.length) {
      this.keys = keys;
      this.plots = panels.map((panel) => this.plot(panel));
      this.host.replaceChildren(...this.plots.map((plot) => plot.figure));
    }
    panels.forEach((panel, index) => { this.plots[index].panel = panel; });
    this.draw();
  }

  plot(panel) {
    const id = ++charts;
    const legend = html('ul', {class: 'legend'});
    const picture = svg('svg', {role: 'img', 'aria-label': panel.title});
    const caption = html('figcaption', {}, html('span', {class: 'panel-name', text: panel.title}), ' ', html('span', {class: 'small dim', text: panel.unit}));
    const figure = html('figure', {class: panel.wide ? 'plot wide' : 'plot'}, caption, legend, picture);
    const plot = {id, panel, figure, picture, legend, caption};
    const point = (event) => {
      const box = picture.getBoundingClientRect();
      const share = Math.min(Math.max((event.clientX - box.left - LEFT) / Math.max(box.width - LEFT - RIGHT, 1), 0), 1);
      this.cursor = this.view[0] + share * (this.view[1] - this.view[0]);
      this.point();
    };
    picture.addEventListener('pointermove', point);
    picture.addEventListener('pointerdown', point);
    picture.addEventListener('pointerleave', () => {
      this.cursor = undefined;
      this.point();
    });
    return plot;
  }

  draw() {
    if (!this.series || !this.host.clientWidth) return;
    for (const plot of this.plots) this.drawPlot(plot);
    this.point();
  }

  x(plot, time) { return LEFT + (time - this.view[0]) / (this.view[1] - this.view[0]) * (plot.width - LEFT - RIGHT); }
  y(plot, value) { return TOP + (plot.height - TOP - BOTTOM) * (1 - value / plot.most); }

  drawPlot(plot) {
    const {panel, picture, figure} = plot;
    plot.width = Math.max(figure.clientWidth - 2, 160);
    plot.height = panel.wide ? 190 : 130;
    const highest = Math.max(0, ...panel.lines.flatMap((line) => line.values.slice(this.first)).map((value) => value ?? 0));
    plot.most = panel.whole ? Math.max(highest + 0.5, 1.5) : highest * 1.08 || 1;
    picture.setAttribute('viewBox', `0 0 ${plot.width} ${plot.height}`);
    picture.setAttribute('height', plot.height);
    picture.setAttribute('aria-label', this.summary(panel));
    const clip = `clip-${plot.id}`;
    const inside = svg('g', {'clip-path': `url(#${clip})`});
    plot.cursor = svg('line', {class: 'cursor', y1: TOP, y2: plot.height - BOTTOM, visibility: 'hidden'});
    picture.replaceChildren(svg('defs', {}, svg('clipPath', {id: clip}, svg('rect', {x: LEFT, y: 0, width: plot.width - LEFT - RIGHT, height: plot.height}))),
      ...this.axes(plot), inside, plot.cursor);
    for (const [from, to] of this.gaps) {
      inside.append(svg('rect', {class: 'gap', x: this.x(plot, from), y: TOP, width: Math.max(this.x(plot, to) - this.x(plot, from), 1), height: plot.height - TOP - BOTTOM},
        svg('title', {text: t('charts.gap')})));
    }
    for (const line of panel.lines) inside.append(...this.line(plot, line));
  }

  axes(plot) {
    const {panel, width, height} = plot;
    const parts = [];
    for (const tick of valueTicks(plot.most, (height - TOP - BOTTOM) / 24, panel.whole)) {
      const y = this.y(plot, tick);
      parts.push(svg('line', {class: tick ? 'grid' : 'axis', x1: LEFT, x2: width - RIGHT, y1: y, y2: y}),
        svg('text', {x: LEFT - 6, y: y + 4, 'text-anchor': 'end', text: compact(tick)}));
    }
    const offset = offsetAt(this.view[1]);
    let free = LEFT - 14;       // labels do not run into each other
    for (const tick of timeTicks(this.view[0], this.view[1], (width - LEFT - RIGHT) / 70, offset, dayText)) {
      // Before a change of the clocks the same reading of them was another time.
      const x = this.x(plot, tick.time + offset - offsetAt(tick.time));
      if (x < LEFT || x > width - RIGHT) continue;
      parts.push(svg('line', {class: 'grid', x1: x, x2: x, y1: TOP, y2: height - BOTTOM}));
      const half = tick.text.length * 3.4;
      if (x - half < free + 6 || x + half > width) continue;
      parts.push(svg('text', {class: tick.strong ? 'day' : '', x, y: height - 6, 'text-anchor': 'middle', text: tick.text}));
      free = x + half;
    }
    return parts;
  }

  /** A path for each run of known values. */
  line(plot, {name, values, stepped}) {
    const runs = [];
    let run;
    for (let index = this.first; index < values.length; ++index) {
      if (values[index] === null) {
        run = undefined;
        continue;
      }
      const x = this.x(plot, this.at[index]).toFixed(1), y = this.y(plot, values[index]).toFixed(1);
      const apart = run && !stepped && this.gaps.some(([from]) => from === this.at[index - 1]);
      if (!run || apart) runs.push(run = {begin: x, d: `${x} ${y}`});
      else run.d += stepped ? `H${x}V${y}` : `L${x} ${y}`;
      run.end = x;
    }
    const zero = this.y(plot, 0).toFixed(1);
    const lines = [svg('path', {class: `line ${name}`, d: runs.map((each) => `M${each.d}h.01`).join('')})];
    if (name === 'in_service' || name === 'value' || name === 'per_hour') {
      lines.unshift(svg('path', {class: `area ${name}`, d: runs.map((each) => `M${each.begin} ${zero}L${each.d}H${each.end}V${zero}Z`).join('')}));
    }
    return lines;
  }

  summary(panel) {
    const [from, to] = this.view.map(shortTime);
    const main = panel.lines[0];
    const values = main.values.slice(this.first).filter((value) => value !== null);
    const title = panel.unit ? `${panel.title}, ${panel.unit}` : `${panel.title}, ${main.label}`;
    if (!values.length) return t('charts.summary_empty', {title, from, to});
    const first = t('charts.summary', {title, from, to, now: panel.text(values.at(-1)), low: panel.text(Math.min(...values)), high: panel.text(Math.max(...values))});
    return [first, ...panel.lines.slice(1).map((line) => t('charts.summary_also', {line: line.label, now: valueText(panel, line.values.at(-1))}))].join('; ');
  }

  /** What the lines are called, and what they are at where the pointer is, or else last. */
  point() {
    if (!this.series) return;
    const index = this.cursor === undefined ? this.at.length - 1 : Math.max(after(this.at, this.cursor) - 1, this.first);
    for (const plot of this.plots) {
      const items = plot.panel.lines.map((line) => {
        return html('li', {}, svg('svg', {'aria-hidden': 'true', viewBox: '0 0 18 12'}, svg('line', {class: `line ${line.name}`, x1: 0, y1: 6, x2: 18, y2: 6})),
          html('span', {text: line.label}), ' ', html('b', {text: valueText(plot.panel, line.values[index])}));
      });
      if (this.cursor !== undefined && index >= 0) items.push(html('li', {class: 'at', text: clock(this.at[index])}));
      plot.legend.replaceChildren(...items);
      plot.cursor?.setAttribute('visibility', this.cursor === undefined ? 'hidden' : 'visible');
      if (this.cursor !== undefined && plot.cursor) {
        const x = this.x(plot, this.cursor);
        plot.cursor.setAttribute('x1', x);
        plot.cursor.setAttribute('x2', x);
      }
    }
  }
}

/** The same numbers, for those who cannot or will not look at pictures. */
export const chartTable = (series) => {
  const columns = panelsOf(series).flatMap((panel) => panel.lines.map((line) => ({
    title: panel.key === 'servers' || panel.key === 'cost' ? line.label : `${panel.title}, ${line.label}`, values: line.values, panel})));
  const rows = [];
  for (let index = series.at.length - 1; index >= 0 && rows.length < MOST_ROWS; --index) {
    rows.push(html('tr', {'data-key': series.at[index]}, html('th', {scope: 'row', text: shortTime(series.at[index])}),
      ...columns.map((column) => html('td', {text: valueText(column.panel, column.values[index])}))));
  }
  return [html('p', {class: 'small dim', text: `${t('charts.table_note', {n: MOST_ROWS})} ${t('charts.zone', {zone: zone()})}`}),
    html('div', {class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': t('charts.table')},
      html('table', {class: 'inner numbers'}, html('thead', {}, html('tr', {}, ...['', ...columns.map((column) => column.title)].map((text, index) =>
        index ? html('th', {scope: 'col', text}) : html('td')))), html('tbody', {}, ...rows)))];
};

export const RANGES = [1, 6, 24, 168].map((hours) => hours * HOUR);
