// What is known of a dataset: shown beside the grid while no cell is selected.

import { html, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { Confirm, attempt, say } from "./dialogs.js";
import { count, isolated, moment } from "./format.js";

export function DatasetPanel({ session, dataset, summary }) {
  const where = api.path("datasets", summary.datasetId);
  const [askDelete, setAskDelete] = useState(false);
  const processing = summary.status === "processing";
  const lock = () =>
    attempt(async () => {
      await api.post(`${where}/processing`, processing ? { finish: true } : { seconds: null });
      await session.refreshDatasets();
    });
  const remove = () =>
    attempt(async () => {
      await api.remove(where);
      location.hash = "data";
      say(`Deleted ${isolated(summary.name)}.`);
      await session.refreshDatasets();
    });
  return html`<aside class="panel" aria-label="Dataset">
    <header><h2 class="ellipsis">Dataset</h2></header>
    <div class="panel-body">
      <dl class="facts">
        <dt>Id</dt>
        <dd class="mono">${summary.datasetId}</dd>
        <dt>Created</dt>
        <dd>${moment(summary.createdAt)}</dd>
        <dt>Updated</dt>
        <dd>${moment(summary.updatedAt)}</dd>
        <dt>Edits</dt>
        <dd>${count(summary.edits)} in this run</dd>
        ${summary.description ? [html`<dt>About</dt>`, html`<dd>${summary.description}</dd>`] : null}
      </dl>
      <section>
        <h3>Columns</h3>
        <table class="plain">
          <thead>
            <tr>
              <th>Name</th>
              <th>Type</th>
              <th>Task</th>
            </tr>
          </thead>
          <tbody>
            ${dataset.columns.map(
              (column) =>
                html`<tr key=${column.columnId}>
                  <td>
                    ${column.name}
                    <div class="muted mono">${column.columnId}</div>
                  </td>
                  <td>${column.type}</td>
                  <td>${column.taskType}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </section>
      <section class="row">
        <button onClick=${lock} title="While it is processing, a dataset can be read but not changed">
          ${processing ? "Finish processing" : "Set processing"}
        </button>
        <button class="danger" onClick=${() => setAskDelete(true)}>Delete …</button>
      </section>
      <p class="muted small">
        Select a cell to see its value, its history and the request that changed it. <span class="key">Enter</span> edits it.
      </p>
    </div>
    ${
      askDelete
        ? html`<${Confirm} title=${`Delete ${isolated(summary.name)}?`} action="Delete" onConfirm=${remove} onClose=${() => setAskDelete(false)}>
            <p>Its ${count(summary.rowCount)} rows are gone until the world is reset.</p>
          <//>`
        : null
    }
  </aside>`;
}
