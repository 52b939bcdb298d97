// A form for every kind of fault, with its details as JSON.

import { html, useState } from "./vendor/htm-preact.js";
import { sayError } from "./dialogs.js";
import { request } from "./fault_kinds.js";

export function OtherFault({ session, onAdd, settings }) {
  const { faultKinds, operations, miningOperations } = session.state;
  const [operation, setOperation] = useState("*");
  const [kind, setKind] = useState("html");
  const [details, setDetails] = useState("");
  const add = (event) => {
    event.preventDefault();
    let given;
    try {
      given = details.trim() ? JSON.parse(details) : {};
    } catch (error) {
      return sayError(new Error(`The details are not JSON: ${error.message}`));
    }
    return onAdd(request(operation, { kind, details: () => given }, settings));
  };
  const option = (value, title = value) => html`<option key=${value} value=${value}>${title}</option>`;
  return html`<form class="toolbar other-fault" onSubmit=${add}>
    <b>Any kind</b>
    <select aria-label="Operation" value=${operation} onChange=${(event) => setOperation(event.target.value)}>
      ${option("*", "all operations")} ${[...operations, "download", ...miningOperations].map((each) => option(each))}
    </select>
    <select aria-label="Kind" value=${kind} onChange=${(event) => setKind(event.target.value)}>
      ${Object.keys(faultKinds).map((each) => option(each))}
    </select>
    <input
      class="mono grow"
      aria-label="Details as JSON"
      placeholder=${faultKinds[kind]?.length ? `{} — takes ${faultKinds[kind].join(", ")}` : "{}"}
      value=${details}
      onInput=${(event) => setDetails(event.target.value)}
    />
    <button type="submit">Switch on</button>
  </form>`;
}
