// One request: the attempts of its call, headers, body, reply, what it changed, and copies of it to run.

import { html, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { Changes } from "./cell_panel.js";
import { attempt, copy } from "./dialogs.js";
import { bytes, clock, count, prettyText, span, statusTone, statusText } from "./format.js";
import { useLoaded } from "./hooks.js";

const FORMS = { curl: "curl", python: "Python", pytest: "pytest" };

export function RequestPanel({ session, index, onClose }) {
  const known = session.requests.get(index);
  const attempts = known ? session.attempts(known.call) : 0;
  const { value: request, error } = useLoaded(
    (signal) => api.get(`requests/${index}`, {}, signal),
    [index, attempts, known?.status],
  );
  return html`<aside class="panel" aria-label="Request" onKeyDown=${(event) => event.key === "Escape" && onClose()}>
    <header>
      <h2 class="ellipsis">Request ${count(index)}</h2>
      <button class="plain icon" aria-label="Close" onClick=${onClose}>✕</button>
    </header>
    <div class="panel-body">
      ${error ? html`<p class="error-text">${error.status === 404 ? "This request is no longer kept." : error.message}</p>` : null}
      ${request ? html`<${Request} key=${request.index} request=${request} />` : null}
    </div>
  </aside>`;
}

function Request({ request }) {
  return html`
    <section>
      <p class="request-line mono">
        <b>${request.method}</b> <bdi>${request.path}${request.query ? `?${request.query}` : ""}</bdi>
      </p>
      <dl class="facts">
        <dt>Operation</dt>
        <dd>${request.operation ?? "none: an unknown path"}</dd>
        <dt>Status</dt>
        <dd><span class=${`tag ${statusTone(request.status)}`}>${statusText(request.status)}</span> ${request.code ?? ""}</dd>
        <dt>Received</dt>
        <dd>${clock(request.receivedAt)}, took ${span(request.seconds)}</dd>
        <dt>Fault</dt>
        <dd>${request.fault ? html`<span class="tag fault">${request.fault}</span>` : "none"}</dd>
        <dt>Key</dt>
        <dd>${request.authorization}</dd>
        <dt>Connection</dt>
        <dd>${count(request.connection)}</dd>
      </dl>
    </section>
    ${request.attempts.length > 1 ? html`<${Attempts} attempts=${request.attempts} current=${request.index} />` : null}
    <${Copies} index=${request.index} />
    <section>
      <h3>Changes</h3>
      ${request.changes.length ? html`<${Changes} changes=${request.changes} withCell />` : html`<p class="muted">It changed no cell.</p>`}
    </section>
    <${Message} title="Request" headers=${request.headers} body=${request.body} />
    <${Message} title="Reply" headers=${request.replyHeaders} body=${request.replyBody} isSent=${request.status !== null} />
  `;
}

function Attempts({ attempts, current }) {
  return html`<section>
    <h3>${count(attempts.length)} attempts of one call</h3>
    <table class="plain">
      <thead>
        <tr>
          <th>Request</th>
          <th class="number">After</th>
          <th>Status</th>
          <th>Fault</th>
        </tr>
      </thead>
      <tbody>
        ${attempts.map(
          (each) =>
            html`<tr key=${each.index} aria-current=${each.index === current ? "true" : null}>
              <td><a href=${`#requests/${each.index}`}>${count(each.index)}</a></td>
              <td class="number">${each.wait === null ? "" : span(each.wait)}</td>
              <td><span class=${`tag ${statusTone(each.status)}`}>${statusText(each.status)}</span></td>
              <td>${each.fault ? html`<span class="tag fault">${each.fault}</span>` : ""}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </section>`;
}

/** The request as something to run; what was copied is shown as well. */
function Copies({ index }) {
  const [copied, setCopied] = useState(null);
  const make = (form) =>
    attempt(async () => {
      const { text } = await api.get(`requests/${index}/copy`, { as: form });
      setCopied({ form, text });
      await copy(text, `request as ${FORMS[form]}`);
    });
  return html`<section>
    <h3>Copy as</h3>
    <div class="row">
      ${Object.entries(FORMS).map(
        ([form, title]) =>
          html`<button key=${form} aria-pressed=${copied?.form === form ? "true" : "false"} onClick=${() => make(form)}>${title}</button>`,
      )}
    </div>
    ${copied ? html`<pre class="text" data-copied=${copied.form}>${copied.text}</pre>` : null}
  </section>`;
}

function Message({ title, headers, body, isSent = true }) {
  if (!isSent) {
    return html`<section>
      <h3>${title}</h3>
      <p class="muted">No reply was sent.</p>
    </section>`;
  }
  return html`
    <section>
      <h3>${title} headers</h3>
      <dl class="facts headers mono">
        ${headers.map(([name, value], position) => [
          html`<dt key=${`n${position}`}>${name}</dt>`,
          html`<dd key=${`v${position}`}>${value}</dd>`,
        ])}
      </dl>
    </section>
    <section>
      <h3>${title} body <span class="muted">${body.kind === "none" ? "" : bytes(body.size)}</span></h3>
      <${Body} body=${body} />
    </section>
  `;
}

function Body({ body }) {
  if (body.kind === "none") return html`<p class="muted">Empty.</p>`;
  if (body.kind === "binary" || body.kind === "file")
    return html`<p class="muted">${bytes(body.size)} of a file; not kept.</p>`;
  return html`<pre class="text">${body.kind === "json" ? prettyText(body.text) : body.text}</pre>
    ${body.cut ? html`<p class="muted small">The beginning; ${bytes(body.size)} in all.</p>` : null}`;
}
