// The faults that are on, and those that switched themselves off.

import { html } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { attempt } from "./dialogs.js";
import { detailsText } from "./fault_kinds.js";
import { count, countdown } from "./format.js";
import { useTick } from "./hooks.js";

export function FaultList({ session, faults, refresh }) {
  useTick(1000);
  const act = (call) => () =>
    attempt(async () => {
      await call();
      await refresh();
    });
  const newest = [...faults].sort((a, b) => (a.state === "on" ? 0 : 1) - (b.state === "on" ? 0 : 1) || b.id - a.id);
  return html`<aside class="panel" aria-label="Faults">
    <header>
      <h2>Switched on <span class="muted">${count(faults.filter(({ state }) => state === "on").length)}</span></h2>
      <button disabled=${!faults.length} onClick=${act(() => api.remove("faults"))}>Remove all</button>
    </header>
    <div class="panel-body">
      ${newest.length ? null : html`<p class="muted">None. A switch, or a preset, adds one.</p>`}
      <ul class="fault-list">
        ${newest.map(
          (fault) =>
            html`<li key=${fault.id} class=${fault.state === "on" ? "" : "is-off"}>
              <div class="row">
                <b class="grow ellipsis">${fault.operation === "*" ? "all operations" : fault.operation}</b>
                <span class=${`tag ${fault.state === "on" ? "fault" : ""}`}>${fault.kind}</span>
              </div>
              <div class="muted small">${aboutFault(fault)}</div>
              <div class="row">
                <span class="grow number-left">
                  ${count(fault.hits)}${fault.times === null ? "" : ` of ${count(fault.times)}`} struck,
                  ${" "}${count(fault.seen)} seen${until(fault, session.now())}
                </span>
                ${
                  fault.kind === "stall" && fault.state === "on"
                    ? html`<button onClick=${act(() => api.post(`faults/${fault.id}/release`))}>Release</button>`
                    : null
                }
                <button onClick=${act(() => api.remove(`faults/${fault.id}`))}>${fault.state === "on" ? "Switch off" : "Remove"}</button>
              </div>
            </li>`,
        )}
      </ul>
    </div>
  </aside>`;
}

function aboutFault({ preset, probability, after, details }) {
  return [
    preset && `preset ${preset}`,
    probability < 1 && `${Math.round(probability * 1000) / 10}% of requests`,
    after > 0 && `after ${count(after)}`,
    detailsText(details),
  ]
    .filter(Boolean)
    .join(" · ");
}

function until({ state, until: end }, now) {
  if (state === "spent") return "; off: its count is reached";
  if (state === "expired") return "; off: its time is over";
  return end === null ? "" : `; ${countdown(end - now)} left`;
}
