// Mining: projects and datasets of Communications Mining, their comments, and what each token may do.

import { html, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { DatasetFilter } from "./dataset_filter.js";
import { count, oneLine, plural, pretty } from "./format.js";
import { useEvent, useLoaded } from "./hooks.js";

const SLICE = 50; // comments on a page

export function MiningView({ session, route }) {
  const [version, setVersion] = useState(0);
  const reload = () => setVersion((before) => before + 1);
  const { value: mining, error } = useLoaded((signal) => api.get("mining", {}, signal), [version]);
  useEvent(session, "world", ({ reason }) => (reason === "mining" || reason === "reset") && reload());
  useEvent(session, "reset", reload);
  useEvent(session, "live", reload);
  const [filter, setFilter] = useState("");
  if (!mining) return html`<p class="empty">${error ? error.message : "Loading …"}</p>`;

  const [project, name] = route.rest;
  const current =
    mining.datasets.find((each) => each.project === project && each.name === name) ?? mining.datasets[0];
  const wanted = filter.toLowerCase();
  const shown = mining.datasets.filter((each) =>
    `${each.project}/${each.name}\n${each.title}`.toLowerCase().includes(wanted),
  );
  return html`<div class="mining-view">
    <aside class="sidebar" aria-label="Projects">
      <${DatasetFilter} text=${filter} onText=${setFilter} />
      <div class="choices">
        ${mining.projects.map((each) => html`<${Project} key=${each.name} project=${each.name} datasets=${shown} current=${current} />`)}
      </div>
    </aside>
    ${
      current
        ? html`<${Comments} key=${current.id} dataset=${current} version=${version} />`
        : html`<p class="empty">There are no datasets.</p>`
    }
    <${Permissions} mining=${mining} dataset=${current} />
  </div>`;
}

function Project({ project, datasets, current }) {
  const own = datasets.filter((each) => each.project === project);
  return html`<section>
    <h2 class="choices-head">${project}</h2>
    <ul>
      ${own.map(
        (each) =>
          html`<li key=${each.id}>
            <a
              href=${`#mining/${api.path(each.project, each.name)}`}
              aria-current=${each === current ? "true" : null}
            >
              <span class="ellipsis">${each.title ?? each.name}</span>
              <span class="muted small"><bdi>${each.name}</bdi> · ${plural(each.comments, "comment")}</span>
            </a>
          </li>`,
      )}
      ${own.length ? null : html`<li class="muted nothing">No datasets.</li>`}
    </ul>
  </section>`;
}

function Comments({ dataset, version }) {
  const [skip, setSkip] = useState(0);
  const [opened, setOpened] = useState(null);
  const where = `mining/datasets/${api.path(dataset.project, dataset.name)}/comments`;
  const { value, error } = useLoaded(
    (signal) => api.get(where, { skip, limit: SLICE }, signal),
    [where, skip, version],
  );
  const total = value?.total ?? dataset.comments;
  const last = Math.min(total, skip + SLICE);
  return html`<section class="mining-main" aria-label="Comments">
    <div class="toolbar">
      <h2 class="grow ellipsis"><bdi>${dataset.title ?? dataset.name}</bdi> <span class="muted mono">${dataset.project}/${dataset.name}</span></h2>
      <span class="muted small">${total ? `${count(skip + 1)}–${count(last)} of ${count(total)}` : "no comments"}</span>
      <button disabled=${skip === 0} onClick=${() => setSkip(Math.max(0, skip - SLICE))}>Earlier</button>
      <button disabled=${last >= total} onClick=${() => setSkip(skip + SLICE)}>Later</button>
    </div>
    <div class="scroll">
      ${error ? html`<p class="error-text">${error.message}</p>` : null}
      <table class="plain comments">
        <thead>
          <tr>
            <th>Time, UTC</th>
            <th>Comment</th>
            <th>Labels</th>
          </tr>
        </thead>
        <tbody>
          ${value?.comments.map((each) => {
            const { comment } = each;
            const isOpen = opened === comment.uid;
            return html`<tr key=${comment.uid}>
              <td class="mono">${(comment.timestamp ?? "").slice(0, 19).replace("T", " ")}</td>
              <td>
                <button class="comment-text" aria-expanded=${String(isOpen)} onClick=${() => setOpened(isOpen ? null : comment.uid)}>
                  ${textOf(comment)}
                </button>
                <div class="muted mono">${comment.uid}</div>
                ${isOpen ? html`<pre class="text">${pretty(each)}</pre>` : null}
              </td>
              <td><${Labels} annotations=${each.annotations} predictions=${each.predictions} /></td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** The subject and body of a comment's first message, in one text. */
function textOf(comment) {
  const [message] = comment.messages ?? [];
  return [message?.subject?.text, message?.body?.text].filter(Boolean).map(oneLine).join(" — ") || "no text";
}

/** Labels that people gave, and those that the model predicts with their probability. */
function Labels({ annotations, predictions }) {
  const assigned = objects(annotations?.labels?.assigned);
  const predicted = objects(predictions?.labels);
  return html`<ul class="labels">
    ${assigned.map(({ name }) => html`<li key=${`a${name}`}><span class="tag good" title="assigned">${labelText(name)}</span></li>`)}
    ${predicted.map(
      ({ name, probability }) =>
        html`<li key=${`p${name}`}>
          <span class="tag" title="predicted">${labelText(name)}</span> <span class="muted small number">${Math.round(probability * 100)}%</span>
        </li>`,
    )}
  </ul>`;
}

/** What a seed may have in place of labels is left out. */
const objects = (labels) => (Array.isArray(labels) ? labels.filter((each) => each && typeof each === "object") : []);

const labelText = (name) => (Array.isArray(name) ? name.join(" > ") : oneLine(name));

function Permissions({ mining, dataset }) {
  return html`<aside class="panel" aria-label="Permissions">
    <header><h2>Dataset and permissions</h2></header>
    <div class="panel-body" tabindex="0" role="group" aria-label="Dataset and permissions">
      ${
        dataset
          ? html`<dl class="facts">
              <dt>Id</dt>
              <dd class="mono">${dataset.id}</dd>
              <dt>Model</dt>
              <dd>${dataset.modelFamily}${dataset.hasSentiment ? ", with sentiment" : ""}</dd>
              <dt>Sources</dt>
              <dd class="mono">${dataset.sourceIds.join(", ") || "none"}</dd>
              <dt>Model tags</dt>
              <dd>${dataset.modelTags.map((tag) => oneLine(tag.name ?? tag)).join(", ") || "none"}</dd>
              <dt>Created</dt>
              <dd>${dataset.created}</dd>
              <dt>Changed</dt>
              <dd>${dataset.lastModified}</dd>
              ${dataset.description ? [html`<dt>About</dt>`, html`<dd>${dataset.description}</dd>`] : null}
            </dl>`
          : null
      }
      <section>
        <h3>Tokens</h3>
        <table class="plain">
          <thead>
            <tr>
              <th>Token</th>
              <th>May</th>
              <th>Projects</th>
            </tr>
          </thead>
          <tbody>
            ${mining.grants.map(
              (grant) =>
                html`<tr key=${grant.number}>
                  <td>${grant.number}</td>
                  <td>${mining.permissions.every((each) => grant.permissions.includes(each)) ? "everything" : grant.permissions.join(", ") || "nothing"}</td>
                  <td>${grant.projects === null ? "all" : grant.projects.join(", ")}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </section>
      <section>
        <h3>What an operation needs</h3>
        <table class="plain">
          <tbody>
            ${Object.entries(mining.operations).map(
              ([operation, permission]) =>
                html`<tr key=${operation}>
                  <td>${operation.replace("mining.", "")}</td>
                  <td>${permission}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </section>
    </div>
  </aside>`;
}
