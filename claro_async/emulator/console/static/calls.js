// The log as calls: attempts that a client made at one and the same thing stand together.

import { decoded } from "./format.js";

/**
 * Group summaries of requests by call.
 *
 * @returns calls, the one with the newest attempt first: `{call, attempts, last, wait, fault}`
 */
export function groupByCall(summaries) {
  const calls = new Map();
  for (const summary of summaries) {
    const call = calls.get(summary.call);
    if (call) call.push(summary);
    else calls.set(summary.call, [summary]);
  }
  return [...calls.entries()]
    .map(([call, attempts]) => describe(call, attempts))
    .sort((a, b) => b.last.index - a.last.index);
}

function describe(call, attempts) {
  attempts.sort((a, b) => a.index - b.index);
  return {
    call,
    attempts,
    last: attempts.at(-1),
    wait: attempts.reduce((sum, { wait }) => sum + (wait ?? 0), 0),
    faults: [...new Set(attempts.map(({ fault }) => fault).filter(Boolean))],
  };
}

/** Whether a request is among those that the filters leave; a text in a body is for the emulator to find. */
export function matches(summary, { operation, status, fault }) {
  if (operation && summary.operation !== operation) return false;
  if (fault && !(fault === "any" ? summary.fault : summary.fault === fault)) return false;
  if (!status) return true;
  if (status === "none") return summary.status === null;
  return status.endsWith("xx") ? String(summary.status ?? "")[0] === status[0] : String(summary.status) === status;
}

/** What a request was about: the ids in its path, with the name of the dataset where that is known. */
export function target({ path, query }, names) {
  const [root, ...ids] = path
    .replace(/^\/api\/v\d\//, "")
    .split("/")
    .map(decoded);
  const [id, kind, inner] = ids;
  const text =
    root === "datasets" && id ? [inner, names.get(id) ?? id].filter(Boolean).join(" in ") : ids.join("/") || root;
  return query ? `${text} ?${query}` : text;
}
