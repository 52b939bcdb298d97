// The frame: tabs, how the link to the emulator stands, the colours, and the view that is open.

import { html, render, useEffect, useErrorBoundary, useReducer, useState } from "./vendor/htm-preact.js";
import { DataView } from "./data_view.js";
import { Toasts, holdsFiles, say } from "./dialogs.js";
import { FaultsView } from "./faults_view.js";
import { count, countdown, decoded } from "./format.js";
import { leftOf } from "./history.js";
import { useTick } from "./hooks.js";
import { MiningView } from "./mining_view.js";
import { QuotaView } from "./quota_view.js";
import { RequestsView } from "./requests_view.js";
import { Session } from "./session.js";

const VIEWS = [
  { name: "data", title: "Data", view: DataView },
  { name: "requests", title: "Requests", view: RequestsView },
  { name: "quota", title: "Quota", view: QuotaView },
  { name: "faults", title: "Faults", view: FaultsView },
  { name: "mining", title: "Mining", view: MiningView },
];

const LINKS = {
  connecting: "connecting",
  live: "live",
  paused: "paused",
  lost: "no connection, trying again",
  crowded: "too many pages, trying again",
};
const BANNERS = {
  lost: "The emulator does not answer. What is shown is as it was; the page goes on by itself once it is back.",
  crowded: "The emulator serves no more pages of the console. Close another one, and this goes on by itself.",
};
const THEMES = { system: "light", light: "dark", dark: "system" }; // what a click changes to

function App({ session }) {
  const [, redraw] = useReducer((drawn) => drawn + 1, 0);
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const followHash = () => setRoute(readRoute());
    session.addEventListener("change", redraw);
    addEventListener("hashchange", followHash);
    document.addEventListener("keydown", focusFilter);
    addEventListener("dragover", keepFiles);
    addEventListener("drop", keepFiles);
    return () => {
      session.removeEventListener("change", redraw);
      removeEventListener("hashchange", followHash);
      document.removeEventListener("keydown", focusFilter);
      removeEventListener("dragover", keepFiles);
      removeEventListener("drop", keepFiles);
    };
  }, [session]);

  const { view: View } = VIEWS.find(({ name }) => name === route.view) ?? VIEWS[0];
  return html`
    <${Bar} session=${session} view=${route.view} />
    <${Banner} session=${session} />
    <main>
      ${
        session.state
          ? html`<${Guarded} key=${route.view} view=${View} session=${session} route=${route} />`
          : html`<p class="empty">${session.failure ?? "Reading the emulator's state …"}</p>`
      }
    </main>
    <${Toasts} />
  `;
}

/** A view, or what went wrong in it: the other views go on. */
function Guarded({ view: View, session, route }) {
  const [error, retry] = useErrorBoundary((thrown) => console.error(thrown));
  if (!error) return html`<${View} session=${session} route=${route} />`;
  return html`<div class="empty" role="alert">
    <p>This view cannot be shown: ${error.message}</p>
    <p><button onClick=${retry}>Try again</button></p>
  </div>`;
}

/** The part of the address after `#`: a view, and what is open in it. */
function readRoute() {
  const [view, ...rest] = location.hash.slice(1).split("/").map(decoded);
  return VIEWS.some(({ name }) => name === view) ? { view, rest } : { view: "data", rest: [] };
}

function Bar({ session, view }) {
  const [theme, setTheme] = useState(consoleTheme.get());
  const switchTheme = () => {
    consoleTheme.set(THEMES[theme]);
    setTheme(consoleTheme.get());
  };
  const on = session.state?.faults.filter((fault) => fault.state === "on").length ?? 0;
  const badges = { requests: session.total || null, faults: on || null };
  return html`<header class="bar">
    <h1>Claro emulator <span>${session.state?.version ?? ""}</span></h1>
    <nav class="tabs" aria-label="Views">
      ${VIEWS.map(
        ({ name, title }) =>
          html`<a key=${name} href=${"#" + name} aria-current=${name === view ? "page" : null}>
            ${title}
            ${badges[name] ? html`<span class=${`tag ${name === "faults" ? "fault" : ""}`}>${count(badges[name])}</span>` : null}
          </a>`,
      )}
    </nav>
    <div class="bar-side">
      <${QuotaSummary} session=${session} />
      <span class="link-state" data-state=${session.link} role="status">${LINKS[session.link]}</span>
      <button class="plain" onClick=${switchTheme} title=${`Colours: ${theme}. Switch to ${THEMES[theme]}.`}>
        <span class="muted wide-only">Theme</span> ${theme === "system" ? "auto" : theme}
      </button>
    </div>
  </header>`;
}

function QuotaSummary({ session }) {
  useTick(1000);
  const quota = session.state?.quota;
  if (!quota || quota.limit === null) return null;
  const { left, remaining } = leftOf(quota, session.now());
  return html`<a class="quota-summary" href="#quota" title="Requests left in this window of the rate limit">
    <meter min="0" max=${quota.limit} low=${quota.limit * 0.1} value=${remaining}></meter>
    <span class="number">${count(remaining)} / ${count(quota.limit)}</span>
    <span class="muted number quota-left">${left > 0 ? countdown(left) : ""}</span>
  </a>`;
}

function Banner({ session }) {
  if (BANNERS[session.link] && session.state) return html`<div class="banner" role="alert">${BANNERS[session.link]}</div>`;
  if (!session.notice) return html`<div></div>`;
  return html`<div class="banner" role="alert">
    ${session.notice}
    <button onClick=${() => session.dismiss()}>Close</button>
  </div>`;
}

/** A file that is dropped where none is taken must not replace the page. */
function keepFiles(event) {
  if (event.defaultPrevented || !holdsFiles(event)) return;
  event.preventDefault();
  if (event.type === "drop") say("Files are added in the Data view: drop them there.");
}

/** `/` goes to the filter of the view that is open. */
function focusFilter(event) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const filter = document.querySelector("[data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
  filter.select?.();
}

const root = document.getElementById("app");
const session = new Session();
root.replaceChildren();
render(html`<${App} session=${session} />`, root);
session.start();
