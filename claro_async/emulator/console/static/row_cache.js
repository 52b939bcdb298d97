// Rows of a dataset as they were fetched, a slice at a time.

const CELLS_AT_ONCE = 20_000;
const CELLS_KEPT = 600_000;
const [FEWEST_ROWS, MOST_ROWS] = [10, 100]; // of a slice
const [FEWEST_KEPT, MOST_KEPT] = [8, 60]; // slices

/** Fetches the slices that are shown, leaves off those that were scrolled past, and forgets the oldest. */
export class RowCache {
  total = null;
  onChange = () => {};

  #fetch;
  #slice; // rows
  #kept; // slices
  #slices = new Map(); // by number: rows of cells; in order of use
  #loading = new Map(); // by number: the AbortController
  #stale = new Set(); // shown until the new ones are there
  #outrun = new Set(); // changed while they were being fetched: fetched once more
  #first = 0;
  #last = 0;

  /**
   * @param columns how many cells a row has: of wide ones fewer are fetched at once, and kept
   * @param fetch called with skip, limit and a signal
   */
  constructor(columns, fetch) {
    this.#fetch = fetch;
    this.#slice = within(FEWEST_ROWS, CELLS_AT_ONCE / columns, MOST_ROWS);
    this.#kept = within(FEWEST_KEPT, CELLS_KEPT / (columns * this.#slice), MOST_KEPT);
  }

  /** The cells of a row, or undefined until they are there. */
  row(number) {
    return this.#slices.get(Math.floor(number / this.#slice))?.[number % this.#slice];
  }

  /** Say which rows are visible: from `first` up to, without, `last`. */
  show(first, last) {
    [this.#first, this.#last] = [first, last];
    const [from, to] = [first, Math.max(first, last - 1)].map((row) => Math.floor(row / this.#slice));
    for (const [number, controller] of this.#loading) {
      if (number < from - 1 || number > to + 1) controller.abort();
    }
    for (let number = from; number <= to; number += 1) {
      if (!this.#slices.has(number) || this.#stale.has(number)) this.#load(number);
    }
  }

  /** Fetch all that is shown anew. */
  refresh() {
    for (const number of this.#slices.keys()) this.#stale.add(number);
    for (const controller of this.#loading.values()) controller.abort();
    this.#loading.clear();
    this.retry();
  }

  /** Fetch what is shown and not here. */
  retry() {
    this.show(this.#first, this.#last);
  }

  /** Write a change into the row that it belongs to, if that is here. */
  apply(change, position) {
    const number = Math.floor(change.row / this.#slice);
    if (this.#loading.has(number)) this.#outrun.add(number);
    const cell = this.row(change.row)?.[position];
    if (!cell) return;
    cell.changed = (cell.changed ?? 0) + 1;
    if (change.what === "edit") {
      cell.value = change.value;
      cell.metadata = undefined;
    } else {
      cell.linkedDatasource = change.datasourceId;
    }
  }

  close() {
    for (const controller of this.#loading.values()) controller.abort();
    this.onChange = () => {};
  }

  async #load(number) {
    if (this.#loading.has(number)) return;
    const controller = new AbortController();
    this.#loading.set(number, controller);
    try {
      const reply = await this.#fetch(number * this.#slice, this.#slice, controller.signal);
      this.total = reply.total;
      this.#stale.delete(number);
      this.#slices.delete(number);
      this.#slices.set(number, reply.rows);
      for (const oldest of this.#slices.keys()) {
        if (this.#slices.size <= this.#kept) break;
        this.#slices.delete(oldest);
      }
    } catch {
      // left off, or the emulator is gone; the next look fetches it again
    }
    if (this.#loading.get(number) === controller) this.#loading.delete(number);
    if (this.#outrun.delete(number)) this.#load(number);
    this.onChange();
  }
}

const within = (least, value, most) => Math.floor(Math.min(most, Math.max(least, value)));
