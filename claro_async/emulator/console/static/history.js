// The seconds of the last minutes: requests, throttled ones, and what remained.

const KEPT = 600; // seconds

/** Put seconds into a history; counts only grow, so the higher one of a second is the newer. */
export function merge(history, more) {
  const bySecond = new Map(history.map((each) => [each.second, each]));
  for (const each of more) {
    const before = bySecond.get(each.second);
    if (!before || sum(before) <= sum(each)) bySecond.set(each.second, each);
  }
  const merged = [...bySecond.values()].sort((a, b) => a.second - b.second);
  const oldest = (merged.at(-1)?.second ?? 0) - KEPT;
  return merged.filter(({ second }) => second > oldest);
}

const sum = ({ requests, throttled }) => requests + throttled;

/**
 * The columns of a plot, a value for each second up to now.
 *
 * What remained is known in seconds with a request only; between them it stays, and a window that ended is full again.
 */
export function series(history, { now, seconds, limit, window }) {
  const end = Math.floor(now);
  const bySecond = new Map(history.map((each) => [each.second, each]));
  const times = [];
  const requests = [];
  const throttled = [];
  const remaining = [];
  let known = history.filter(({ second }) => second < end - seconds + 1).at(-1) ?? null;
  for (let second = end - seconds + 1; second <= end; second += 1) {
    const each = bySecond.get(second);
    known = each ?? known;
    times.push(second);
    requests.push(each?.requests ?? 0);
    throttled.push(each?.throttled ?? 0);
    remaining.push(limit === null ? null : remainingAt(second, known, limit, window));
  }
  return [times, requests, throttled, remaining];
}

function remainingAt(second, known, limit, window) {
  if (!known || known.remaining === null) return limit;
  return second - known.second >= window ? limit : known.remaining;
}
