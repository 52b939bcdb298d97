// Small hooks that several views use.

import { useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.js";

/** Size and scroll position of an element, kept up to date. */
export function useViewport() {
  const ref = useRef(null);
  const [viewport, setViewport] = useState({ width: 0, height: 0, top: 0, left: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    const read = () =>
      setViewport({
        width: element.clientWidth,
        height: element.clientHeight,
        top: element.scrollTop,
        left: element.scrollLeft,
      });
    const observer = new ResizeObserver(read);
    observer.observe(element);
    element.addEventListener("scroll", read, { passive: true });
    read();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", read);
    };
  }, []);
  return [ref, viewport];
}

/** Call back when the source sends this event, with its detail. */
export function useEvent(source, type, listener) {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const call = (event) => latest.current(event.detail);
    source.addEventListener(type, call);
    return () => source.removeEventListener(type, call);
  }, [source, type]);
}

/** Draw again every so often. */
export function useTick(milliseconds) {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}

/** What `load(signal)` gives, anew whenever one of the inputs changes; the value before stays until then. */
export function useLoaded(load, inputs) {
  const [result, setResult] = useState({ value: null, error: null, key: null });
  const key = JSON.stringify(inputs);
  useEffect(() => {
    const controller = new AbortController();
    load(controller.signal).then(
      (value) => setResult({ value, error: null, key }),
      (error) => error.name !== "AbortError" && setResult({ value: null, error, key }),
    );
    return () => controller.abort();
  }, [key]);
  return result;
}
