// The grid of a dataset: only what is visible is drawn and fetched.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { count, oneLine } from "./format.js";
import { useEvent, useViewport } from "./hooks.js";
import { RowCache } from "./row_cache.js";
import { scrollToShow, windowOf } from "./virtual.js";

const ROW = 27; // pixels
const HEAD = 30;
const NUMBERS = 72; // width of the row numbers
const NARROWEST = 130;
const WIDEST = 340;
const FLASH = 2000; // ms

/**
 * A dataset's cells.
 *
 * @param dataset with `datasetId`, `columns`, `rowCount`
 * @param selected `{row, column}` or null
 * @param onSelect called with `{row, column}`, both from 0, and whether to edit
 */
export function Grid({ session, dataset, selected, onSelect }) {
  const { columns, datasetId } = dataset;
  const [scroller, viewport] = useViewport();
  const [, redraw] = useState(0);
  const cache = useMemo(
    () =>
      new RowCache(columns.length, (skip, limit, signal) =>
        api.get(api.path("datasets", datasetId) + "/rows", { skip, limit }, signal),
      ),
    [datasetId, columns.length],
  );
  const flashes = useFlashes(() => redraw((drawn) => drawn + 1));
  const total = cache.total ?? dataset.rowCount;

  useEffect(() => {
    cache.onChange = () => redraw((drawn) => drawn + 1);
    return () => cache.close();
  }, [cache]);
  useEvent(session, "world", ({ datasetId: changed }) => (!changed || changed === datasetId) && cache.refresh());
  useEvent(session, "reset", () => cache.refresh());
  useEvent(session, "live", () => cache.retry());
  useEvent(session, "cells", (changes) => {
    const byId = new Map(columns.map((column, position) => [column.columnId, position]));
    for (const change of changes) {
      const position = byId.get(change.columnId);
      if (change.datasetId !== datasetId || position === undefined) continue;
      cache.apply(change, position);
      flashes.start(`${change.row}:${position}`);
    }
  });

  const height = Math.max(0, viewport.height - HEAD);
  const width = Math.min(WIDEST, Math.max(NARROWEST, (viewport.width - NUMBERS) / columns.length));
  const rows = windowOf({ count: total, rowHeight: ROW, viewport: height, scrollTop: viewport.top });
  const across = windowOf({
    count: columns.length,
    rowHeight: width,
    viewport: Math.max(0, viewport.width - NUMBERS),
    scrollTop: viewport.left,
  });
  useEffect(() => {
    if (viewport.height) cache.show(rows.first, rows.last);
  }, [cache, rows.first, rows.last, viewport.height]);

  useLayoutEffect(() => {
    if (selected) show(scroller.current, selected, { total, columns: columns.length, width });
  }, [selected?.row, selected?.column, datasetId]);

  const shown = columns.slice(across.first, across.last);
  const lines = [];
  for (let row = rows.first; row < rows.last; row += 1) {
    lines.push(
      html`<${Line}
        key=${row}
        number=${row}
        cells=${cache.row(row)}
        first=${across.first}
        shown=${shown}
        width=${width}
        offset=${across.offset}
        selected=${selected?.row === row ? selected.column : -1}
        flashes=${flashes}
        onSelect=${onSelect}
      />`,
    );
  }
  const move = useKeys({ selected, total, columns: columns.length, page: Math.floor(height / ROW), onSelect });

  return html`<div
    class="grid"
    role="grid"
    tabindex="0"
    ref=${scroller}
    aria-label=${`Cells of ${dataset.name}`}
    aria-rowcount=${total + 1}
    aria-colcount=${columns.length + 1}
    aria-activedescendant=${selected ? cellElementId(selected.row, selected.column) : null}
    onKeyDown=${move}
  >
    <div class="grid-head" role="row" aria-rowindex="1" style=${{ width: `${NUMBERS + columns.length * width}px` }}>
      <div class="grid-number" role="columnheader">row</div>
      ${shown.map(
        (column, index) =>
          html`<div
            class="grid-cell"
            role="columnheader"
            key=${column.columnId}
            aria-colindex=${across.first + index + 2}
            title=${`${column.name} · ${column.columnId} · ${column.type} · ${column.taskType}`}
            style=${at(across.offset, index, width)}
          >
            <span class="ellipsis">${column.name}</span>
            <span class="muted small">${column.taskType === "raw" ? column.type : column.taskType}</span>
          </div>`,
      )}
    </div>
    <div class="grid-space" style=${{ height: `${rows.height}px`, width: `${NUMBERS + columns.length * width}px` }}>
      <div class="grid-lines" style=${{ transform: `translateY(${rows.offset}px)` }}>${lines}</div>
    </div>
  </div>`;
}

