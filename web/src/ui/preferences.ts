// What a person prefers, kept by the browser: theme, clock, width of the panels. Not part of a
// link, because the one who follows it has preferences too.
import { create } from "zustand";
import type { Zone } from "../lib/time";

export type Theme = "system" | "light" | "dark";

interface Preferences {
  theme: Theme;
  zone: Zone;
  /** Width of the trace page's reading pane, in per cent of the window. */
  paneWidth: number;
  setTheme: (theme: Theme) => void;
  setZone: (zone: Zone) => void;
  setPaneWidth: (per100: number) => void;
}

// public/theme.js reads the first of these before the app runs.
const keys = { theme: "tiltmeter.theme", zone: "tiltmeter.zone", paneWidth: "tiltmeter.pane" };

function read(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden: the choice then lives as long as the page.
  }
}

/** The pane keeps room for the waterfall on its left, and for a line of text. */
const paneBounds = { min: 28, max: 72, fallback: 46 };
export const clampPane = (n: number) => Math.min(Math.max(n, paneBounds.min), paneBounds.max);

const themes = new Set(["light", "dark"]);
const storedTheme = read(keys.theme);

export const usePreferences = create<Preferences>((set) => ({
  theme: themes.has(storedTheme) ? (storedTheme as Theme) : "system",
  zone: read(keys.zone) === "utc" ? "utc" : "local",
  paneWidth: clampPane(Number(read(keys.paneWidth)) || paneBounds.fallback),
  setTheme: (theme) => {
    write(keys.theme, theme);
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    set({ theme });
  },
  setZone: (zone) => {
    write(keys.zone, zone);
    set({ zone });
  },
  setPaneWidth: (per100) => {
    const paneWidth = clampPane(per100);
    write(keys.paneWidth, String(Math.round(paneWidth)));
    set({ paneWidth });
  },
}));
