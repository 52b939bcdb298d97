// Quota: how much of the rate limit's window is left, what came in the last minutes, and another limit.

import { html, useEffect, useMemo, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { attempt, say } from "./dialogs.js";
import { count, countdown, span } from "./format.js";
import { leftOf, merge, series } from "./history.js";
import { useEvent, useTick } from "./hooks.js";
import { Plot } from "./plot.js";

const SPANS = [
  [60, "1 min"],
  [300, "5 min"],
  [600, "10 min"],
];

export function QuotaView({ session }) {
  useTick(1000);
  const { quota } = session.state;
  const [history, setHistory] = useState([]);
  const [seconds, setSeconds] = useState(300);
  const load = () =>
    attempt(async () => {
      const loaded = await api.get("quota");
      setHistory((before) => merge(before, loaded.history));
    });
  useEffect(() => void load(), []);
  useEvent(session, "quota", (newer) => setHistory((before) => merge(before, newer.history)));
  useEvent(session, "live", load);
  useEvent(session, "reset", () => {
    setHistory([]);
    load();
  });

  const now = session.now();
  const hasLimit = quota.limit !== null;
  const columns = useMemo(
    () => series(history, { now, seconds, limit: quota.limit, window: quota.window }),
    [history, Math.floor(now), seconds, quota.limit, quota.window],
  );
  const sum = (column) => column.reduce((total, value) => total + value, 0);

  return html`<div class="quota-view">
    <section class="quota-side" aria-label="This window">
      <${Meter} quota=${quota} now=${now} />
      <${Limits} key=${`${quota.limit}:${quota.window}`} session=${session} quota=${quota} />
    </section>
    <section class="quota-plot" aria-label="The last minutes">
      <div class="toolbar">
        <h2 class="grow">
          The last ${SPANS.find(([each]) => each === seconds)[1]}
          <span class="muted" data-summary> ${count(sum(columns[1]))} let through, ${count(sum(columns[2]))} throttled</span>
        </h2>
        <span class="choice" role="group" aria-label="Time shown">
          ${SPANS.map(
            ([each, title]) =>
              html`<button key=${each} aria-pressed=${each === seconds ? "true" : "false"} onClick=${() => setSeconds(each)}>${title}</button>`,
          )}
        </span>
      </div>
      <${Plot} columns=${columns} hasLimit=${hasLimit} />
    </section>
  </div>`;
}

function Meter({ quota, now }) {
  if (quota.limit === null) {
    return html`<div>
      <h2>No limit</h2>
      <p class="muted">Every request is let through. Set a limit below to see how a client paces itself.</p>
    </div>`;
  }
  const { left, remaining } = leftOf(quota, now);
  return html`<div class="meter">
    <h2>Remaining in this window</h2>
    <p class="meter-number"><b data-remaining>${count(remaining)}</b> of ${count(quota.limit)}</p>
    <meter min="0" max=${quota.limit} low=${quota.limit * 0.1} value=${remaining} aria-label="Remaining requests"></meter>
    <dl class="facts">
      <dt>Used</dt>
      <dd>${count(left > 0 ? quota.used : 0)}</dd>
      <dt>Resets in</dt>
      <dd>${left > 0 ? countdown(left) : "opens with the next request"}</dd>
      <dt>Rate</dt>
      <dd>${count(Math.round((quota.limit / quota.window) * 100) / 100)} requests a second</dd>
    </dl>
  </div>`;
}

function Limits({ session, quota }) {
  const [limit, setLimit] = useState(quota.limit === null ? "" : String(quota.limit));
  const [window, setWindow] = useState(String(quota.window));
  const apply = (event) => {
    event.preventDefault();
    return attempt(async () => {
      const changed = await api.patch("quota", {
        limit: limit === "" ? null : Number(limit),
        window: Number(window),
      });
      session.update({ quota: { ...changed, history: undefined } });
      say(
        changed.limit === null
          ? "There is no limit now."
          : `The limit is ${count(changed.limit)} in ${span(changed.window)} now.`,
      );
    });
  };
  return html`<form class="limits" onSubmit=${apply}>
    <h2>Change it</h2>
    <label class="field">
      Requests a window
      <input type="number" min="1" step="1" placeholder="no limit" value=${limit} onInput=${(event) => setLimit(event.target.value)} />
    </label>
    <label class="field">
      Window, seconds
      <input type="number" min="0.1" step="any" required value=${window} onInput=${(event) => setWindow(event.target.value)} />
    </label>
    <div class="row">
      <button type="submit" class="primary">Apply</button>
      <button type="button" onClick=${() => setLimit("")}>No limit</button>
    </div>
    <p class="muted small">What was used in the running window stays used.</p>
  </form>`;
}
