// What is known of one cell: value, previous value, metadata, linked file, what changed it; and its editor.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { attempt, copy } from "./dialogs.js";
import { bytes, clock, count, oneLine, pretty } from "./format.js";
import { useEvent, useLoaded } from "./hooks.js";

export function CellPanel({ session, dataset, row, column, editing, onClose }) {
  const where = api.path("datasets", dataset.datasetId);
  const [version, setVersion] = useState(0);
  const { value: cell, error } = useLoaded(
    (signal) => loadCell(where, row, column, dataset, signal),
    [where, row, column.columnId, version],
  );
  const reload = () => setVersion((before) => before + 1);
  useEvent(session, "cells", (changes) => {
    const mine = (change) =>
      change.datasetId === dataset.datasetId && change.row === row && change.columnId === column.columnId;
    if (changes.some(mine)) reload();
  });
  useEvent(session, "world", reload);
  useEvent(session, "live", reload);
  useEvent(session, "reset", reload);
  const leave = (event) => {
    if (event.key !== "Escape") return;
    focusGrid();
    if (event.target.tagName !== "TEXTAREA") onClose(); // there it discards the draft
  };

  return html`<aside class="panel" aria-label="Cell" onKeyDown=${leave}>
    <header>
      <h2 class="ellipsis"><bdi>${column.name}</bdi> <span class="muted">row ${count(row + 1)}</span></h2>
      <button class="plain icon" aria-label="Close" onClick=${onClose}>✕</button>
    </header>
    <div class="panel-body">
      ${error ? html`<p class="error-text">${error.message}</p>` : null}
      ${cell ? html`<${Cell} key=${`${row}:${column.columnId}`} where=${where} cell=${cell} editing=${editing} onSaved=${reload} />` : null}
    </div>
  </aside>`;
}

async function loadCell(where, row, column, dataset, signal) {
  const { rows } = await api.get(`${where}/rows`, { skip: row, limit: 1 }, signal);
  const position = dataset.columns.findIndex(({ columnId }) => columnId === column.columnId);
  const cell = rows[0]?.[position];
  if (!cell) throw new api.ApiError("There is no such cell any more.", 404);
  return api.get(`${where}/cells/${encodeURIComponent(cell.cellId)}`, {}, signal);
}

const focusGrid = () => document.querySelector(".grid")?.focus();

function Cell({ where, cell, editing, onSaved }) {
  return html`
    <${Editor} where=${where} cell=${cell} editing=${editing} onSaved=${onSaved} />
    <section>
      <h3>Previous value</h3>
      ${
        cell.changed
          ? html`<${Value} value=${cell.previousValue} />`
          : html`<p class="muted">Not changed in this run.</p>`
      }
    </section>
    <section>
      <h3>Cell</h3>
      <dl class="facts">
        <dt>Cell id</dt>
        <dd class="mono"><bdi>${cell.cellId}</bdi> <button class="plain small" onClick=${() => copy(cell.cellId, "cell id")}>copy</button></dd>
        <dt>Row id</dt>
        <dd class="mono">${cell.rowId}</dd>
        <dt>Column id</dt>
        <dd class="mono">${cell.columnId}</dd>
      </dl>
    </section>
    <section>
      <h3>Metadata</h3>
      ${Object.keys(cell.metadata ?? {}).length ? html`<pre class="text">${pretty(cell.metadata)}</pre>` : html`<p class="muted">None.</p>`}
    </section>
    <section>
      <h3>Linked file</h3>
      <${LinkedFile} file=${cell.linkedDatasource} />
    </section>
    <section>
      <h3>Changes <span class="muted">${cell.changed > cell.changes.length ? `newest ${cell.changes.length} of ${count(cell.changed)}` : ""}</span></h3>
      ${cell.changes.length ? html`<${Changes} changes=${cell.changes} />` : html`<p class="muted">None in this run.</p>`}
    </section>
  `;
}

function Value({ value }) {
  const kind = value === null ? "is-null" : "";
  return html`<pre class=${`text ${kind}`}>${typeof value === "string" ? value || " " : pretty(value)}</pre>`;
}

