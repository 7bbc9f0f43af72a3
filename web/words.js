// In which language the page speaks. All it says is in the tables words_*.js.
import {english} from './words_en.js';
import {korean} from './words_ko.js';
import {browser} from './keep.js';

const TABLES = {en: english, ko: korean};
export const LANGUAGES = [['en', 'English'], ['ko', '한국어']];
const REMEMBERED = 'weir.language';

const preferred = () => {
  const chosen = browser.get(REMEMBERED);
  if (Object.hasOwn(TABLES, chosen)) return chosen;
  const spoken = navigator.languages ?? [navigator.language];
  return spoken.map((each) => each.slice(0, 2).toLowerCase()).find((each) => Object.hasOwn(TABLES, each)) ?? 'en';
};

let language = preferred();
let rules = new Intl.PluralRules(language);

export const speaks = () => language;
export const speak = (chosen) => {
  language = chosen;
  rules = new Intl.PluralRules(chosen);
  browser.set(REMEMBERED, chosen);
};

/** The text with this key; `{name}` in it becomes values.name. */
export const t = (key, values = {}) => (TABLES[language][key] ?? key).replace(/\{([a-z_]+)\}/g, (_, name) => String(values[name] ?? ''));
/** Likewise, of a number of things: `key.one` or `key.other`, with `{n}`. */
export const plural = (key, n, values = {}) => t(`${key}.${rules.select(n) === 'one' ? 'one' : 'other'}`, {n: number(n), ...values});
/** The text with this key, or what it was asked about: names of phases, stages … of a newer weir. */
export const name = (family, word) => TABLES[language][`${family}.${word}`] ?? word;

/** What `make` makes, once for each language: formats are dear, and there is one in every cell of a table. */
const once = (make) => {
  const made = new Map();
  return (...of) => {
    const key = [language, ...of].join();
    if (!made.has(key)) made.set(key, make(...of));
    return made.get(key);
  };
};

const counts = once(() => new Intl.NumberFormat(language));
const measures = once(() => new Intl.NumberFormat(language, {maximumSignificantDigits: 4}));
export const number = (value) => (Number.isInteger(value) ? counts() : measures()).format(value);
const short = new Intl.NumberFormat('en', {notation: 'compact', maximumSignificantDigits: 3});
export const compact = (value) => short.format(value);
const prices = once((currency, digits) => new Intl.NumberFormat(language, {style: 'currency', currency, maximumFractionDigits: digits}));
export const money = (value, currency) => {
  try {
    return prices(currency, Math.abs(value) < 1 ? 4 : 2).format(value);
  } catch {
    return `${number(value)} ${currency}`;
  }
};

const format = (options) => {
  const times = once(() => new Intl.DateTimeFormat(language, {hourCycle: 'h23', ...options}));
  return (time) => times().format(new Date(time));
};
export const clock = format({hour: '2-digit', minute: '2-digit', second: '2-digit'});
export const dayText = format({month: 'short', day: 'numeric', timeZone: 'UTC'});
export const fullTime = format({year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short'});
const dayAndClock = format({month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit'});
/** Of today the time, else the day too. */
export const shortTime = (time) => new Date(time).toDateString() === new Date().toDateString() ? clock(time) : dayAndClock(time);

const UNITS = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];
/** To the two largest units: "2 h 5 min". */
export const duration = (milliseconds) => {
  let seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count || (unit === 'second' && !parts.length)) parts.push(t(`unit.${unit}`, {n: count}));
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ');
};
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
