// The list of calls, newest first: only what is visible is drawn.

import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import { target } from "./calls.js";
import { clock, count, span, statusText, statusTone } from "./format.js";
import { useViewport } from "./hooks.js";
import { scrollToShow, windowOf } from "./virtual.js";

const ROW = 27; // pixels
const HEAD = 30;

export function CallList({ calls, names, index, onOpen }) {
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
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -calls.length,
      End: calls.length,
    };
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
        ${calls.slice(rows.first, rows.last).map(
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
        (each, position) =>
          html`${position === 1 && shown !== attempts ? "…" : ""}<${StatusTag} key=${each.index} status=${each.status} />`,
      )}
    </div>
    <div role="gridcell" class="number">${attempts.length > 1 ? span(wait) : ""}</div>
    <div role="gridcell" class="number">${span(last.seconds)}</div>
    <div role="gridcell" class="ellipsis">
      ${faults.map((kind) => html`<span class="tag fault" key=${kind}>${kind}</span> `)}
    </div>
  </div>`;
}

function StatusTag({ status }) {
  return html`<span class=${`tag ${statusTone(status)}`}>${statusText(status)}</span>`;
}
