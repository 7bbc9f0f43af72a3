// Draws the charts and the tables of decisions, with what stands before it: web/draw.js. Text from outside comes in as JSON and goes out as
// text nodes, nothing else.
(() => {
  'use strict';

  const MARKER_PITCH = 20;        // decisions nearer to each other than so many pixels become one marker
  const TOOLTIP_DECISIONS = 6;
  const ROWS_FIRST = 20, ROWS_MORE = 500;
  const NARROWEST_VIEW = 10 * SECOND;

  // --- words and numbers -----------------------------------------------------------------------------------------------------
  const shortTime = (time) => timeText(time).slice(0, 16);
  const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 3});
  const plain = new Intl.NumberFormat('en', {maximumSignificantDigits: 4});
  const count = new Intl.NumberFormat('en');
  const plural = (number, noun) => `${count.format(number)} ${noun}${number === 1 ? '' : 's'}`;

  // --- one simulation --------------------------------------------------------------------------------------------------------
  /** Seconds from the beginning become milliseconds of the clock. */
  const prepare = (given) => {
    const times = (seconds) => Float64Array.from(seconds, (each) => given.from + each * SECOND);
    const {moments, decisions, faults, deploys, gaps} = given;
    moments.t = times(moments.t);
    decisions.t = times(decisions.t);
    faults.from = times(faults.from);
    faults.to = times(faults.to);
    deploys.from = times(deploys.from);
    deploys.to = times(deploys.to);
    gaps.from = times(gaps.from);
    gaps.to = times(gaps.to);
    given.end = Math.max(given.to, moments.t.at(-1) ?? given.from, given.from + SECOND);
    return given;
  };

  const changeText = (decisions, index) => `${decisions.from[index]} → ${decisions.to[index]}`;
  const direction = (decisions, index) => decisions.to[index] >= decisions.from[index] ? 'out' : 'in';

  class Chart {
    constructor(simulation, host, number) {
      this.simulation = simulation;
      this.number = number;
      this.view = [simulation.from, simulation.end];
      this.watchers = [];
      this.focused = 0;           // index of the decision whose marker is in the order of the tab key
      this.build(host);
      new ResizeObserver(() => this.draw()).observe(this.plot);
    }

    build(host) {
      const button = (text, label, action) => html('button', {type: 'button', text, 'aria-label': label, title: label, onclick: action});
      this.earlier = button('←', 'Earlier', () => this.pan(-0.5));
      this.later = button('→', 'Later', () => this.pan(0.5));
      this.closer = button('+', 'Zoom in', () => this.zoom(0.5));
      this.farther = button('−', 'Zoom out', () => this.zoom(2));
      this.reset = button('Reset', 'Show everything', () => this.setView(this.simulation.from, this.simulation.end));
      this.range = html('p', {class: 'view grow', 'aria-live': 'polite'});
      this.readout = html('p', {class: 'readout', text: 'Point at the chart to read it; drag across to zoom.'});
      this.tooltip = html('div', {class: 'tooltip', role: 'tooltip', id: `tooltip-${this.number}`, hidden: true});
      this.svg = svg('svg', {role: 'group', 'aria-label': `Load, capacity and servers of ${this.simulation.title} over time`});
      this.plot = html('div', {class: 'plot'}, this.svg, this.tooltip);
      host.append(html('div', {class: 'bar'}, this.range, this.earlier, this.later, this.closer, this.farther, this.reset),
        this.legend(), this.readout, this.plot);
      this.tooltip.addEventListener('pointerenter', () => clearTimeout(this.leaving));
      this.tooltip.addEventListener('pointerleave', () => this.hideTooltipSoon());
      this.listen();
    }

    legend() {
      const {faults, deploys, gaps, moments, decisions} = this.simulation;
      const line = (name) => svg('svg', {'aria-hidden': 'true', viewBox: '0 0 18 12'}, svg('line', {class: name, x1: 0, y1: 6, x2: 18, y2: 6}));
      const box = (name) => svg('svg', {'aria-hidden': 'true', viewBox: '0 0 18 12'}, svg('rect', {class: name, x: 1, y: 0, width: 16, height: 12}));
      const shape = (name, d) => svg('svg', {class: 'marker ' + name, 'aria-hidden': 'true', viewBox: '-9 -6 18 12'}, svg('path', {class: 'glyph', d}));
      const item = (picture, text) => html('li', {}, picture, html('span', {text}));
      const items = [item(line('load-line'), 'load'), item(line('capacity-line'), 'capacity, servers in service'),
        item(line('desired-line'), 'desired'), item(line('launched-line'), 'launched')];
      if (decisions.to.some((_, index) => direction(decisions, index) === 'out')) items.push(item(shape('out', TRIANGLES.out), 'scaled out'));
      if (decisions.to.some((_, index) => direction(decisions, index) === 'in')) items.push(item(shape('in', TRIANGLES.in), 'scaled in'));
      if (moments.violated.some((each) => each > 0)) items.push(item(box('violation band'), 'load above capacity'));
      if (faults.what.length) items.push(item(this.hatchedBox(), 'fault'));
      if (deploys.what.length) items.push(item(box('deploy'), 'deploy'));
      if (gaps.from.length) items.push(item(box('gap'), 'not recorded'));
      return html('ul', {class: 'legend', 'aria-label': 'Legend'}, ...items);
    }

    hatch(id) {
      return svg('defs', {}, svg('pattern', {id, width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)'},
        svg('line', {class: 'hatch', x1: 0, y1: 0, x2: 0, y2: 7})));
    }
    hatchedBox() {
      const id = `hatch-legend-${this.number}`;
      return svg('svg', {'aria-hidden': 'true', viewBox: '0 0 18 12'}, this.hatch(id), svg('rect', {x: 1, width: 16, height: 12, fill: `url(#${id})`}));
    }

    // --- what is shown -------------------------------------------------------------------------------------------------------
    setView(from, to) {
      const {simulation} = this;
      const whole = simulation.end - simulation.from;
      const width = Math.min(whole, Math.max(to - from, Math.min(NARROWEST_VIEW, whole)));
      const begin = Math.min(Math.max(from, simulation.from), simulation.end - width);
      this.view = [begin, begin + width];
      this.hideTooltip();
      this.draw();
      for (const watcher of this.watchers) watcher(this);
    }
    pan(share) {
      const width = this.view[1] - this.view[0];
      this.setView(this.view[0] + share * width, this.view[1] + share * width);
    }
    zoom(factor, around = (this.view[0] + this.view[1]) / 2) {
      const width = (this.view[1] - this.view[0]) * factor;
      const share = (around - this.view[0]) / (this.view[1] - this.view[0]);
      this.setView(around - share * width, around + (1 - share) * width);
    }

    measure() {
      const width = Math.max(this.plot.clientWidth, 200);
      const narrow = width < 520;
      this.left = narrow ? 38 : 48;
      this.right = width - (narrow ? 6 : 12);
      const {faults, deploys} = this.simulation;
      this.upper = {top: faults.what.length + deploys.what.length ? 38 : 24, height: narrow ? 150 : 210};
      this.laneTop = this.upper.top + this.upper.height + 10;
      this.laneHeight = 24;
      this.lower = {top: this.laneTop + this.laneHeight + 28, height: narrow ? 90 : 120};
      this.bottom = this.lower.top + this.lower.height;
      this.width = width;
      this.height = this.bottom + 24;
    }
    x(time) { return this.left + (time - this.view[0]) / (this.view[1] - this.view[0]) * (this.right - this.left); }
    timeAt(x) { return this.view[0] + (x - this.left) / (this.right - this.left) * (this.view[1] - this.view[0]); }
    inside(x) { return Math.min(Math.max(x, this.left), this.right); }

    draw() {
      if (!this.plot.clientWidth) return;
      const active = document.activeElement;
      const refocus = active && active.classList.contains('marker') && this.svg.contains(active);
      this.measure();
      const {moments} = this.simulation;
      this.first = Math.max(after(moments.t, this.view[0]) - 1, 0);
      this.last = Math.min(after(moments.t, this.view[1]) + 1, moments.t.length);
      this.svg.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
      this.svg.setAttribute('height', this.height);
      const clip = `clip-${this.number}`;
      const dense = this.last - this.first > (this.right - this.left) * 0.7;
      const clipped = svg('g', {'clip-path': `url(#${clip})`, class: dense ? 'dense' : undefined});
      this.scale();
      this.drawBands(clipped);
      this.drawLoad(clipped);
      this.drawServers(clipped);
      this.cursor = svg('line', {class: 'cursor', y1: this.upper.top, y2: this.bottom, visibility: 'hidden'});
      this.selection = svg('rect', {class: 'selection', y: this.upper.top, height: this.bottom - this.upper.top, visibility: 'hidden'});
      this.markers = svg('g', {role: 'group', 'aria-label': 'Decisions; arrow keys go from one to the next'});
      this.svg.replaceChildren(
        svg('defs', {}, svg('clipPath', {id: clip}, svg('rect', {x: this.left, y: 0, width: this.right - this.left, height: this.height}))),
        this.hatch(`hatch-${this.number}`), this.axes(), clipped, this.bandNames(), this.cursor, this.selection,
        svg('rect', {class: 'hit', x: this.left, y: this.upper.top, width: this.right - this.left, height: this.bottom - this.upper.top, fill: 'transparent'}),
        this.markers);
      this.drawMarkers();
      if (refocus) this.markers.querySelector('[tabindex="0"]')?.focus();
      const whole = this.view[0] <= this.simulation.from && this.view[1] >= this.simulation.end;
      this.range.textContent = `${shortTime(this.view[0])} to ${shortTime(this.view[1])} UTC`;
      this.reset.disabled = this.farther.disabled = whole;
      this.earlier.disabled = this.view[0] <= this.simulation.from;
      this.later.disabled = this.view[1] >= this.simulation.end;
    }

    highest(...columns) {
      let most = 0;
      for (const column of columns) {
        for (let index = this.first; index < this.last; ++index) if (column[index] > most) most = column[index];
      }
      return most;
    }

    scale() {
      const {moments} = this.simulation;
      const room = 1.06;
      this.upper.most = this.highest(moments.load, moments.capacity) * room || 1;
      this.lower.most = Math.max(this.highest(moments.desired, moments.in_service, moments.launched) * room, 1.5);
      for (const panel of [this.upper, this.lower]) panel.y = (value) => panel.top + panel.height * (1 - value / panel.most);
    }
    axes() {
      const group = svg('g', {'aria-hidden': 'true'});
      this.panel(group, this.upper, 'Load and capacity', valueTicks(this.upper.most, this.upper.height / 38, false));
      this.panel(group, this.lower, 'Servers', valueTicks(this.lower.most, this.lower.height / 26, true));
      group.append(svg('rect', {class: 'lane', x: this.left, y: this.laneTop, width: this.right - this.left, height: this.laneHeight, rx: 4}));
      let free = this.left;       // labels do not run into each other
      for (const tick of timeTicks(this.view[0], this.view[1], (this.right - this.left) / 62)) {
        const x = this.x(tick.time);
        group.append(svg('line', {class: 'grid', x1: x, x2: x, y1: this.upper.top, y2: this.upper.top + this.upper.height}),
          svg('line', {class: 'grid', x1: x, x2: x, y1: this.lower.top, y2: this.bottom}));
        const half = tick.text.length * 3.4;
        if (x - half < free - 6 || x + half > this.width) continue;
        group.append(svg('text', {class: tick.strong ? 'day' : '', x, y: this.bottom + 16, 'text-anchor': 'middle', text: tick.text}));
        free = x + half + 8;
      }
      return group;
    }
    panel(group, panel, name, ticks) {
      for (const tick of ticks) {
        const y = panel.y(tick);
        group.append(svg('line', {class: tick ? 'grid' : 'axis', x1: this.left, x2: this.right, y1: y, y2: y}),
          svg('text', {x: this.left - 6, y: y + 4, 'text-anchor': 'end', text: compact.format(tick)}));
      }
      group.append(svg('text', {class: 'panel-name', x: 0, y: panel.top - (panel === this.upper ? this.upper.top - 14 : 10), text: name}));
    }

    band(group, name, from, to, panel, least = 1, extra = {}) {
      if (to < this.view[0] || from > this.view[1]) return;
      const x = this.inside(this.x(from));
      group.append(svg('rect', {class: name, x, y: panel.top, width: Math.max(this.inside(this.x(to)) - x, least), height: panel.height, ...extra}));
    }
    drawBands(group) {
      const {gaps, faults, deploys} = this.simulation;
      for (let index = 0; index < gaps.from.length; ++index) {
        for (const panel of [this.upper, this.lower]) this.band(group, 'gap', gaps.from[index], gaps.to[index], panel);
      }
      for (let index = 0; index < deploys.what.length; ++index) {
        for (const panel of [this.upper, this.lower]) this.band(group, 'deploy', deploys.from[index], deploys.to[index], panel, 2);
      }
      for (let index = 0; index < faults.what.length; ++index) {
        for (const panel of [this.upper, this.lower]) {
          this.band(group, 'fault', faults.from[index], faults.to[index], panel, 2, {fill: `url(#hatch-${this.number})`});
          this.band(group, 'fault-edge', faults.from[index], faults.from[index], panel);
        }
      }
      this.drawViolations(group);
    }
    drawViolations(group) {
      const {moments} = this.simulation;
      for (let index = this.first; index < this.last; ++index) {
        if (!(moments.violated[index] > 0)) continue;
        let end = index + 1;
        while (end < this.last && moments.violated[end] > 0) ++end;
        const from = moments.t[index], to = moments.t[end] ?? this.simulation.end;
        this.band(group, 'violation band', from, to, this.upper, 1.5);
        this.band(group, 'violation edge', from, to, {top: this.upper.top, height: 4}, 2);  // seen however short it is
        index = end;
      }
    }
    bandNames() {
      const group = svg('g', {'aria-hidden': 'true'});
      const {faults, deploys} = this.simulation;
      const names = [...faults.what.map((what, index) => ({name: 'fault-name', what, from: faults.from[index], to: faults.to[index]})),
        ...deploys.what.map((what, index) => ({name: 'deploy-name', what, from: deploys.from[index], to: deploys.to[index]}))];
      let free = this.left;       // names do not run into each other
      for (const {name, what, from, to} of names.sort((one, other) => one.from - other.from)) {
        if (to < this.view[0] || from > this.view[1]) continue;
        const text = what.length > 34 ? what.slice(0, 33) + '…' : what;
        const width = text.length * 6.8;
        const x = Math.min(Math.max(this.inside(this.x(from)), free), this.right - width);
        if (x < free) continue;
        group.append(svg('text', {class: name, x, y: this.upper.top - 6, text}));
        free = x + width + 12;
      }
      return group;
    }

    /** Lines from value to value, one for each run of known values. Stepped: each holds until the next. */
    runs(values, panel, stepped) {
      const {moments, end} = this.simulation;
      const runs = [];
      let run;
      for (let index = this.first; index < this.last; ++index) {
        if (values[index] === null) {
          run = undefined;
          continue;
        }
        const x = this.x(moments.t[index]).toFixed(1), y = panel.y(values[index]).toFixed(1);
        if (!run) runs.push(run = {begin: x, d: `${x} ${y}`});
        else run.d += stepped ? `H${x}V${y}` : `L${x} ${y}`;
        run.end = x;
      }
      if (run && this.last === moments.t.length) {
        run.end = this.x(end).toFixed(1);
        run.d += `H${run.end}`;
      }
      return runs;
    }
    line(name, runs) { return svg('path', {class: name, d: runs.map((run) => 'M' + run.d).join('')}); }
    area(name, runs, panel) {
      const zero = panel.y(0);
      return svg('path', {class: name, d: runs.map((run) => `M${run.begin} ${zero}L${run.d}H${run.end}V${zero}Z`).join('')});
    }
    drawLoad(group) {
      const {load, capacity} = this.simulation.moments;
      const runs = this.runs(load, this.upper, false);
      group.append(this.area('load-area', runs, this.upper), this.line('capacity-line', this.runs(capacity, this.upper, true)),
        this.line('load-line', runs));
    }
    drawServers(group) {
      const {in_service: service, launched, desired} = this.simulation.moments;
      const runs = this.runs(service, this.lower, true);
      group.append(this.area('service-area', runs, this.lower), this.line('launched-line', this.runs(launched, this.lower, true)),
        this.line('service-line', runs), this.line('desired-line', this.runs(desired, this.lower, true)));
    }

    // --- decisions -----------------------------------------------------------------------------------------------------------
    /** Decisions in view, neighbours together: [first, past the last]. */
    clusters() {
      const {t} = this.simulation.decisions;
      const begin = after(t, this.view[0] - 1), end = after(t, this.view[1]);
      const clusters = [];
      for (let index = begin; index < end; ++index) {
        const cluster = clusters.at(-1);
        if (cluster && this.x(t[index]) - this.x(t[cluster[0]]) < MARKER_PITCH) cluster[1] = index + 1;
        else clusters.push([index, index + 1]);
      }
      return clusters;
    }
    drawMarkers() {
      const clusters = this.clusters();
      const holder = clusters.findIndex(([first, end]) => this.focused >= first && this.focused < end);
      clusters.forEach((cluster, index) => this.markers.append(this.marker(cluster, index === Math.max(holder, 0))));
    }
    marker([first, end], inTabOrder) {
      const {decisions} = this.simulation;
      const many = end - first > 1;
      const x = this.inside((this.x(decisions.t[first]) + this.x(decisions.t[end - 1])) / 2);
      const name = many ? 'many' : direction(decisions, first);
      const glyph = many ? svg('circle', {class: 'glyph', r: 9}) : svg('path', {class: 'glyph', d: TRIANGLES[name]});
      const marker = svg('g', {class: `marker ${name}`, transform: `translate(${x.toFixed(1)} ${this.laneTop + this.laneHeight / 2})`,
        tabindex: inTabOrder ? '0' : '-1', role: many ? 'button' : 'img', 'aria-label': this.markerLabel(first, end)},
      svg('circle', {class: 'halo', r: 11}), svg('rect', {x: -7, y: -12, width: 14, height: 24, fill: 'transparent'}), glyph);
      if (many) marker.append(svg('text', {y: 3.5, text: end - first > 99 ? compact.format(end - first) : String(end - first)}));
      marker.cluster = [first, end];
      marker.addEventListener('pointerenter', () => this.showTooltip(marker));
      marker.addEventListener('pointerleave', () => this.hideTooltipSoon());
      marker.addEventListener('focus', () => this.focusMarker(marker));
      marker.addEventListener('blur', () => this.hideTooltip());
      marker.addEventListener('click', () => many && this.openCluster(marker));
      marker.addEventListener('keydown', (event) => this.markerKey(event, marker));
      return marker;
    }
    markerLabel(first, end) {
      const {decisions} = this.simulation;
      if (end - first === 1) return `${timeText(decisions.t[first])} UTC: ${changeText(decisions, first)} servers, ${decisions.why[first]}`;
      return `${plural(end - first, 'decision')} from ${timeText(decisions.t[first])} to ${timeText(decisions.t[end - 1])} UTC, ` +
        `${decisions.from[first]} → ${decisions.to[end - 1]} servers; Enter shows them apart`;
    }
    focusMarker(marker) {
      this.focused = marker.cluster[0];
      for (const each of this.markers.children) each.setAttribute('tabindex', each === marker ? '0' : '-1');
      this.showTooltip(marker);
    }
    openCluster(marker) {
      const {decisions} = this.simulation;
      const [first, end] = marker.cluster;
      const span = decisions.t[end - 1] - decisions.t[first];
      this.focused = first;
      this.setView(decisions.t[first] - span * 0.1 - 2 * SECOND, decisions.t[end - 1] + span * 0.1 + 2 * SECOND);
      this.markers.querySelector('[tabindex="0"]')?.focus();
    }
    markerKey(event, marker) {
      const siblings = [...this.markers.children];
      const here = siblings.indexOf(marker);
      const target = {ArrowLeft: siblings[here - 1], ArrowRight: siblings[here + 1], Home: siblings[0], End: siblings.at(-1)}[event.key];
      if (target) target.focus();
      else if (event.key === 'Escape') this.hideTooltip();
      else if ((event.key === 'Enter' || event.key === ' ') && marker.cluster[1] - marker.cluster[0] > 1) this.openCluster(marker);
      else return;
      event.preventDefault();
    }

    decisionLines([first, end]) {
      const {decisions} = this.simulation;
      const shown = Math.min(end, first + TOOLTIP_DECISIONS);
      const lines = [];
      if (end - first > 1) {
        lines.push(html('p', {}, html('span', {class: 'change', text: `${plural(end - first, 'decision')}: ${decisions.from[first]} → ${decisions.to[end - 1]}`})));
      }
      for (let index = first; index < shown; ++index) {
        lines.push(html('p', {}, html('span', {class: 'when', text: timeText(decisions.t[index]) + ' UTC'}), ' ',
          html('span', {class: 'change ' + direction(decisions, index), text: changeText(decisions, index)}), html('br'), decisions.why[index]));
      }
      if (end > shown) lines.push(html('p', {class: 'when', text: `… and ${count.format(end - shown)} more; select to zoom in`}));
      return lines;
    }
    showTooltip(marker) {
      clearTimeout(this.leaving);
      this.opened?.classList.remove('open');
      this.opened?.removeAttribute('aria-describedby');
      this.opened = marker;
      marker.classList.add('open');
      marker.setAttribute('aria-describedby', this.tooltip.id);
      this.tooltip.replaceChildren(...this.decisionLines(marker.cluster));
      this.tooltip.hidden = false;
      const box = marker.getBoundingClientRect(), plot = this.plot.getBoundingClientRect();
      const left = box.left - plot.left + box.width / 2 - this.tooltip.offsetWidth / 2;
      this.tooltip.style.left = `${Math.max(0, Math.min(left, this.plot.clientWidth - this.tooltip.offsetWidth))}px`;
      this.tooltip.style.top = `${this.laneTop + this.laneHeight + 6}px`;
    }
    hideTooltip() {
      clearTimeout(this.leaving);
      this.tooltip.hidden = true;
      this.opened?.classList.remove('open');
      this.opened?.removeAttribute('aria-describedby');
      this.opened = undefined;
    }
    /** Time to move the pointer into the tooltip. What has the focus keeps it. */
    hideTooltipSoon() {
      clearTimeout(this.leaving);
      if (this.opened && this.opened === document.activeElement) return;
      this.leaving = setTimeout(() => this.hideTooltip(), 150);
    }

    // --- pointing ------------------------------------------------------------------------------------------------------------
    listen() {
      const place = (event) => this.inside(event.clientX - this.svg.getBoundingClientRect().left);
      this.svg.addEventListener('pointerdown', (event) => {
        if (event.button !== 0 || !event.target.classList.contains('hit')) return;
        this.dragged = place(event);
        this.svg.setPointerCapture(event.pointerId);
      });
      this.svg.addEventListener('pointermove', (event) => {
        const x = place(event);
        this.read(x);
        if (this.dragged === undefined) return;
        fill(this.selection, {x: Math.min(x, this.dragged), width: Math.abs(x - this.dragged), visibility: 'visible'}, []);
      });
      this.svg.addEventListener('pointerup', (event) => {
        if (this.dragged === undefined) return;
        const [from, to] = [this.dragged, place(event)].sort((one, other) => one - other);
        this.stopDragging();
        if (to - from > 4) this.setView(this.timeAt(from), this.timeAt(to));
      });
      this.svg.addEventListener('pointercancel', () => this.stopDragging());
      this.svg.addEventListener('pointerleave', () => this.cursor.setAttribute('visibility', 'hidden'));
      this.svg.addEventListener('dblclick', () => this.setView(this.simulation.from, this.simulation.end));
    }
    stopDragging() {
      this.dragged = undefined;
      this.selection.setAttribute('visibility', 'hidden');
    }
    read(x) {
      const {moments, faults, deploys, gaps} = this.simulation;
      const time = this.timeAt(x);
      fill(this.cursor, {x1: x, x2: x, visibility: 'visible'}, []);
      const index = after(moments.t, time) - 1;
      if (index < 0) return;
      const load = moments.load[index], capacity = moments.capacity[index];
      const busy = load !== null && capacity > 0 ? ` (${Math.round(load / capacity * 100)} %)` : '';
      const parts = [['', timeText(time) + ' UTC'], ['load ', load === null ? '–' : plain.format(load) + busy],
        ['capacity ', capacity === null ? '–' : plain.format(capacity)], ['desired ', moments.desired[index]],
        ['in service ', moments.in_service[index]], ['launched ', moments.launched[index]]];
      const covers = (from, to) => from <= time && time <= to;
      if (gaps.from.some((from, each) => covers(from, gaps.to[each]))) parts.push(['', 'not recorded']);
      faults.what.forEach((what, each) => covers(faults.from[each], faults.to[each]) && parts.push(['fault ', what]));
      deploys.what.forEach((what, each) => covers(deploys.from[each], deploys.to[each]) && parts.push(['deploy ', `${what}, ${deploys.end[each]}`]));
      this.readout.replaceChildren(...parts.flatMap(([name, value], each) => [each ? ' · ' : '', name, html('b', {text: value})]));
    }

    /** Shows one decision in the middle of the chart, with its reason. */
    showDecision(index) {
      const time = this.simulation.decisions.t[index];
      const width = Math.min(this.view[1] - this.view[0], 6 * HOUR);
      this.focused = index;
      this.setView(time - width / 2, time + width / 2);
      this.plot.scrollIntoView({block: 'center'});
      this.markers.querySelector('[tabindex="0"]')?.focus({preventScroll: true});
    }
  }
  const TRIANGLES = {out: 'M0 -6L6.5 5H-6.5Z', in: 'M0 6L6.5 -5H-6.5Z'};

  // --- the table -------------------------------------------------------------------------------------------------------------
  class DecisionTable {
    constructor(chart, host, open) {
      this.chart = chart;
      this.decisions = chart.simulation.decisions;
      const total = this.decisions.why.length;
      if (!total) {
        host.append(html('h3', {text: 'No decisions'}), html('p', {class: 'empty', text: 'The number of servers was never changed.'}));
        return;
      }
      const details = html('details', {open}, html('summary', {text: plural(total, 'decision')}));
      host.append(details);
      const changed = () => {
        this.most = ROWS_FIRST;
        this.show();
      };
      this.search = html('input', {type: 'search', placeholder: 'Filter by reason or time', 'aria-label': 'Filter decisions by reason or time', oninput: changed});
      this.which = html('select', {'aria-label': 'Which decisions', onchange: changed}, html('option', {value: '', text: 'Out and in'}),
        html('option', {value: 'out', text: 'Out only'}), html('option', {value: 'in', text: 'In only'}));
      this.visible = html('input', {type: 'checkbox', onchange: changed});
      this.status = html('p', {class: 'dim', role: 'status'});
      this.body = html('tbody', {role: 'rowgroup'});
      this.more = html('button', {type: 'button', onclick: () => {
        this.most += ROWS_MORE;
        this.show();
      }});
      // The roles: a narrow screen shows the rows as blocks, and blocks are no table by themselves.
      const heading = (text) => html('th', {scope: 'col', role: 'columnheader', text});
      details.append(html('div', {class: 'bar'}, html('div', {class: 'grow'}, this.search), this.which, html('label', {}, this.visible, 'Only what the chart shows')),
        html('table', {class: 'table', role: 'table', 'aria-label': `Decisions of ${chart.simulation.title}`},
          html('thead', {role: 'rowgroup'}, html('tr', {role: 'row'}, heading('Time (UTC)'), heading('Servers'), heading('Why'))), this.body),
        this.status, this.more);
      chart.watchers.push(() => this.visible.checked && changed());
      changed();
    }

    matches(index, words) {
      const {t, why} = this.decisions;
      if (this.which.value && direction(this.decisions, index) !== this.which.value) return false;
      if (this.visible.checked && (t[index] < this.chart.view[0] || t[index] > this.chart.view[1])) return false;
      return !words || why[index].toLowerCase().includes(words) || timeText(t[index]).includes(words) || changeText(this.decisions, index).includes(words);
    }
    row(index) {
      const cell = (attributes, ...children) => html('td', {role: 'cell', ...attributes}, ...children);
      const time = timeText(this.decisions.t[index]);
      return html('tr', {role: 'row'},
        cell({}, html('button', {type: 'button', text: time, title: 'Show in the chart', onclick: () => this.chart.showDecision(index)})),
        cell({class: 'change ' + direction(this.decisions, index), text: changeText(this.decisions, index)}),
        cell({text: this.decisions.why[index]}));
    }
    show() {
      const words = this.search.value.trim().toLowerCase();
      const rows = [];
      let found = 0;
      for (let index = 0; index < this.decisions.why.length; ++index) {
        if (!this.matches(index, words)) continue;
        if (found++ < this.most) rows.push(this.row(index));
      }
      this.body.replaceChildren(...rows);
      this.status.textContent = found ? `Showing ${count.format(rows.length)} of ${plural(found, 'decision')}` : 'No decision matches';
      this.more.hidden = found <= rows.length;
      this.more.textContent = `Show ${count.format(Math.min(ROWS_MORE, found - rows.length))} more`;
    }
  }

  // --- the page --------------------------------------------------------------------------------------------------------------
  const simulations = JSON.parse(document.getElementById('data').textContent).map(prepare);
  const charts = simulations.map((simulation, index) => {
    const section = document.getElementById(`simulation-${index}`);
    const chart = new Chart(simulation, section.querySelector('.chart'), index);
    new DecisionTable(chart, section.querySelector('.decisions'), simulations.length === 1);  // several: charts near each other
    return chart;
  });

  /** Charts of the same time are looked at together. */
  const sameTime = simulations.every((each) => each.from === simulations[0].from && each.to === simulations[0].to);
  let following = false;
  const follow = (leader) => {
    if (following) return;
    following = true;
    for (const chart of charts) if (chart !== leader) chart.setView(...leader.view);
    following = false;
  };
  if (sameTime) for (const chart of charts) chart.watchers.push(follow);
})();