function Line({ number, cells, first, shown, width, offset, selected, flashes, onSelect }) {
  return html`<div class="grid-row" role="row" aria-rowindex=${number + 2}>
    <div class="grid-number" role="rowheader">${count(number + 1)}</div>
    ${shown.map((column, index) => {
      const position = first + index;
      const cell = cells?.[position];
      const flash = flashes.of(`${number}:${position}`);
      return html`<div
        key=${`${column.columnId}:${flash}`}
        id=${cellElementId(number, position)}
        role="gridcell"
        aria-colindex=${position + 2}
        aria-selected=${position === selected ? "true" : "false"}
        class=${classes(cell, flash)}
        style=${at(offset, index, width)}
        onClick=${() => onSelect({ row: number, column: position })}
        onDblClick=${() => onSelect({ row: number, column: position }, true)}
      >
        <span class="ellipsis">${cell ? valueText(cell.value) : ""}</span>
        ${cell?.linkedDatasource ? html`<span class="grid-link" title="a file is linked">file</span>` : null}
      </div>`;
    })}
  </div>`;
}

const cellElementId = (row, column) => `cell-${row}-${column}`;

const at = (offset, index, width) => ({ left: `${NUMBERS + offset + index * width}px`, width: `${width}px` });

function classes(cell, flash) {
  const names = ["grid-cell"];
  if (!cell) names.push("is-loading");
  else if (cell.value === null) names.push("is-null");
  else if (typeof cell.value === "number" || JSON.isRawJSON?.(cell.value)) names.push("is-number");
  if (cell?.changed) names.push("is-changed");
  if (flash) names.push("is-flashing");
  return names.join(" ");
}

const valueText = (value) => (value === null ? "null" : oneLine(value).slice(0, 300));

/** Which cells flash: a number for each, which grows when the cell changes again. */
function useFlashes(redraw) {
  return useMemo(() => {
    const counts = new Map();
    let timer = 0;
    const sweep = () => {
      const due = performance.now() - FLASH;
      for (const [cell, flash] of counts) if (flash.at < due) counts.delete(cell);
      timer = counts.size ? setTimeout(sweep, FLASH / 4) : 0;
      redraw();
    };
    return {
      of: (cell) => counts.get(cell)?.count ?? 0,
      start(cell) {
        counts.set(cell, { count: (counts.get(cell)?.count ?? 0) + 1, at: performance.now() });
        timer ||= setTimeout(sweep, FLASH);
        redraw();
      },
    };
  }, []);
}

function useKeys({ selected, total, columns, page, onSelect }) {
  const latest = useRef(null);
  latest.current = { selected, total, columns, page, onSelect };
  return (event) => {
    const now = latest.current;
    const { row, column } = now.selected ?? { row: 0, column: 0 };
    const moves = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      PageUp: [row - now.page, column],
      PageDown: [row + now.page, column],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? now.total - 1 : row, now.columns - 1],
    };
    if (event.key === "Escape" && now.selected) now.onSelect(null);
    const edit = event.key === "Enter" || event.key === "F2";
    if (!now.total || event.altKey || event.metaKey || !(edit || moves[event.key])) return;
    event.preventDefault();
    const [toRow, toColumn] = edit || !now.selected ? [row, column] : moves[event.key];
    now.onSelect({ row: clamp(toRow, now.total), column: clamp(toColumn, now.columns) }, edit);
  };
}

const clamp = (index, length) => Math.min(length - 1, Math.max(0, index));

function show(element, { row, column }, { total, columns, width }) {
  element.scrollTop = scrollToShow({
    count: total,
    rowHeight: ROW,
    viewport: element.clientHeight - HEAD,
    scrollTop: element.scrollTop,
    row,
  });
  element.scrollLeft = scrollToShow({
    count: columns,
    rowHeight: width,
    viewport: element.clientWidth - NUMBERS,
    scrollTop: element.scrollLeft,
    row: column,
  });
}
