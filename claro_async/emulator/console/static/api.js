// Requests to the console's JSON interface, `/_emulator/api/`.

import { bytes } from "./format.js";

const BASE = "/_emulator/api/";

/** A reply that says no, or none at all; `message` is for people. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Read a cell's JSON: whole numbers beyond a double's precision stay what they are, where the browser can. */
export const parse = (text) => (/\d{16}/.test(text) && JSON.rawJSON ? JSON.parse(text, exact) : JSON.parse(text));

function exact(key, value, context) {
  const isInexact = Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source);
  return isInexact ? JSON.rawJSON(context.source) : value;
}

/** Put ids together as a path: each is one segment, whatever it holds. */
export const path = (...segments) => segments.map(encodeURIComponent).join("/");

export const get = (where, query = {}, signal = undefined) => send("GET", where + queryString(query), { signal });
export const post = (where, body = {}) => send("POST", where, json(body));
export const patch = (where, body) => send("PATCH", where, json(body));
export const remove = (where) => send("DELETE", where, json({}));

/** Send a file's bytes; they become a dataset and a data source. */
export async function upload(file, most) {
  if (file.size > most) throw new ApiError(`${file.name} is larger than ${bytes(most)}.`, 413);
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new ApiError(`${file.name} cannot be read: it is a folder, or it is gone.`, 0);
  }
  return send("POST", "files" + queryString({ fileName: file.name }), {
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });
}

export const events = (after) => new EventSource(BASE + "events" + queryString({ after }));

function json(body) {
  return { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

function queryString(query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? "?" + new URLSearchParams(given) : "";
}

async function send(method, where, options) {
  let reply;
  try {
    reply = await fetch(BASE + where, { method, ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The emulator does not answer.", 0);
  }
  const text = await reply.text();
  const body = jsonOf(where.startsWith("datasets/") ? parse : JSON.parse, text);
  if (reply.ok) return body;
  throw new ApiError(sentence(body, reply.status), reply.status);
}

function jsonOf(read, text) {
  try {
    return read(text);
  } catch {
    return null;
  }
}

function sentence(body, status) {
  if (!body) return `The emulator answered with status ${status}.`;
  const { parameter, message } = body.details ?? {};
  return [body.error, [parameter, message].filter(Boolean).join(": ")].filter(Boolean).join(" — ");
}
