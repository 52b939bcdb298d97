// The field above a list of datasets that chooses among them by text.

import { html } from "./vendor/htm-preact.js";

export function DatasetFilter({ text, onText }) {
  return html`<div class="toolbar">
    <input
      class="grow"
      type="search"
      data-filter
      placeholder="Filter datasets  /"
      aria-label="Filter datasets"
      value=${text}
      onInput=${(event) => onText(event.target.value)}
    />
  </div>`;
}
