// Requests: the live log by call, filters, and whether the promises about edits were kept.

import { html, useEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { groupByCall, matches, target } from "./calls.js";
import { Confirm, attempt, say } from "./dialogs.js";
import { clock, count, plural, span, statusText, statusTone } from "./format.js";
import { useViewport } from "./hooks.js";
import { Invariants } from "./invariants.js";
import { RequestPanel } from "./request_panel.js";
import { scrollToShow, windowOf } from "./virtual.js";

const ROW = 27; // pixels
const HEAD = 30;
const SEARCH = 1000; // ms between two searches of a log that grows
const NOTHING = { text: "", operation: "", status: "", fault: "", problem: "" };
const PROBLEMS = { retried: "retried", rejected: "rejected", dropped: "dropped", throttled: "throttled" };

export function RequestsView({ session, route }) {
  const [filters, setFilters] = useState(NOTHING);
  const [frozen, setFrozen] = useState(null); // the log as it was, while paused
  const [askClear, setAskClear] = useState(false);
  const log = frozen ?? session;
  const found = useSearch(session, filters);
  const calls = useMemo(
    () => groupByCall(log.requests.values()).filter(({ attempts }) => attempts.some((each) => isShown(each, filters, found))),
    [log.version, filters, found],
  );
  const names = useMemo(
    () => new Map(session.state.datasets.map(({ datasetId, name }) => [datasetId, name])),
    [session.state.datasets],
  );
  const index = route.rest[0] === undefined ? null : Number(route.rest[0]);
  const open = (opened) => {
    location.hash = opened === null ? "requests" : `requests/${opened}`;
  };
  const pause = () => setFrozen(frozen ? null : { requests: new Map(session.requests), version: `paused ${session.version}` });
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
      index !== null && Number.isInteger(index)
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
      const reply = await api.get("requests", { text, problem, limit: 500 }, controller.signal).catch(() => null);
      if (reply) setFound(new Set(reply.requests.map(({ index }) => index)));
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
    ${select("status", "Any status", [
      ...same(["200", "2xx", "4xx", "429", "5xx"]),
      ["none", "no reply"],
    ])}
    ${select("fault", "Any fault or none", [["any", "any fault"], ...same(Object.keys(faultKinds))])}
    ${select("problem", "Any outcome", Object.entries(PROBLEMS))}
  `;
}

function FirstSteps({ state }) {
  return html`<p>No request has come yet. Point a client here:</p>
    <pre class="text">CLARO_BASE_URL=${state.baseUrl}</pre>`;
}

function CallList({ calls, names, index, onOpen }) {
  const [scroller, viewport] = useViewport();
  const rows = windowOf({
    count: calls.length,
    rowHeight: ROW,
    viewport: Math.max(0, viewport.height - HEAD),
    scrollTop: viewport.top,
  });
  const current = calls.findIndex(({ attempts }) => attempts.some((each) => each.index === index));
  useStay(scroller, calls);
  const goTo = (position) => {
    const wanted = Math.min(calls.length - 1, Math.max(0, position));
    const element = scroller.current;
    element.scrollTop = scrollToShow({
      count: calls.length,
      rowHeight: ROW,
      viewport: element.clientHeight - HEAD,
      scrollTop: element.scrollTop,
      row: wanted,
    });
    onOpen(calls[wanted].last.index);
  };
  const keys = (event) => {
    const page = Math.floor((viewport.height - HEAD) / ROW);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -calls.length, End: calls.length };
    if (event.key === "Escape") onOpen(null);
    if (!(event.key in steps)) return;
    event.preventDefault();
    goTo(current < 0 ? 0 : current + steps[event.key]);
  };
  return html`<div
    class="log"
    role="grid"
    tabindex="0"
    aria-label="Calls, newest first"
    aria-rowcount=${calls.length + 1}
    aria-activedescendant=${current < 0 ? null : `call-${calls[current].call}`}
    ref=${scroller}
    onKeyDown=${keys}
  >
    <div class="log-head log-row" role="row" aria-rowindex="1">
      ${["Request", "Time", "Operation", "About", "Status", "Wait", "Took", "Fault"].map(
        (title) => html`<div role="columnheader" key=${title}>${title}</div>`,
      )}
    </div>
    <div class="log-space" style=${{ height: `${rows.height}px` }}>
      <div class="log-lines" style=${{ transform: `translateY(${rows.offset}px)` }}>
        ${calls
          .slice(rows.first, rows.last)
          .map(
            (call, position) =>
              html`<${CallRow}
                key=${call.call}
                call=${call}
                about=${target(call.last, names)}
                number=${rows.first + position}
                isCurrent=${rows.first + position === current}
                onOpen=${onOpen}
              />`,
          )}
      </div>
    </div>
  </div>`;
}

/** Keep what is being read where it is while new calls come in above it. */
function useStay(scroller, calls) {
  const anchor = useRef(null);
  const newest = calls[0]?.call;
  useEffect(() => {
    const element = scroller.current;
    if (anchor.current !== null && element.scrollTop > ROW) {
      const added = calls.findIndex(({ call }) => call === anchor.current);
      if (added > 0) element.scrollTop += added * ROW;
    }
    anchor.current = newest;
  }, [newest, calls.length]);
}

function CallRow({ call, about, number, isCurrent, onOpen }) {
  const { attempts, last, wait, faults } = call;
  const shown = attempts.length > 3 ? [attempts[0], last] : attempts;
  return html`<div
    class="log-row"
    role="row"
    id=${`call-${call.call}`}
    aria-rowindex=${number + 2}
    aria-selected=${isCurrent ? "true" : "false"}
    onClick=${() => onOpen(last.index)}
  >
    <div role="gridcell" class="number muted">${count(last.index)}</div>
    <div role="gridcell" class="mono">${clock(last.receivedAt)}</div>
    <div role="gridcell" class="ellipsis">${last.operation ?? html`<span class="muted">${last.method} ${last.path}</span>`}</div>
    <div role="gridcell" class="ellipsis muted" title=${last.path}>${about}</div>
    <div role="gridcell" class="statuses">
      ${attempts.length > 1 ? html`<span class="attempts" title=${`${attempts.length} attempts`}>${attempts.length}×</span>` : null}
      ${shown.map(
        (each, position) => html`${position === 1 && shown !== attempts ? "…" : ""}<${StatusTag} key=${each.index} status=${each.status} />`,
      )}
    </div>
    <div role="gridcell" class="number">${attempts.length > 1 ? span(wait) : ""}</div>
    <div role="gridcell" class="number">${span(last.seconds)}</div>
    <div role="gridcell" class="ellipsis">
      ${faults.map((kind) => html`<span class="tag fault" key=${kind}>${kind}</span> `)}
    </div>
  </div>`;
}

export function StatusTag({ status }) {
  return html`<span class=${`tag ${statusTone(status)}`}>${statusText(status)}</span>`;
}
