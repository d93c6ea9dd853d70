// The one place that talks to the server. Every failure leaves it as an ApiError.
import createClient, { type Middleware } from "openapi-fetch";
import { ApiError, toApiError } from "./error";
import type { paths } from "./schema";

const middleware: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return undefined;
    throw toApiError(response, await response.json().catch(() => undefined));
  },
  onError({ error }) {
    if (error instanceof ApiError || (error instanceof DOMException && error.name === "AbortError")) return undefined;
    return new ApiError("The server does not answer. Is it running, and is this address still right?", 0, "");
  },
};

export const client = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? "",
  // Looked up at each call, so that tests can stand in for the network.
  fetch: (request) => globalThis.fetch(request),
});
client.use(middleware);

/** Unwraps an answer. The middleware threw already when there is none. */
export function must<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new ApiError("The server's answer is empty.", 0, "");
  return answer.data;
}

/** Whether the server is there at all: a small file of the page, past the browser's cache. */
export async function expectServer(): Promise<void> {
  const response = await globalThis.fetch(`${globalThis.location.origin}/theme.js`, { cache: "no-store" }).catch(() => undefined);
  if (!response?.ok) throw new ApiError("The server still does not answer. Is it running, and is this address still right?", response?.status ?? 0, "");
}
