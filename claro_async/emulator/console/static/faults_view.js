// Faults: presets, switches for each operation and kind, and what is on.

import { html, useRef, useState } from "./vendor/htm-preact.js";
import * as api from "./api.js";
import { attempt, say } from "./dialogs.js";
import { SETTINGS, SWITCHES, belongs, request } from "./fault_kinds.js";
import { FaultList } from "./fault_list.js";
import { count } from "./format.js";
import { OtherFault } from "./other_fault.js";

export function FaultsView({ session }) {
  const { faults, operations, miningOperations } = session.state;
  const [settings, setSettings] = useState(SETTINGS);
  const on = faults.filter(({ state }) => state === "on");
  const refresh = async () => session.update(await api.get("faults"));
  const add = (body) =>
    attempt(async () => {
      await api.post("faults", body);
      await refresh();
    });
  const flip = async (operation, kind) => {
    const same = on.filter(
      (fault) => fault.operation === operation && fault.preset === null && belongs(fault, kind),
    );
    if (!same.length) return add(request(operation, kind, settings));
    return attempt(async () => {
      await Promise.all(same.map(({ id }) => api.remove(`faults/${id}`)));
      await refresh();
    });
  };
  return html`<div class="faults-view">
    <section class="faults-main" aria-label="Switches">
      <${Presets} session=${session} on=${on} refresh=${refresh} />
      <${Settings} settings=${settings} onChange=${setSettings} />
      <${Matrix} rows=${["*", ...operations, "download", ...miningOperations]} on=${on} onFlip=${flip} />
      <${OtherFault} session=${session} onAdd=${add} settings=${settings} />
    </section>
    <${FaultList} session=${session} faults=${faults} refresh=${refresh} />
  </div>`;
}

function Presets({ session, on, refresh }) {
  const [seconds, setSeconds] = useState(60);
  const flip = (preset, isOn) =>
    attempt(async () => {
      const where = api.path("presets", preset.name);
      if (isOn) await api.remove(where);
      else await api.post(where, { seconds: seconds || null });
      await refresh();
      say(isOn ? `${preset.title} is off.` : `${preset.title} is on${seconds ? ` for ${count(seconds)} s` : ""}.`);
    });
  return html`<div class="presets">
    ${session.state.presets.map((preset) => {
      const isOn = on.some((fault) => fault.preset === preset.name);
      return html`<button key=${preset.name} class="preset" aria-pressed=${isOn ? "true" : "false"} onClick=${() => flip(preset, isOn)}>
        <b>${preset.title}</b> <span class=${`tag ${isOn ? "fault" : ""}`}>${isOn ? "on" : "off"}</span>
        <span class="muted small">${preset.description}</span>
      </button>`;
    })}
    <label class="field">
      Presets last, s
      <input type="number" min="0" placeholder="no end" value=${seconds || ""} onInput=${(event) => setSeconds(Number(event.target.value))} />
    </label>
  </div>`;
}

/** What the next switch takes. */
function Settings({ settings, onChange }) {
  const set = (name, value) => onChange({ ...settings, [name]: value });
  const field = (name, title, more = {}) =>
    html`<label class="field">
      ${title}
      <input type="number" min="0" step="any" value=${settings[name]} onInput=${(event) => set(name, Number(event.target.value))} ...${more} />
    </label>`;
  return html`<div class="toolbar settings" role="group" aria-label="What the next switch takes">
    ${field("share", "Share %", { max: 100 })} ${field("after", "Skip first", { step: 1 })}
    <label class="field">
      Switch off
      <select value=${settings.end} onChange=${(event) => set("end", event.target.value)}>
        <option value="times">after a count</option>
        <option value="seconds">after a time</option>
        <option value="never">by hand</option>
      </select>
    </label>
    ${settings.end === "times" ? field("times", "Requests", { min: 1, step: 1 }) : null}
    ${settings.end === "seconds" ? field("seconds", "Seconds", { min: 0.1 }) : null}
    <span class="divider"></span>
    ${field("retryAfter", "Retry-After s")} ${field("status", "5xx status", { min: 400, max: 599, step: 1 })}
    ${field("delay", "Wait s")} ${field("jitter", "Jitter s")}
  </div>`;
}

/** A switch for each operation and kind; arrow keys go from one to the next. */
function Matrix({ rows, on, onFlip }) {
  const [focused, setFocused] = useState([0, 0]);
  const table = useRef(null);
  const keys = (event) => {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const row = Math.min(rows.length - 1, Math.max(0, focused[0] + step[0]));
    const column = Math.min(SWITCHES.length - 1, Math.max(0, focused[1] + step[1]));
    setFocused([row, column]);
    table.current.querySelector(`[data-switch="${row}:${column}"]`)?.focus();
  };
  return html`<div class="matrix" ref=${table} onKeyDown=${keys}>
    <table>
      <thead>
        <tr>
          <th scope="col">Operation</th>
          ${SWITCHES.map(({ name, title, about }) => html`<th scope="col" key=${name} title=${about}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (operation, row) =>
            html`<tr key=${operation}>
              <th scope="row">${operation === "*" ? "all operations" : operation}</th>
              ${SWITCHES.map((kind, column) => {
                const own = on.filter((fault) => fault.operation === operation && belongs(fault, kind));
                const isFocused = focused[0] === row && focused[1] === column;
                return html`<td key=${kind.name}>
                  <button
                    class="switch"
                    role="switch"
                    data-switch=${`${row}:${column}`}
                    tabindex=${isFocused ? 0 : -1}
                    aria-checked=${own.length ? "true" : "false"}
                    aria-label=${`${operation === "*" ? "all operations" : operation}: ${kind.title}`}
                    title=${`${kind.about} (${operation === "*" ? "all operations" : operation})`}
                    onFocus=${() => setFocused([row, column])}
                    onClick=${() => onFlip(operation, kind)}
                  >
                    ${own.length ? left(own) : ""}
                  </button>
                </td>`;
              })}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** How many requests will still be struck, where that is known. */
function left(faults) {
  const counted = faults.filter(({ times }) => times !== null);
  return counted.length ? count(counted.reduce((sum, { times, hits }) => sum + times - hits, 0)) : "on";
}
