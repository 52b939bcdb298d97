// How values, times and sizes are written.

const number = new Intl.NumberFormat("en-US");

export const count = (value) => (value === null || value === undefined ? "–" : number.format(value));

export const plural = (value, one, many = one + "s") => `${count(value)} ${value === 1 ? one : many}`;

const pad = (value, width = 2) => String(value).padStart(width, "0");

/** Epoch seconds as the time of day here, to the millisecond. */
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}.${pad(at.getMilliseconds(), 3)}`;
}

/** Epoch seconds as date and time here. */
export function moment(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const at = new Date(seconds * 1000);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(seconds).slice(0, 8)}`;
}

/** A span in seconds, with the unit that reads best. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
  return `${Math.floor(seconds / 60)} min ${pad(Math.round(seconds % 60))} s`;
}

/** What is left of a time, in whole seconds. */
export function countdown(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  return whole < 90 ? `${whole} s` : span(whole);
}

export function bytes(size) {
  if (size === null || size === undefined) return "–";
  if (size < 1024) return `${size} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = size / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** A cell's value as one line of text. */
export function oneLine(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A value as JSON over several lines. */
export const pretty = (value) => JSON.stringify(value, null, 2);

const TOKEN = /"(?:[^"\\]|\\.)*"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g;
const DEEPEST = 30; // steps to the right

/** JSON text over several lines, each token as it was sent; the text as it is where it is not JSON. */
export function prettyText(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  const line = (change) => {
    depth += change;
    return "\n" + "  ".repeat(Math.min(depth, DEEPEST));
  };
  return text.replace(TOKEN, (token) => {
    if (token[0] === '"') return token;
    if (token === "{" || token === "[") return token + line(1);
    if (token === "}" || token === "]") return line(-1) + token;
    if (token === ",") return token + line(0);
    if (token === ":") return ": ";
    return token.replace(/\s+/g, "");
  });
}

/** Someone's name within a sentence: letters that run from right to left stay within it. */
export const isolated = (name) => `\u2068${name}\u2069`;

/** A segment of an address, as it is where its escapes are broken. */
export function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** "good", "warning", "bad" or "": the tone of an HTTP status, or of none at all. */
export function statusTone(status) {
  if (status === null) return "bad";
  if (status === 429) return "warning";
  if (status >= 500) return "bad";
  return status >= 400 ? "warning" : "good";
}

export const statusText = (status) => (status === null ? "no reply" : String(status));
