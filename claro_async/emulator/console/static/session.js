// What the page knows of the emulator: its state, the log of requests, and the stream that keeps both up to date.

import * as api from "./api.js";

const LOG_SLICE = 500; // requests fetched at once
const WITH_VALUES = new Set(["requests", "cells"]); // events that hold values of cells
const RETRY = 2000; // ms until a stream that the browser gave up is opened again

/**
 * The one source of what the views show.
 *
 * Sends `change` at most once a frame, and `cells`, `world` and `reset` as they come.
 */
export class Session extends EventTarget {
  link = "connecting"; // "connecting", "live", "paused", "lost" or "crowded"
  state = null;
  requests = new Map(); // by index: summaries of the requests that are kept
  version = 0; // grows with the log
  total = 0;
  notice = null; // what the user should know, until dismissed
  failure = null; // why the state could not be read

  #source = null;
  #position = null;
  #epoch = null; // which run of the emulator it is
  #offset = 0; // emulator's clock less ours, in seconds
  #frame = 0;
  #loading = 0;

  /** Read the state, then follow what happens. */
  async start() {
    await this.#load();
    if (!this.state) {
      setTimeout(() => this.start(), RETRY);
      return;
    }
    this.#follow();
    document.addEventListener("visibilitychange", () => this.#follow());
  }

  /** Follow while somebody looks: browsers open few connections to a host, and a stream takes one of them. */
  #follow() {
    if (!document.hidden) {
      this.#open();
      return;
    }
    this.#source?.close();
    this.link = "paused";
    this.changed();
  }

  /** The time by the emulator's clock, in epoch seconds. */
  now() {
    return Date.now() / 1000 + this.#offset;
  }

  /** How many requests of a call are known. */
  attempts(call) {
    let known = 0;
    for (const each of this.requests.values()) if (each.call === call) known += 1;
    return known;
  }

  dismiss() {
    this.notice = null;
    this.changed();
  }

  changed() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** Take over what a call to the interface returned, without waiting for the stream. */
  update(part) {
    this.state = { ...this.state, ...part };
    this.changed();
  }

  async refreshDatasets() {
    try {
      this.update(await api.get("datasets"));
    } catch {
      // the stream tells when the emulator is gone
    }
  }

  /** Read what the stream tells the changes of only: it began when it was opened. */
  async #catchUp() {
    const before = this.state;
    try {
      const now = await api.get("state");
      for (const part of ["datasets", "faults", "quota", "invariants"]) {
        if (this.state[part] === before[part]) this.update({ [part]: now[part] }); // else the stream was faster
      }
    } catch {
      // the stream tells when the emulator is gone
    }
  }

  async #load() {
    const loading = ++this.#loading;
    try {
      const state = await api.get("state");
      const { invariants } = state;
      this.state = state;
      this.failure = null;
      this.total = invariants.requests;
      this.#position = state.position;
      this.#offset = state.now - Date.now() / 1000;
      this.requests = new Map();
      this.version += 1;
      this.changed();
      await this.#loadLog(loading);
    } catch (error) {
      this.failure = error.message;
      this.link = "lost";
      this.changed();
    }
  }

  async #loadLog(loading) {
    for (let skip = 0, kept = 1; skip < kept; skip += LOG_SLICE) {
      const slice = await api.get("requests", { skip, limit: LOG_SLICE });
      if (loading !== this.#loading) return;
      kept = Math.min(slice.kept, this.state.limits.requestsKept);
      this.#add(slice.requests);
    }
  }

  #open() {
    this.#source?.close();
    const source = api.events(this.#position);
    this.#source = source;
    source.onerror = async () => {
      const isRefused = source.readyState === EventSource.CLOSED;
      const isThere = isRefused && (await api.get("quota").then(Boolean, () => false));
      if (source !== this.#source) return;
      this.link = isThere ? "crowded" : "lost";
      this.changed();
      if (isRefused) setTimeout(() => this.#follow(), RETRY);
    };
    for (const [type, act] of Object.entries(this.#acts)) {
      source.addEventListener(type, (event) => {
        if (event.lastEventId) this.#position = event.lastEventId;
        act((WITH_VALUES.has(type) ? api.parse : JSON.parse)(event.data));
        this.changed();
      });
    }
  }

  #acts = {
    hello: async ({ epoch }) => {
      const isSameRun = epoch === (this.#epoch ?? epoch);
      this.#epoch = epoch;
      this.link = "live";
      if (!isSameRun) return; // a `reset` follows
      await this.#catchUp();
      this.#send("live");
    },
    requests: ({ requests, cells, invariants, total }) => {
      this.#add(requests);
      this.total = total;
      this.state = { ...this.state, invariants, datasets: withEdits(this.state.datasets, cells) };
      this.#send("cells", cells);
    },
    cells: ({ cells }) => this.#send("cells", cells),
    world: async (what) => {
      await this.refreshDatasets();
      this.#sendWhenDrawn("world", what);
    },
    faults: ({ faults }) => {
      this.state = { ...this.state, faults };
    },
    quota: (quota) => {
      this.#offset = quota.now - Date.now() / 1000;
      this.state = { ...this.state, quota: { ...this.state.quota, ...quota, history: undefined } };
      this.#send("quota", quota);
    },
    reset: async ({ reason }) => {
      this.notice = NOTICES[reason] ?? null;
      await this.#load();
      this.#sendWhenDrawn("reset", { reason });
    },
  };

  #add(requests) {
    for (const each of requests) this.requests.set(each.index, each);
    const most = this.state.limits.requestsKept;
    if (this.requests.size > most) {
      const indexes = [...this.requests.keys()].sort((a, b) => a - b);
      for (const index of indexes.slice(0, indexes.length - most)) this.requests.delete(index);
    }
    this.version += 1;
    this.changed();
  }

  /** Send once the views of what is gone are gone, too, so that they do not ask for it again. */
  #sendWhenDrawn(type, detail) {
    requestAnimationFrame(() => setTimeout(() => this.#send(type, detail)));
  }

  #send(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** Datasets with the edits that requests have made since. */
function withEdits(datasets, changes) {
  const more = new Map();
  for (const { what, datasetId } of changes) {
    if (what === "edit") more.set(datasetId, (more.get(datasetId) ?? 0) + 1);
  }
  if (!more.size) return datasets;
  return datasets.map((each) => ({ ...each, edits: each.edits + (more.get(each.datasetId) ?? 0) }));
}

const NOTICES = {
  restarted: "The emulator was restarted. Everything shown here is of the new run.",
  history: "More happened than the emulator keeps while this page was away. Everything was read anew.",
};
