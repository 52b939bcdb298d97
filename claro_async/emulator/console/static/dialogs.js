// Short messages, questions, and the clipboard.

import { html, useEffect, useRef, useState } from "./vendor/htm-preact.js";

const SHOWN = 6000; // ms
const messages = new EventTarget();

/** Show a message for some seconds. */
export const say = (text) => messages.dispatchEvent(new CustomEvent("message", { detail: { text, kind: "info" } }));

/** Show what went wrong. */
export const sayError = (error) =>
  messages.dispatchEvent(new CustomEvent("message", { detail: { text: error.message, kind: "error" } }));

/** Do what the user asked for, and show what went wrong; whether it went well. */
export async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    sayError(error);
    return false;
  }
}

/** Whether a drag brings files, not text. */
export const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");

export async function copy(text, name) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${name}.`);
  } catch {
    say(`The browser allows no copying here; select the ${name} and copy it by hand.`);
  }
}

export function Toasts() {
  const [shown, setShown] = useState([]);
  useEffect(() => {
    let next = 0;
    const add = ({ detail }) => {
      const message = { ...detail, number: next++ };
      setShown((before) => [...before.slice(-3), message]);
      setTimeout(() => setShown((before) => before.filter((each) => each !== message)), SHOWN);
    };
    messages.addEventListener("message", add);
    return () => messages.removeEventListener("message", add);
  }, []);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shown.map(({ number, text, kind }) => html`<div class="toast" key=${number} data-kind=${kind}>${text}</div>`)}
  </div>`;
}

/** A question before something is done that cannot be undone. Escape and Cancel call `onClose`. */
export function Confirm({ title, action, onConfirm, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    if (!element.open) element.showModal();
    return () => element.close(); // which gives the focus back
  }, []);
  const confirm = async (event) => {
    event.preventDefault();
    await onConfirm(new FormData(event.target));
    onClose();
  };
  return html`<dialog ref=${dialog} onClose=${onClose}>
    <form onSubmit=${confirm}>
      <h2>${title}</h2>
      ${children}
      <div class="buttons">
        <button type="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="danger">${action}</button>
      </div>
    </form>
  </dialog>`;
}
