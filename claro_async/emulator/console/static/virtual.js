// Which rows of a long list are drawn, and where. Browsers limit the height of an element, so a very long list
// is scrolled at a scale.

const MAX_HEIGHT = 15_000_000; // pixels; the least limit of the common browsers is some 17 million
const OVERSCAN = 6; // rows drawn beyond either edge

/** Where the rows of a list stand that is scrolled to `scrollTop`. */
export function windowOf({ count, rowHeight, viewport, scrollTop }) {
  const { height, scale } = scaled(count, rowHeight, viewport);
  const top = scrollTop * scale;
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const last = Math.min(count, Math.ceil((top + viewport) / rowHeight) + OVERSCAN);
  return { height, first, last, offset: scrollTop + first * rowHeight - top };
}

/** The scroll position that shows a row, as near to the present one as can be. */
export function scrollToShow({ count, rowHeight, viewport, scrollTop, row }) {
  const { scale } = scaled(count, rowHeight, viewport);
  const top = scrollTop * scale;
  const lowest = row * rowHeight;
  const highest = lowest + rowHeight - viewport;
  if (top > lowest) return lowest / scale;
  return top < highest ? highest / scale : scrollTop;
}

function scaled(count, rowHeight, viewport) {
  const full = count * rowHeight;
  const height = Math.min(full, MAX_HEIGHT);
  return { height, scale: height > viewport ? (full - viewport) / (height - viewport) : 1 };
}
