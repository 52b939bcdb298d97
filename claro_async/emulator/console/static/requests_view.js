// Requests: the live log by call, filters, and whether the promises about edits were kept.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { CallList } from "./call_list.js";
import { groupByCall, matches } from "./calls.js";
import { Confirm, attempt, say } from "./dialogs.js";
import { plural } from "./format.js";
import { Invariants } from "./invariants.js";
import { RequestPanel } from "./request_panel.js";

const SLICE = 500; // requests fetched at once
const SEARCH = 1000; // ms between two searches of a log that grows
const NOTHING = { text: "", operation: "", status: "", fault: "", problem: "" };

export function RequestsView({ session, route }) {
  const [filters, setFilters] = useState(NOTHING);
  const [frozen, setFrozen] = useState(null); // the log as it was, while paused
  const [askClear, setAskClear] = useState(false);
  const log = frozen ?? session;
  const found = useSearch(session, filters);
  const calls = useMemo(
    () =>
      groupByCall(log.requests.values()).filter(({ attempts }) =>
        attempts.some((each) => isShown(each, filters, found)),
      ),
    [log.version, filters, found],
  );
  const names = useMemo(
    () => new Map(session.state.datasets.map(({ datasetId, name }) => [datasetId, name])),
    [session.state.datasets],
  );
  const index = /^\d{1,15}$/.test(route.rest[0] ?? "") ? Number(route.rest[0]) : null;
  const open = (opened) => {
    location.hash = opened === null ? "requests" : `requests/${opened}`;
  };
  const pause = () =>
    setFrozen(frozen ? null : { requests: new Map(session.requests), version: `paused ${session.version}` });
  const clear = () =>
    attempt(async () => {
      await api.post("ledger/clear");
      open(null);
      say("The log is empty.");
    });
  const isFiltered = Object.values(filters).some(Boolean);

  return html`<div class="requests-view">
    <section class="requests-main" aria-label="Requests">
      <${Invariants} invariants=${session.state.invariants} onFilter=${(more) => setFilters({ ...NOTHING, ...more })} />
      <div class="toolbar">
        <${Filters} session=${session} filters=${filters} onChange=${setFilters} />
        ${isFiltered ? html`<button onClick=${() => setFilters(NOTHING)}>Clear filters</button>` : null}
        <span class="toolbar-end">
          <span class="muted small">${plural(calls.length, "call")}</span>
          <button aria-pressed=${frozen ? "true" : "false"} onClick=${pause}>${frozen ? "Go on" : "Pause"}</button>
          <button onClick=${() => setAskClear(true)}>Clear log …</button>
        </span>
      </div>
      ${
        calls.length
          ? html`<${CallList} calls=${calls} names=${names} index=${index} onOpen=${open} />`
          : html`<div class="empty">
              ${(filters.text || filters.problem) && !found ? "Searching …" : isFiltered ? "No request matches." : html`<${FirstSteps} state=${session.state} />`}
            </div>`
      }
    </section>
    ${
      index !== null
        ? html`<${RequestPanel} session=${session} index=${index} onClose=${() => open(null)} />`
        : null
    }
    ${
      askClear
        ? html`<${Confirm} title="Clear the log?" action="Clear" onConfirm=${clear} onClose=${() => setAskClear(false)}>
            <p>All requests and counts are forgotten, also by the ledger that tests read. The data stays.</p>
          <//>`
        : null
    }
  </div>`;
}

/** The indexes of all requests that are kept and match. */
async function findAll(query, signal) {
  const found = new Set();
  for (let skip = 0, total = 1; skip < total; skip += SLICE) {
    const reply = await api.get("requests", { ...query, skip, limit: SLICE }, signal);
    total = reply.total;
    for (const { index } of reply.requests) found.add(index);
  }
  return found;
}

/** The calls that the emulator finds for a text or a problem; null where neither is asked for. */
function useSearch(session, { text, problem }) {
  const [found, setFound] = useState(null);
  const last = useRef(0);
  useEffect(() => {
    if (!text && !problem) {
      last.current = 0;
      setFound(null);
      return undefined;
    }
    const controller = new AbortController();
    const search = async () => {
      last.current = performance.now();
      const indexes = await findAll({ text, problem }, controller.signal).catch(() => null);
      if (indexes) setFound(indexes);
    };
    const timer = setTimeout(search, Math.max(150, last.current + SEARCH - performance.now()));
    return () => {
      clearTimeout(timer);
      if (performance.now() - last.current > SEARCH) controller.abort();
    };
  }, [text, problem, session.version]);
  return text || problem ? found : null;
}

const isShown = (summary, filters, found) =>
  matches(summary, filters) && (filters.text || filters.problem ? (found?.has(summary.index) ?? false) : true);

function Filters({ session, filters, onChange }) {
  const { operations, miningOperations, faultKinds } = session.state;
  const set = (name) => (event) => onChange({ ...filters, [name]: event.target.value });
  const select = (name, label, options) =>
    html`<select aria-label=${label} value=${filters[name]} onChange=${set(name)}>
      <option value="">${label}</option>
      ${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
    </select>`;
  const same = (values) => values.map((value) => [value, value]);
  return html`
    <input
      type="search"
      data-filter
      class="filter-text"
      placeholder="Path, query or body  /"
      aria-label="Filter by text in path, query or body"
      value=${filters.text}
      onInput=${set("text")}
    />
    ${select("operation", "Any operation", same([...operations, "download", ...miningOperations]))}
    ${select("status", "Any status", [...same(["200", "2xx", "4xx", "429", "5xx"]), ["none", "no reply"]])}
    ${select("fault", "Any fault or none", [["any", "any fault"], ...same(Object.keys(faultKinds))])}
    ${select("problem", "Any outcome", same(["retried", "rejected", "dropped", "throttled"]))}
  `;
}

function FirstSteps({ state }) {
  return html`<p>No request has come yet. Point a client here:</p>
    <pre class="text">CLARO_BASE_URL=${state.baseUrl}</pre>`;
}
