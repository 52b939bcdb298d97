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

/**
 * What `load(signal)` gives, anew whenever one of the inputs changes; the value before stays until then, and also
 * when the emulator does not answer and no more than the last input has changed.
 */
export function useLoaded(load, inputs) {
  const [result, setResult] = useState({ value: null, error: null, subject: null });
  const key = JSON.stringify(inputs);
  const subject = JSON.stringify(inputs.slice(0, -1));
  useEffect(() => {
    const controller = new AbortController();
    load(controller.signal).then(
      (value) => setResult({ value, error: null, subject }),
      (error) => {
        if (error.name === "AbortError") return;
        const kept = (before) => (error.status === 0 && before.subject === subject ? before.value : null);
        setResult((before) => ({ value: kept(before), error, subject }));
      },
    );
    return () => controller.abort();
  }, [key]);
  return result;
}
