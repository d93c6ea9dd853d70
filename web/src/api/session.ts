// Who this browser is to the server. A key is traded once for a session in a cookie that scripts
// cannot read, so that no text which a model wrote could ever reach the key.
import { create } from "zustand";
import { ApiError, toApiError } from "./error";

/** Not in the OpenAPI document: it is for browsers, programs send their key with each request. */
const path = "/v1/session";

async function ask(init: RequestInit): Promise<void> {
  const response = await fetch(`${globalThis.location.origin}${path}`, init).catch(() => undefined);
  if (!response) throw new ApiError("The server does not answer.", 0, "");
  if (!response.ok) throw toApiError(response, await response.json().catch(() => undefined));
}

/** Begins a session with a key; the server's refusal is thrown. */
export async function signIn(key: string): Promise<void> {
  await ask({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key }) });
}

export async function signOut(): Promise<void> {
  await ask({ method: "DELETE" });
}

interface AccessState {
  /** Why the server refused; empty while it does not. */
  refusal: string;
  deny: (reason: string) => void;
  allow: () => void;
}

/** Whether the server asks who we are: the shell then asks for a key in the place of the page. */
export const useAccess = create<AccessState>((set) => ({
  refusal: "",
  deny: (reason) => set({ refusal: reason || "The server asks for a key." }),
  allow: () => set({ refusal: "" }),
}));
