// Loaded before the page is drawn, so that it does not flash in the wrong colours.
"use strict";
{
  const KEY = "claro-console-theme";
  const stored = () => {
    try {
      const theme = localStorage.getItem(KEY);
      return theme === "light" || theme === "dark" ? theme : null;
    } catch {
      return null; // storage is switched off: the system's choice it is
    }
  };
  const apply = (theme) => {
    if (theme && theme !== "system") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  globalThis.consoleTheme = {
    /** "light", "dark", or "system". */
    get: () => stored() ?? "system",
    set(theme) {
      try {
        if (theme === "system") localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, theme);
      } catch {
        // the choice holds for this page only
      }
      apply(theme);
      dispatchEvent(new Event("themechange"));
    },
  };
  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    dispatchEvent(new Event("themechange")),
  );
}
