"""Files that are dropped on the page."""

from __future__ import annotations

from typing import Any, Final

DROP: Final = """({ where, files }) => {
  const held = new DataTransfer();
  for (const { name, bytes } of files) held.items.add(new File([new Uint8Array(bytes)], name));
  if (!files.length) held.setData("text/plain", "text");
  return ["dragenter", "dragover", "drop"].map((type) => {
    const event = new DragEvent(type, { dataTransfer: held, bubbles: true, cancelable: true });
    document.querySelector(where).dispatchEvent(event);
    return event.defaultPrevented;
  }).slice(1);
}"""
"""Drops files, or text where there are none; tells whether the page took the drag and the drop."""


def dropped(name: str, content: bytes) -> dict[str, Any]:
    """A file as the script that drops it takes it."""
    return {"name": name, "bytes": list(content)}
