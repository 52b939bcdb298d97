// What should hold of a client that edits with care, and whether it did.

import { html, useState } from "./vendor/htm-preact.js";
import { count } from "./format.js";

export function Invariants({ invariants, onFilter }) {
  const [open, setOpen] = useState(null);
  const { cellsWrittenTwice: twice, cellsInFlightTwice: overlapping, bodiesRejected: rejected } = invariants;
  const rules = [
    { name: "twice", title: "Cells written twice", number: twice.count, examples: twice.examples },
    {
      name: "overlapping",
      title: "Cells with two in flight",
      number: overlapping.count,
      examples: overlapping.examples,
    },
    {
      name: "rejected",
      title: "Bodies rejected",
      number: rejected.count,
      examples: rejected.examples.map((index) => ({ requests: [index] })),
    },
  ];
  const shown = rules.find(({ name, number }) => name === open && number);
  return html`<div class="invariants">
    <dl class="figures">
      <${Figure} title="Requests" number=${invariants.requests} />
      <${Figure} title="In flight" number=${invariants.inFlight} more=${`most ${count(invariants.maxInFlight)}`} />
      <${Figure} title="Throttled" number=${invariants.throttled} onClick=${() => onFilter({ problem: "throttled" })} />
      <${Figure} title="No reply" number=${invariants.unanswered} onClick=${() => onFilter({ problem: "dropped" })} />
      <${Figure} title="Retried" number=${invariants.retried} onClick=${() => onFilter({ problem: "retried" })} />
      ${rules.map(
        ({ name, title, number }) =>
          html`<${Figure}
            key=${name}
            title=${title}
            number=${number}
            rule
            expanded=${open === name}
            onClick=${() => setOpen(open === name ? null : name)}
          />`,
      )}
    </dl>
    ${shown ? html`<${Examples} examples=${shown.examples} />` : null}
  </div>`;
}

/** A number with its name. A rule is kept at 0. */
function Figure({ title, number, more = "", rule = false, expanded = false, onClick = null }) {
  const tone = rule ? (number ? "bad" : "good") : "";
  const value = html`${count(number)}${rule && !number ? html`<span class="check" aria-label="as it should be">✓</span>` : null}`;
  return html`<div class="figure">
    <dt>${title}</dt>
    <dd class=${tone}>
      ${onClick && number ? html`<button class="plain" aria-expanded=${rule ? String(expanded) : null} onClick=${onClick}>${value}</button>` : value}
      ${more ? html` <span class="muted small">${more}</span>` : null}
    </dd>
  </div>`;
}

function Examples({ examples }) {
  return html`<ul class="examples">
    ${examples.map(
      ({ datasetId, cellId, times, requests = [] }, index) =>
        html`<li key=${index}>
          ${
            cellId === undefined
              ? null
              : html`<a class="mono" href=${`#data/${encodeURIComponent(datasetId)}/${encodeURIComponent(cellId)}`}>${cellId}</a>`
          }
          ${times ? html`<span class="muted">${count(times)} times:</span>` : null}
          ${requests.map((each) => html`<a key=${each} href=${`#requests/${each}`}>request ${count(each)}</a> `)}
        </li>`,
    )}
  </ul>`;
}