function LinkedFile({ file }) {
  if (!file) return html`<p class="muted">None.</p>`;
  return html`<dl class="facts">
    <dt>Name</dt>
    <dd>${file.fileName}</dd>
    <dt>Data source</dt>
    <dd class="mono">${file.datasourceId}</dd>
    <dt>Content</dt>
    <dd>${file.contentType}, ${bytes(file.size)}, ${file.status}</dd>
  </dl>`;
}

export function Changes({ changes, withCell = false }) {
  return html`<ol class="changes">
    ${changes.map(
      (change, index) =>
        html`<li key=${index}>
          ${change.at === null ? null : html`<span class="number muted">${clock(change.at)}</span>`}
          ${
            change.by.kind === "request"
              ? html`<a href=${`#requests/${change.by.index}`}>request ${count(change.by.index)}</a>`
              : html`<span>by hand</span>`
          }
          ${
            withCell
              ? html`<a class="mono" href=${`#data/${encodeURIComponent(change.datasetId)}/${encodeURIComponent(change.cellId)}`}>
                ${change.cellId}
              </a>`
              : null
          }
          <span class="change-values">
            ${
              change.what === "edit"
                ? html`<del>${oneLine(change.previousValue)}</del> <ins>${oneLine(change.value)}</ins>`
                : html`${change.what} <span class="mono">${change.datasourceId}</span>`
            }
          </span>
        </li>`,
    )}
  </ol>`;
}

/** The value in a box: as text, or as JSON. A draft is kept when the cell changes meanwhile. */
function Editor({ where, cell, editing, onSaved }) {
  const box = useRef(null);
  const [draft, setDraft] = useState(null); // text, or null while nothing was typed
  const [asJson, setAsJson] = useState(null); // chosen by hand, or null
  const [base, setBase] = useState(cell.changed);
  const json = asJson ?? !isPlain(cell.value);
  const present = json ? pretty(cell.value) : cell.value === null ? "" : oneLine(cell.value);
  const text = draft ?? present;
  const problem = draft !== null && json ? jsonProblem(draft) : null;
  useEffect(() => {
    if (editing) {
      box.current.focus();
      box.current.select();
    }
  }, [editing]);

  const type = (event) => {
    if (draft === null) setBase(cell.changed);
    setDraft(event.target.value);
  };
  const save = (value) =>
    attempt(async () => {
      await api.patch(`${where}/cells/${encodeURIComponent(cell.cellId)}`, { value });
      setDraft(null);
      onSaved();
    });
  const saveDraft = () => problem === null && save(json ? api.parse(text) : text);
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      saveDraft();
    }
    if (event.key === "Escape") setDraft(null);
  };
  return html`<section>
    <h3 class="row">
      <span class="grow">Value</span>
      <span class="choice" role="group" aria-label="How the value is written">
        <button aria-pressed=${json ? "false" : "true"} onClick=${() => setAsJson(false)}>text</button>
        <button aria-pressed=${json ? "true" : "false"} onClick=${() => setAsJson(true)}>JSON</button>
      </span>
    </h3>
    <textarea
      class="mono"
      ref=${box}
      aria-label="Value"
      aria-invalid=${problem ? "true" : null}
      placeholder=${cell.value === null ? "null" : ""}
      spellcheck=${false}
      value=${text}
      onInput=${type}
      onKeyDown=${keys}
    ></textarea>
    ${problem ? html`<p class="error-text small">${problem}</p>` : null}
    ${draft !== null && cell.changed !== base ? html`<p class="small error-text">It was changed meanwhile: <bdi>${oneLine(cell.value)}</bdi></p>` : null}
    <div class="row">
      <button class="primary" disabled=${draft === null || problem !== null} onClick=${saveDraft}>Save</button>
      <button disabled=${draft === null} onClick=${() => setDraft(null)}>Discard</button>
      <button disabled=${cell.value === null} onClick=${() => save(null)}>Set null</button>
      <span class="muted small grow right"><span class="key">Ctrl</span> <span class="key">Enter</span></span>
    </div>
  </section>`;
}

/** Whether a value is text that a box keeps as it is: boxes make every line end the same. */
const isPlain = (value) => value === null || (typeof value === "string" && !value.includes("\r"));

function jsonProblem(text) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error.message;
  }
}
