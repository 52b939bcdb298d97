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
 * What remained is known in seconds with a request only. Between them it stays, until the window has ended.
 */
export function series(history, { now, seconds, limit, window }) {
  const last = Math.floor(now);
  const first = last - seconds + 1;
  const columns = [[], [], [], []];
  const bySecond = new Map(history.map((each) => [each.second, each]));
  let opened = null; // the second in which the window did
  let remaining = limit;
  const begin = Math.max(first - KEPT, Math.min(first, history[0]?.second ?? first)); // a clock may leap
  for (let second = begin; second <= last; second += 1) {
    const each = bySecond.get(second);
    if (opened !== null && second >= opened + window) [opened, remaining] = [null, limit];
    if (each?.remaining !== undefined && each.remaining !== null) {
      if (opened === null || each.remaining > remaining) opened = second;
      remaining = each.remaining;
    }
    if (second < first) continue;
    const values = [second, each?.requests ?? 0, each?.throttled ?? 0, limit === null ? null : remaining];
    values.forEach((value, column) => columns[column].push(value));
  }
  return columns;
}

/** What is left of the present window in seconds, and of its requests; all of these once it has ended. */
export function leftOf(quota, now) {
  const left = quota.resetAt === null ? 0 : Math.max(0, quota.resetAt - now);
  return { left, remaining: left > 0 ? quota.remaining : quota.limit };
}
