// The plot of the last minutes, drawn by uPlot in the page's colours.

import { html, useEffect, useRef } from "./vendor/htm-preact.js";
import { clock, count } from "./format.js";

/** Columns of numbers as `series` of history.js makes them. */
export function Plot({ columns, hasLimit }) {
  const box = useRef(null);
  const plot = useRef(null);
  const latest = useRef(columns);
  latest.current = columns;

  useEffect(() => {
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(box.current, hasLimit), latest.current, box.current);
    };
    const resize = new ResizeObserver(() => plot.current?.setSize(sizeOf(box.current)));
    draw();
    resize.observe(box.current);
    addEventListener("themechange", draw);
    return () => {
      resize.disconnect();
      removeEventListener("themechange", draw);
      plot.current.destroy();
    };
  }, [hasLimit]);
  useEffect(() => plot.current?.setData(columns), [columns]);

  return html`<div class="plot"><div class="plot-box" ref=${box}></div></div>`;
}

/** The size that is left for the canvas; the legend needs two lines where it is narrow. */
function sizeOf(element) {
  const legend = element.clientWidth < 620 ? 54 : 30;
  return { width: Math.max(200, element.clientWidth), height: Math.max(160, element.clientHeight - legend) };
}

/** A colour of the sheet as the canvas takes it, in percent of its strength. */
function colour(name, percent = 100) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `color-mix(in srgb, var(--${name}) ${percent}%, transparent)`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function options(element, hasLimit) {
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
    font,
  };
  const steps = uPlot.paths.stepped({ align: 1 });
  const incrs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000, 1000000];
  const whole = (plot, splits) => splits.map(count);
  return {
    ...sizeOf(element),
    padding: [12, hasLimit ? 0 : 12, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: { time: true },
      rate: { range: (plot, low, high) => [0, Math.max(5, high * 1.1)] },
      left: { range: (plot, low, high) => [0, Math.max(1, high * 1.05)] },
    },
    axes: [
      { ...axis, space: 68, values: (plot, splits) => splits.map((each) => clock(each).slice(0, 8)) },
      {
        ...axis,
        scale: "rate",
        label: "requests a second",
        labelFont: font,
        labelSize: 18,
        size: 48,
        space: 44,
        incrs,
        values: whole,
      },
      {
        ...axis,
        scale: "left",
        side: 1,
        grid: { show: false },
        label: "remaining",
        labelFont: font,
        labelSize: 18,
        size: 52,
        space: 44,
        incrs,
        show: hasLimit,
        values: whole,
      },
    ],
    series: [
      { label: "Time", value: (plot, each) => (each === null ? "–" : clock(each).slice(0, 8)) },
      {
        label: "Let through",
        scale: "rate",
        stroke: colour("accent"),
        fill: colour("accent", 20),
        width: 1,
        paths: steps,
        points: { show: false },
      },
      {
        label: "Throttled",
        scale: "rate",
        stroke: colour("bad"),
        fill: colour("bad", 35),
        width: 1,
        paths: steps,
        points: { show: false },
      },
      {
        label: "Remaining",
        scale: "left",
        stroke: colour("good"),
        width: 1.5,
        dash: [5, 3],
        paths: steps,
        points: { show: false },
        show: hasLimit,
      },
    ],
  };
}
