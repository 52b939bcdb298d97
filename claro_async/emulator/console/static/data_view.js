// Data: the datasets, the cells of one of them, and what is known of the cell that is selected.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { CellPanel } from "./cell_panel.js";
import { DatasetFilter } from "./dataset_filter.js";
import { DatasetPanel } from "./dataset_panel.js";
import { Confirm, attempt, copy, holdsFiles, say, sayError } from "./dialogs.js";
import { bytes, count, isolated, plural } from "./format.js";
import { Grid } from "./grid.js";
import { useEvent, useLoaded } from "./hooks.js";

const FILES_SHOWN = 100;

export function DataView({ session, route }) {
  const { datasets } = session.state;
  const [chosen, setChosen] = useState(null);
  const [dragged, setDragged] = useState(0);
  const [askReset, setAskReset] = useState(false);
  const [routed, routedCell] = route.rest;
  const wanted = routed ?? chosen;
  const found = datasets.find(({ datasetId }) => datasetId === wanted);
  const isGone = routed !== undefined && !found; // never another dataset in its place
  const summary = found ?? (isGone ? undefined : datasets[0]);
  const shown = useRef(null);
  if (found) shown.current = wanted;
  useEffect(() => {
    if (!isGone || shown.current !== routed) return;
    say("The dataset that was open is gone.");
    location.hash = "data";
  }, [isGone, routed]);

  const open = (datasetId) => {
    setChosen(datasetId);
    location.hash = `data/${encodeURIComponent(datasetId)}`;
  };
  const add = async (files) => {
    for (const file of files) {
      await attempt(async () => {
        const added = await api.upload(file, session.state.limits.uploadBytes);
        await session.refreshDatasets();
        open(added.datasetId);
        say(`Added ${isolated(file.name)}: ${plural(added.rowCount, "row")}, ${plural(added.columnCount, "column")}.`);
      });
    }
  };
  const drop = (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    setDragged(0);
    add([...event.dataTransfer.files]);
  };
  const reset = (form) =>
    attempt(async () => {
      await api.post("reset", { ledger: form.has("ledger"), faults: form.has("faults") });
      say("The world is what it was at the start.");
    });

  return html`<div
    class="data-view"
    onDragEnter=${(event) => holdsFiles(event) && setDragged((depth) => depth + 1)}
    onDragLeave=${(event) => holdsFiles(event) && setDragged((depth) => Math.max(0, depth - 1))}
    onDragOver=${(event) => holdsFiles(event) && event.preventDefault()}
    onDrop=${drop}
  >
    <${Sidebar}
      session=${session}
      datasets=${datasets}
      current=${summary?.datasetId}
      onOpen=${open}
      onAdd=${add}
      onReset=${() => setAskReset(true)}
    />
    ${
      summary
        ? html`<${OpenDataset} key=${summary.datasetId} session=${session} summary=${summary} cellId=${routedCell} />`
        : html`<p class="empty">
            ${isGone ? html`There is no dataset ${isolated(routed)} (any more).` : "There are no datasets. Drop a CSV, JSONL or PDF file here to add one."}
          </p>`
    }
    ${dragged > 0 ? html`<div class="drop-zone">Drop the file to add it as a dataset</div>` : null}
    ${
      askReset
        ? html`<${Confirm} title="Reset the world?" action="Reset" onConfirm=${reset} onClose=${() => setAskReset(false)}>
            <p>
              All datasets, data sources and comments become what they were when the emulator started. Edits and added
              files are lost.
            </p>
            <p><label class="inline"><input type="checkbox" name="ledger" /> Clear the log of requests, too</label></p>
            <p><label class="inline"><input type="checkbox" name="faults" /> Switch all faults off</label></p>
          <//>`
        : null
    }
  </div>`;
}

function Sidebar({ session, datasets, current, onOpen, onAdd, onReset }) {
  const [filter, setFilter] = useState("");
  const wanted = filter.toLowerCase();
  const shown = datasets.filter(({ name, datasetId }) => `${name}\n${datasetId}`.toLowerCase().includes(wanted));
  const choose = (event) => {
    onAdd([...event.target.files]);
    event.target.value = "";
  };
  return html`<aside class="sidebar" aria-label="Datasets">
    <${DatasetFilter} text=${filter} onText=${setFilter} />
    <ul class="choices">
      ${shown.map(
        (dataset) =>
          html`<li key=${dataset.datasetId}>
            <button aria-current=${dataset.datasetId === current ? "true" : null} onClick=${() => onOpen(dataset.datasetId)}>
              <span class="choice-line">
                <span class="ellipsis">${dataset.name}</span>
                ${dataset.status === "completed" ? null : html`<${Status} status=${dataset.status} />`}
              </span>
              <span class="choice-line muted small">
                <span class="ellipsis">${plural(dataset.rowCount, "row")}, ${dataset.type}</span>
                <span>${dataset.edits ? plural(dataset.edits, "edit") : ""}</span>
              </span>
            </button>
          </li>`,
      )}
      ${shown.length ? null : html`<li class="muted nothing">${filter ? "No dataset matches." : "No datasets."}</li>`}
      <${Files} session=${session} />
    </ul>
    <div class="sidebar-foot">
      <label class="button">
        Add files …
        <input type="file" class="unseen" multiple accept=".csv,.tsv,.json,.jsonl,.ndjson,.pdf,.txt" onChange=${choose} />
      </label>
      <button class="danger" onClick=${onReset}>Reset …</button>
    </div>
  </aside>`;
}

/** The data sources, newest first. */
function Files({ session }) {
  const [version, setVersion] = useState(0);
  const reload = () => setVersion((before) => before + 1);
  const { value } = useLoaded((signal) => api.get("datasources", { limit: FILES_SHOWN }, signal), [version]);
  useEvent(session, "world", reload);
  useEvent(session, "live", reload);
  useEvent(session, "reset", reload);
  if (!value?.total) return null;
  const { datasources, total } = value;
  return html`<li>
    <h2 class="choices-head">Files <span>${count(total)}</span></h2>
    <ul class="files">
      ${datasources.map(
        ({ datasourceId, fileName, size, status, contentType }) =>
          html`<li key=${datasourceId} title=${`${datasourceId}, ${contentType}`}>
            <span class="choice-line">
              <span class="ellipsis">${fileName}</span>
              ${status === "completed" ? html`<span class="muted small">${bytes(size)}</span>` : html`<${Status} status=${status} />`}
            </span>
          </li>`,
      )}
      ${total > datasources.length ? html`<li class="muted small">and ${count(total - datasources.length)} more</li>` : null}
    </ul>
  </li>`;
}

export function Status({ status }) {
  const tone = { processing: "warning", failed: "bad" }[status] ?? "";
  return html`<span class=${`tag ${tone}`}>${status}</span>`;
}

function OpenDataset({ session, summary, cellId }) {
  const where = api.path("datasets", summary.datasetId);
  const [version, setVersion] = useState(0);
  const [selected, setSelected] = useState(null);
  const [editing, setEditing] = useState(0);
  const { value: details, error } = useLoaded((signal) => api.get(where, {}, signal), [where, version]);
  const { value: routed, error: missing } = useLoaded(
    async (signal) => (cellId ? api.get(`${where}/cells/${encodeURIComponent(cellId)}`, {}, signal) : null),
    [where, cellId],
  );
  const reload = () => setVersion((before) => before + 1);
  useEvent(session, "world", ({ datasetId }) => (!datasetId || datasetId === summary.datasetId) && reload());
  useEvent(session, "reset", reload);
  useEvent(session, "live", reload);
  useEffect(() => {
    if (routed && details) setSelected({ row: routed.row, column: positionOf(details, routed.columnId) });
  }, [routed, details !== null]);
  useEffect(() => void (missing && sayError(missing)), [missing]);

  if (error && !details) return html`<p class="empty">${error.message}</p>`;
  if (!details) return html`<p class="empty">Loading …</p>`;
  const select = (cell, edit = false) => {
    setSelected(cell);
    setEditing((before) => (edit ? before + 1 : 0));
  };
  const column = selected && details.columns[selected.column];
  return html`
    <section class="data-main" aria-label=${summary.name}>
      <div class="toolbar">
        <h2 class="ellipsis">${summary.name}</h2>
        <span class="tag wide-only">${summary.type}</span>
        <${Status} status=${summary.status} />
        <span class="muted small grow ellipsis">${count(summary.rowCount)} rows × ${count(details.columns.length)} columns</span>
        <${Goto} where=${where} total=${summary.rowCount} columns=${details.columns} selected=${selected} onSelect=${select} />
        <button onClick=${() => copy(summary.datasetId, "dataset id")} title=${summary.datasetId}>Copy id</button>
      </div>
      <${Grid} session=${session} dataset=${{ ...details, rowCount: summary.rowCount }} selected=${selected} onSelect=${select} />
    </section>
    ${
      column && selected.row < summary.rowCount
        ? html`<${CellPanel}
            session=${session}
            dataset=${details}
            row=${selected.row}
            column=${column}
            editing=${editing}
            onClose=${() => setSelected(null)}
          />`
        : html`<${DatasetPanel} session=${session} dataset=${details} summary=${summary} />`
    }
  `;
}

const positionOf = (details, columnId) =>
  Math.max(
    0,
    details.columns.findIndex((column) => column.columnId === columnId),
  );

/** Go to a row by its number, or to the next cell that holds a text. */
function Goto({ where, total, columns, selected, onSelect }) {
  const [text, setText] = useState("");
  const go = (event) => {
    event.preventDefault();
    const wanted = text.trim();
    if (!wanted) return undefined;
    if (/^[\d,]+$/.test(wanted)) {
      const row = Number(wanted.replaceAll(",", "")) - 1;
      return onSelect({ row: Math.min(total - 1, Math.max(0, row)), column: selected?.column ?? 0 });
    }
    return attempt(async () => {
      const found = await api.get(`${where}/find`, { text: wanted, skip: selected ? selected.row + 1 : 0 });
      if (found.row === null) say(`No cell${selected ? " below this row" : ""} holds “${wanted}”.`);
      else onSelect({ row: found.row, column: positionOf({ columns }, found.columnId) });
    });
  };
  return html`<form class="inline" onSubmit=${go}>
    <input
      type="search"
      placeholder="Row or text"
      aria-label="Go to a row number, or to the next cell with this text"
      value=${text}
      onInput=${(event) => setText(event.target.value)}
    />
  </form>`;
}
