// The API key of this browser. Kept for the tab only, unless the person asks for more.
import { create } from "zustand";

const storageKey = "tiltmeter.key";

function stored(): string {
  try {
    return sessionStorage.getItem(storageKey) ?? localStorage.getItem(storageKey) ?? "";
  } catch {
    return "";
  }
}

interface KeyState {
  key: string;
  /** Sets the key; `remember` keeps it after the tab is closed. */
  set: (key: string, remember: boolean) => void;
  forget: () => void;
}

export const useApiKey = create<KeyState>((set) => ({
  key: stored(),
  set: (key, remember) => {
    try {
      (remember ? localStorage : sessionStorage).setItem(storageKey, key);
    } catch {
      // Storage may be forbidden: the key then lives as long as the page.
    }
    set({ key });
  },
  forget: () => {
    try {
      sessionStorage.removeItem(storageKey);
      localStorage.removeItem(storageKey);
    } catch {
      // See above.
    }
    set({ key: "" });
  },
}));

export function authHeaders(): Record<string, string> {
  const { key } = useApiKey.getState();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

interface AccessState {
  /** Why the server refused; empty while it does not. */
  refusal: string;
  deny: (reason: string) => void;
  allow: () => void;
}

/** Whether the server refuses us: the shell then asks for a key in the place of the page. */
export const useAccess = create<AccessState>((set) => ({
  refusal: "",
  deny: (reason) => set({ refusal: reason || "The server asks for a key." }),
  allow: () => set({ refusal: "" }),
}));
