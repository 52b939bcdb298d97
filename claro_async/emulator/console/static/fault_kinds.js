// The faults that have a switch of their own: what each is called, and what the emulator is asked for.

/** In the order of the columns; `details` is made of the settings above the switches. */
export const SWITCHES = [
  {
    name: "throttle",
    title: "429",
    about: "The rate limit says no",
    kind: "rate_limit",
    details: ({ retryAfter }) => ({ retry_after: retryAfter }),
  },
  {
    name: "error-before",
    title: "5xx",
    about: "A server error; nothing was changed",
    kind: "status",
    details: ({ status }) => ({ status, apply: false }),
  },
  {
    name: "error-after",
    title: "5xx, applied",
    about: "A server error after the change was made",
    kind: "status",
    details: ({ status }) => ({ status, apply: true }),
  },
  {
    name: "drop-before",
    title: "Dropped",
    about: "The connection is reset; nothing was changed",
    kind: "reset",
    details: () => ({ apply: false }),
  },
  {
    name: "drop-after",
    title: "Dropped, applied",
    about: "The connection is reset after the change was made",
    kind: "reset",
    details: () => ({ apply: true }),
  },
  {
    name: "slow",
    title: "Slow",
    about: "The reply waits",
    kind: "slow",
    details: ({ delay, jitter }) => ({ delay, jitter }),
  },
  {
    name: "truncate",
    title: "Cut body",
    about: "The body ends before its length",
    kind: "truncate",
    details: () => ({}),
  },
  {
    name: "stuck",
    title: "Stuck",
    about: "The dataset stays in processing",
    kind: "stuck_processing",
    details: () => ({}),
  },
  {
    name: "late",
    title: "Applied late",
    about: "504 at once, and the change is made later",
    kind: "late",
    details: ({ delay }) => ({ delay, status: 504 }),
  },
];

/** Whether a fault that is on belongs to a switch; an orderly close is a dropped reply, too. */
export function belongs(fault, { kind, name }) {
  const isKind = fault.kind === kind || (fault.kind === "disconnect" && kind === "reset");
  return isKind && (!name.includes("-") || Boolean(fault.details.apply) === name.endsWith("after"));
}

/** The settings with which the page begins. */
export const SETTINGS = {
  share: 100,
  after: 0,
  end: "times",
  times: 10,
  seconds: 60,
  status: 503,
  retryAfter: 1,
  delay: 1,
  jitter: 0.5,
};

/** What is sent to switch a fault on. */
export function request(operation, { kind, details }, settings) {
  return {
    operation,
    kind,
    probability: settings.share / 100,
    after: settings.after,
    times: settings.end === "times" ? settings.times : null,
    seconds: settings.end === "seconds" ? settings.seconds : null,
    details: details(settings),
  };
}

/** A fault's details as words. */
export const detailsText = (details) =>
  Object.entries(details)
    .map(
      ([name, value]) =>
        `${name.replaceAll("_", " ")} ${typeof value === "string" ? value : JSON.stringify(value)}`,
    )
    .join(", ");
