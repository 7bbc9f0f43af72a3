// What the web page and the page of `weir simulate --html` both draw with. The latter has it inside its one script, so `export` stands
// only at the beginning of a line here.

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

// --- elements --------------------------------------------------------------------------------------------------------------
export const fill = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};
export const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

// --- words and numbers -----------------------------------------------------------------------------------------------------
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (number) => String(number).padStart(2, '0');
const clock = (date) => `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
export const timeText = (time) => new Date(time).toISOString().slice(0, 19).replace('T', ' ');

/** The first index whose value is above the limit; values rise. */
export const after = (values, limit) => {
  let low = 0, high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
};

// --- ticks -----------------------------------------------------------------------------------------------------------------
const TIME_STEPS = [SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR,
  2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY];
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120];
const MONDAY = 4 * DAY;         // the first one after 1970 began

/** At most so many, at round times of a clock that is `offset` before that of UTC. `dayText` names a day of it. */
export const timeTicks = (begin, end, most, offset = 0, dayText = (date) => `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`) => {
  const from = begin + offset, to = end + offset;
  const step = TIME_STEPS.find((each) => (to - from) / each <= most);
  if (!step) return monthTicks(from, to, most);
  const ticks = [];
  const base = step === 7 * DAY ? MONDAY : 0;
  for (let time = Math.ceil((from - base) / step) * step + base; time <= to; time += step) {
    const date = new Date(time);
    const midnight = time % DAY === 0;
    const day = dayText(date);
    const newYear = midnight && date.getUTCMonth() === 0 && date.getUTCDate() === 1;
    const text = newYear ? String(date.getUTCFullYear()) : midnight ? day : step < MINUTE ? timeText(time).slice(11) : clock(date);
    ticks.push({time: time - offset, text, strong: newYear || (midnight && step < DAY)});
  }
  return ticks;
};
const monthTicks = (from, to, most) => {
  const months = (to - from) / (30.44 * DAY);
  const step = MONTH_STEPS.find((each) => months / each <= most) || MONTH_STEPS[MONTH_STEPS.length - 1];
  const ticks = [];
  const begin = new Date(from);
  const first = begin.getUTCFullYear() * 12 + begin.getUTCMonth();
  for (let month = Math.ceil(first / step) * step; ; month += step) {
    const time = Date.UTC(Math.floor(month / 12), month % 12);
    if (time > to) return ticks;
    if (time >= from) ticks.push({time, text: month % 12 ? MONTHS[month % 12] : String(Math.floor(month / 12)), strong: month % 12 === 0});
  }
};
export const valueTicks = (highest, most, whole) => {
  const rough = Math.max(highest / most, whole ? 1 : 0);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999) || power;
  const ticks = [];
  for (let index = 0; index * step <= highest * 1.0001; ++index) ticks.push(index * step);
  return ticks;
};
